import { accountState, type Event, event, type NewEvent, type Position, scope } from "@postern/protocol";
import * as z from "zod";
import type { AccountRecord, AuditEntry, MailboxRecord, TokenRecord, WorkerEntry } from "./store.ts";

/**
 * How records are written, the same in every storage. What is compared or searched for (ids, keys, versions) has a place
 * of its own beside this text; all else is JSON, checked when it is read, so that a storage that was tampered with or
 * half restored is an error instead of a strange record.
 */
const endpoint = z.object({
  host: z.string(),
  port: z.number(),
  security: z.enum(["tls", "starttls", "none"]),
  user: z.string().nullable(),
  tls: z.object({ ca: z.string().optional(), servername: z.string().optional() }).nullable(),
  authentication: z.enum(["password", "accessToken"]).nullable(),
});

const accountBody = z.object({
  name: z.string().nullable(),
  source: z.enum(["api", "file"]),
  imap: endpoint.extend({ user: z.string() }),
  smtp: endpoint.nullable(),
  sealed: z.string(),
  disabled: z.boolean(),
  createdAt: z.number(),
  updatedAt: z.number(),
});

const accountStanding = z.object({ state: accountState, stateDetail: z.string().nullable(), stateAt: z.number() });

export interface StoredAccount {
  id: string;
  key: number;
  generation: number;
  version: number;
  body: string;
  /** State, its detail and its time: apart, since a worker writes them without knowing the rest. */
  standing: string;
}

export function writeAccount(record: AccountRecord): StoredAccount {
  const { id, key, generation, version } = record;
  const body = JSON.stringify(accountBody.parse(record));
  return { id, key, generation, version, body, standing: writeStanding(record) };
}

export function writeStanding(standing: z.infer<typeof accountStanding>): string {
  return JSON.stringify(accountStanding.parse(standing));
}

export function readAccount({ body, standing, ...compared }: StoredAccount): AccountRecord {
  return { ...compared, ...accountBody.parse(JSON.parse(body)), ...accountStanding.parse(JSON.parse(standing)) };
}

const token = z.object({
  id: z.string(),
  hash: z.string(),
  name: z.string().nullable(),
  scopes: z.array(scope),
  accounts: z.array(z.string()).nullable(),
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
});

export const writeToken = (record: TokenRecord): string => JSON.stringify(token.parse(record));
export const readToken = (text: string): TokenRecord => token.parse(JSON.parse(text));
export const hasExpired = (record: TokenRecord, now: number): boolean =>
  record.expiresAt !== null && record.expiresAt <= now;

/** The token without an account it is bound to; null when it is bound to no other. */
export function withoutAccount(record: TokenRecord, accountId: string): TokenRecord | null {
  const accounts = record.accounts?.filter((id) => id !== accountId) ?? null;
  return accounts?.length === 0 ? null : { ...record, accounts };
}

const mailboxBody = z.object({
  path: z.string(),
  uidValidity: z.number().nullable(),
  formerUidValidities: z.array(z.number()),
  mailboxId: z.string().nullable(),
  uidNext: z.number().nullable(),
  goneAt: z.number().nullable(),
  // Records from before it was kept have none.
  sightings: z.array(z.tuple([z.number(), z.number()])).default([]),
});

/** Without the key, which the storage gives. */
export const writeMailbox = (record: Omit<MailboxRecord, "key">): string => JSON.stringify(mailboxBody.parse(record));
export const readMailbox = (key: number, body: string): MailboxRecord => ({
  key,
  ...mailboxBody.parse(JSON.parse(body)),
});

const audit = z.object({
  at: z.number(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  requestId: z.string().nullable(),
  detail: z.string().nullable(),
});

export const writeAudit = (entry: AuditEntry): string => JSON.stringify(audit.parse(entry));
export const readAudit = (text: string): AuditEntry => audit.parse(JSON.parse(text));

const worker = z.object({ id: z.string(), url: z.string() });

export const writeWorker = (entry: WorkerEntry): string => JSON.stringify(worker.parse(entry));
export const readWorker = (text: string): WorkerEntry => worker.parse(JSON.parse(text));

/** Without its place, which is the storage's key to it. */
export const writeEvent = (accountId: string, made: NewEvent): string => JSON.stringify({ accountId, ...made });
export const readEvent = (id: Position, text: string): Event =>
  event.parse({ id, ...(JSON.parse(text) as Record<string, unknown>) });
/** As it is read back. */
export const asEvent = (id: Position, accountId: string, made: NewEvent): Event => ({ id, accountId, ...made });
