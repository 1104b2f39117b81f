import { NewerStoreError } from "../newer.ts";
import { type Database, integer } from "./database.ts";

/** Each brings the schema from the version that is its index to the next one. Those released are never changed. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    key INTEGER NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    standing TEXT NOT NULL
  ) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    expires_at INTEGER,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX tokens_by_expiry ON tokens (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE mailbox_sets (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    highest_key INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE mailboxes (
    account TEXT NOT NULL REFERENCES mailbox_sets (account) ON DELETE CASCADE,
    key INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE audit (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_subject ON audit (subject, position);
  CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE lease_holders (
    id TEXT PRIMARY KEY,
    worker TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE leases (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    holder TEXT,
    epoch INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE threads (
    account INTEGER NOT NULL REFERENCES accounts (key) ON DELETE CASCADE,
    thread INTEGER NOT NULL,
    joined INTEGER NOT NULL,
    seeds TEXT NOT NULL,
    PRIMARY KEY (account, thread)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX threads_by_joined ON threads (account, joined);
  CREATE TABLE thread_links (
    account INTEGER NOT NULL REFERENCES accounts (key) ON DELETE CASCADE,
    link BLOB NOT NULL,
    thread INTEGER NOT NULL,
    PRIMARY KEY (account, link)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE logs (
    account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    fence INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    oldest TEXT
  ) STRICT;
  CREATE TABLE events (
    account TEXT NOT NULL REFERENCES logs (account) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, epoch, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE seen_heads (
    account TEXT NOT NULL REFERENCES logs (account) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE seen_rows (
    account TEXT NOT NULL REFERENCES logs (account) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (account, key)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE moves (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    birth TEXT NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY (account, birth)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX moves_by_place ON moves (account, place);
  CREATE TABLE travelled (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    PRIMARY KEY (account, direction, mailbox)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE uploads (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    size INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    filename TEXT,
    expires_at INTEGER NOT NULL,
    is_whole INTEGER NOT NULL,
    PRIMARY KEY (account, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_by_expiry ON uploads (expires_at);
  CREATE TABLE upload_pieces (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    piece INTEGER NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (account, id, piece),
    FOREIGN KEY (account, id) REFERENCES uploads (account, id) ON DELETE CASCADE
  ) STRICT;
  `,
  `
  CREATE TABLE jobs (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX jobs_by_expiry ON jobs (expires_at);
  CREATE INDEX jobs_open ON jobs (account, id) WHERE is_open = 1;
  CREATE TABLE job_parts (
    account TEXT NOT NULL,
    job TEXT NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    result TEXT,
    PRIMARY KEY (account, job, number),
    FOREIGN KEY (account, job) REFERENCES jobs (account, id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE idempotency (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (actor, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
  `,
  `
  CREATE TABLE evidence (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    birth TEXT NOT NULL,
    handle TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX evidence_by_birth ON evidence (account, birth);
  CREATE INDEX evidence_by_handle ON evidence (account, handle);
  CREATE INDEX evidence_by_age ON evidence (account, sequence);
  `,
  `
  CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    account TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX webhooks_by_account ON webhooks (account, id);
  CREATE TABLE webhook_cursors (
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, webhook)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX webhook_cursors_by_webhook ON webhook_cursors (webhook);
  CREATE TABLE webhook_deliveries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    webhook TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    FOREIGN KEY (account, webhook) REFERENCES webhook_cursors (account, webhook) ON DELETE CASCADE
  ) STRICT;
  CREATE UNIQUE INDEX webhook_deliveries_by_id ON webhook_deliveries (account, webhook, id);
  CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (account, webhook, sequence);
  `,
  `
  ALTER TABLE evidence ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
  `,
];

export const cacheMigrations: readonly string[] = [
  `
  CREATE TABLE cache (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    size INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX cache_by_key ON cache (account, key);
  CREATE INDEX cache_by_expiry ON cache (expires_at);
  CREATE INDEX cache_by_use ON cache (used_at, size);
  `,
];

/** Brings the schema up to date in one transaction: two processes that start together do it once. */
export function migrate(database: Database, steps: readonly string[] = migrations): void {
  database.transaction(() => {
    database.exec("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT");
    const row = database.prepare("SELECT version FROM schema_version").get();
    const version = row ? integer(row, "version") : 0;
    if (version > steps.length) throw new NewerStoreError(version, steps.length);
    if (version === steps.length) return;
    for (const step of steps.slice(version)) database.exec(step);
    database.exec("DELETE FROM schema_version");
    database.prepare("INSERT INTO schema_version (version) VALUES (?)").run(steps.length);
  });
}
