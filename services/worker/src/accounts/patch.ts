import { type AccountInput, type AccountPatch, Failure } from "@postern/protocol";
import type { AccountRecord, KeyRing } from "@postern/store";
import { openCredentials, sealCredentials, type Secret } from "./credentials.ts";
import { credentialsOf, endpointOf, imapEndpointOf } from "./records.ts";

/** The account after a patch. Its generation is raised when the patch changes how to connect, or whether. */
export function patched(ring: KeyRing, record: AccountRecord, patch: AccountPatch): AccountRecord {
  const known = openCredentials(ring, record);
  const imap = patchedImap(record, known.imap, patch.imap);
  const smtp = patch.smtp === undefined ? null : patch.smtp;
  const now = Date.now();
  const disabled = patch.disabled ?? record.disabled;
  const changesLogin = patch.imap !== undefined || disabled !== record.disabled;
  const secrets = {
    imap: credentialsOf({ imap }).imap,
    smtp: patch.smtp === undefined ? known.smtp : smtp && credentialsOf({ imap, smtp }).smtp,
  };
  return {
    ...record,
    name: patch.name === undefined ? record.name : patch.name,
    imap: imapEndpointOf(imap),
    smtp: patch.smtp === undefined ? record.smtp : smtp && endpointOf(smtp),
    sealed: sealCredentials(ring, record.id, secrets),
    disabled,
    updatedAt: now,
    ...(changesLogin && {
      generation: record.generation + 1,
      state: disabled ? ("disabled" as const) : ("connecting" as const),
      stateDetail: null,
      stateAt: now,
    }),
  };
}

/** The names of what a patch touches, never what it says. */
export function changedFields({ imap, smtp, ...rest }: AccountPatch): string {
  const nested = (name: string, value: object | null | undefined): string[] =>
    value === undefined ? [] : value === null ? [name] : Object.keys(value).map((key) => `${name}.${key}`);
  return [...Object.keys(rest), ...nested("imap", imap), ...nested("smtp", smtp)].join(", ");
}

/**
 * The IMAP settings after a patch. Whoever changes where or as whom Postern logs in must bring the secret: a kept password
 * must not be sent to a host that somebody without it has chosen.
 */
function patchedImap(record: AccountRecord, known: Secret, patch: AccountPatch["imap"]): AccountInput["imap"] {
  if (patch?.password !== undefined && patch.accessToken !== undefined) throw bothSecrets();
  const bringsSecret = patch?.password !== undefined || patch?.accessToken !== undefined;
  const { host, port, security, user, tls } = record.imap;
  const target = { host, port, security, user, ...(tls && { tls }) };
  const merged = { ...target, ...definedOf(patch ?? {}) };
  const targetNow = {
    host: merged.host,
    port: merged.port,
    security: merged.security,
    user: merged.user,
    ...(merged.tls && { tls: merged.tls }),
  };
  const isMoved = JSON.stringify(targetNow) !== JSON.stringify(target);
  if (isMoved && !bringsSecret) throw secretWanted();
  return bringsSecret ? merged : { ...targetNow, ...known };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOf<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}

function bothSecrets(): Failure {
  return invalid("imap.password", "give a password or an accessToken, not both");
}

function secretWanted(): Failure {
  return invalid(
    "imap.password",
    "a change of host, port, security, tls or user needs the password or accessToken with it",
  );
}

function invalid(path: string, message: string): Failure {
  return new Failure("invalid-request", { detail: message, errors: [{ path, message }] });
}
