import { Failure } from "@postern/protocol";
import { type AccountRecord, accountSealContext, type KeyRing } from "@postern/store";

/** Secrets of an account in the clear. They are opened here, go into a connection, and nowhere else. */
export interface Credentials {
  imap: Secret;
  smtp: Partial<Secret> | null;
}

export interface Secret {
  password?: string | undefined;
  accessToken?: string | undefined;
}

export function sealCredentials(ring: KeyRing, account: string, credentials: Credentials): string {
  return ring.seal(JSON.stringify(credentials), accountSealContext(account));
}

/** Throws `unavailable` where the keys at hand do not open it: an operator's mistake, not the caller's. */
export function openCredentials(ring: KeyRing, record: AccountRecord): Credentials {
  try {
    return JSON.parse(ring.open(record.sealed, accountSealContext(record.id))) as Credentials;
  } catch (error) {
    throw new Failure("unavailable", {
      detail: "The account's credentials cannot be opened with the keys at hand.",
      cause: error,
    });
  }
}
