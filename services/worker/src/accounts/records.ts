import { randomInt } from "node:crypto";
import { type Account, type AccountInput, newAccountId } from "@postern/protocol";
import type { AccountRecord, Endpoint, KeyRing } from "@postern/store";
import { type Credentials, sealCredentials, type Secret } from "./credentials.ts";

type EndpointInput = NonNullable<AccountInput["smtp"]>;

export function endpointOf(input: EndpointInput): Endpoint {
  const { host, port, security, tls, user, password, accessToken } = input;
  const authentication = password !== undefined ? "password" : accessToken !== undefined ? "accessToken" : null;
  return { host, port, security, user: user ?? null, tls: tls ?? null, authentication };
}

export function imapEndpointOf(input: AccountInput["imap"]): AccountRecord["imap"] {
  return { ...endpointOf(input), user: input.user };
}

function secretOf({ password, accessToken }: Secret): Secret {
  return password !== undefined ? { password } : { accessToken };
}

export function credentialsOf(input: Pick<AccountInput, "imap" | "smtp">): Credentials {
  return { imap: secretOf(input.imap), smtp: input.smtp ? secretOf(input.smtp) : null };
}

/** How an account is shown to those who may see it. */
export function shown(record: AccountRecord): Account {
  const { id, name, state, stateDetail, imap, smtp } = record;
  return {
    id,
    name,
    state,
    stateDetail,
    stateAt: timeOf(record.stateAt),
    declared: record.source === "file",
    imap: {
      host: imap.host,
      port: imap.port,
      security: imap.security,
      user: imap.user,
      authentication: imap.authentication ?? "password",
    },
    smtp: smtp && { host: smtp.host, port: smtp.port, security: smtp.security, user: smtp.user },
    createdAt: timeOf(record.createdAt),
    updatedAt: timeOf(record.updatedAt),
  };
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

export function newRecord(ring: KeyRing, input: AccountInput, source: AccountRecord["source"]): AccountRecord {
  const now = Date.now();
  const id = input.id ?? newAccountId();
  return {
    id,
    key: randomInt(1, 2 ** 48 - 1),
    name: input.name ?? null,
    source,
    imap: imapEndpointOf(input.imap),
    smtp: input.smtp ? endpointOf(input.smtp) : null,
    sealed: sealCredentials(ring, id, credentialsOf(input)),
    disabled: false,
    // Later than whatever an account of the same id had before it was deleted: nothing learnt of that one is taken for this.
    generation: now,
    version: 1,
    state: "connecting",
    stateDetail: null,
    stateAt: now,
    createdAt: now,
    updatedAt: now,
  };
}
