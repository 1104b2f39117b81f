import { type Account, type AccountInput, type AccountPatch, Failure } from "@postern/protocol";
import type { AccountRecord, Endpoint } from "@postern/store";
import type { Credentials, Secret } from "./credentials.ts";

type EndpointInput = NonNullable<AccountInput["smtp"]>;

export function endpointOf(input: EndpointInput): Endpoint {
  const { host, port, security, tls, user, password, accessToken } = input;
  const authentication = password !== undefined ? "password" : accessToken !== undefined ? "accessToken" : null;
  return { host, port, security, user: user ?? null, tls: tls ?? null, authentication };
}

export function imapEndpointOf(input: AccountInput["imap"]): AccountRecord["imap"] {
  return { ...endpointOf(input), user: input.user };
}

export function secretOf({ password, accessToken }: Secret): Secret {
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

/**
 * The IMAP settings after a patch. Whoever changes where or as whom Postern logs in must bring the secret: a kept password
 * must not be sent to a host that somebody without it has chosen.
 */
export function patchedImap(record: AccountRecord, known: Secret, patch: AccountPatch["imap"]): AccountInput["imap"] {
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
