import { randomInt } from "node:crypto";
import type { AccountRecord, AuditEntry, LeaseHolder, MailboxRecord, TokenRecord } from "../store.ts";

let made = 0;

export function account(id: string, changes: Partial<AccountRecord> = {}): AccountRecord {
  return {
    id,
    key: randomInt(2 ** 47),
    name: "Ada",
    source: "api",
    imap: {
      host: "imap.example.org",
      port: 993,
      security: "tls",
      user: "ada@example.org",
      tls: { ca: "-----BEGIN CERTIFICATE-----", servername: "mail.example.org" },
      authentication: "password",
    },
    smtp: null,
    sealed: "v1.k1.c2VhbGVk",
    disabled: false,
    generation: 1,
    version: 1,
    state: "connecting",
    stateDetail: null,
    stateAt: 1_790_000_000_000,
    createdAt: 1_790_000_000_001,
    updatedAt: 1_790_000_000_002,
    ...changes,
  };
}

export function token(id: string, changes: Partial<TokenRecord> = {}): TokenRecord {
  return {
    id,
    hash: "ab".repeat(32),
    name: null,
    scopes: ["read", "write"],
    accounts: [],
    createdAt: 1_790_000_000_000,
    expiresAt: null,
    ...changes,
  };
}

export function mailbox(path: string, changes: Partial<MailboxRecord> = {}): Omit<MailboxRecord, "key"> {
  return {
    path,
    uidValidity: 1,
    formerUidValidities: [],
    mailboxId: null,
    uidNext: 1,
    goneAt: null,
    sightings: [],
    ...changes,
  };
}

export function holder(id: string): LeaseHolder {
  return { id, worker: { id: `worker of ${id}`, url: `http://10.0.0.1:8026/${id}` } };
}

export function auditEntry(subject: string, changes: Partial<AuditEntry> = {}): AuditEntry {
  made += 1;
  return {
    at: 1_790_000_000_000 + made,
    actor: "admin",
    action: "account.created",
    subject,
    requestId: `request-${made}`,
    detail: null,
    ...changes,
  };
}

/** Comes back when `holds` does; what it asks for is bound to come, by a time to live that runs out. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
