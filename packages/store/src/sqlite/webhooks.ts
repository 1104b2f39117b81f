import { Failure } from "@postern/protocol";
import type { WebhookDelivery, WebhookStore } from "../store.ts";
import {
  KEPT_DELIVERIES,
  readCursor,
  readDelivery,
  readWebhook,
  writeCursor,
  writeDelivery,
  writeWebhook,
} from "../webhooks.ts";
import { type Database, guarded, text } from "./database.ts";

export function sqliteWebhooks(database: Database): WebhookStore {
  const accountIs = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const webhookIs = database.prepare("SELECT 1 FROM webhooks WHERE id = ?");
  const insert = database.prepare("INSERT INTO webhooks (id, account, version, body) VALUES (?, ?, ?, ?)");
  const byId = database.prepare("SELECT body FROM webhooks WHERE id = ? AND account IS ?");
  const ofAccount = database.prepare("SELECT body FROM webhooks WHERE account IS ? ORDER BY id");
  const replace = database.prepare(
    "UPDATE webhooks SET version = version + 1, body = ? WHERE id = ? AND account IS ? AND version = ?",
  );
  const erase = database.prepare("DELETE FROM webhooks WHERE id = ? AND account IS ?");
  const accounts = database.prepare("SELECT DISTINCT account FROM webhooks WHERE account IS NOT NULL");
  const cursorOf = database.prepare("SELECT body FROM webhook_cursors WHERE account = ? AND webhook = ?");
  const addCursor = database.prepare(
    "INSERT INTO webhook_cursors (account, webhook, version, body) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING",
  );
  const moveCursor = database.prepare(
    "UPDATE webhook_cursors SET version = version + 1, body = ? WHERE account = ? AND webhook = ? AND version = ?",
  );
  const forget = database.prepare("DELETE FROM webhook_deliveries WHERE account = ? AND webhook = ? AND id = ?");
  const note = database.prepare("INSERT INTO webhook_deliveries (account, webhook, id, body) VALUES (?, ?, ?, ?)");
  const trim = database.prepare(
    "DELETE FROM webhook_deliveries WHERE account = ?1 AND webhook = ?2 AND sequence NOT IN" +
      " (SELECT sequence FROM webhook_deliveries WHERE account = ?1 AND webhook = ?2 ORDER BY sequence DESC LIMIT ?3)",
  );
  const notes = database.prepare(
    "SELECT body FROM webhook_deliveries WHERE account = ? AND webhook = ? ORDER BY sequence DESC",
  );
  const noteOne = (account: string, webhook: string, delivery: WebhookDelivery): void => {
    forget.run(account, webhook, delivery.id);
    note.run(account, webhook, delivery.id, writeDelivery(delivery));
    trim.run(account, webhook, KEPT_DELIVERIES);
  };

  return {
    create: (record) =>
      guarded(database, () =>
        database.transaction(() => {
          if (record.account !== null && !accountIs.get(record.account))
            throw new Failure("not-found", { detail: "The account is gone" });
          insert.run(record.id, record.account, record.version, writeWebhook(record));
        }),
      ),
    get: (account, id) =>
      guarded(database, () => {
        const row = byId.get(id, account);
        return row ? readWebhook(text(row, "body")) : null;
      }),
    list: (account) => guarded(database, () => ofAccount.all(account).map((row) => readWebhook(text(row, "body")))),
    update: (record) =>
      guarded(database, () => {
        const { id, account, version } = record;
        const body = writeWebhook({ ...record, version: version + 1 });
        return replace.run(body, id, account, version).changes > 0;
      }),
    remove: (account, id) => guarded(database, () => erase.run(id, account).changes > 0),
    accounts: () => guarded(database, () => accounts.all().map((row) => text(row, "account"))),
    cursor: (account, webhook) =>
      guarded(database, () => {
        const row = cursorOf.get(account, webhook);
        return row ? readCursor(text(row, "body")) : null;
      }),
    putCursor: (account, cursor, delivery) =>
      guarded(database, () =>
        database.transaction(() => {
          const { webhook, version } = cursor;
          if (!accountIs.get(account) || !webhookIs.get(webhook)) return false;
          const body = writeCursor({ ...cursor, version: version + 1 });
          const { changes } =
            version === 0 ? addCursor.run(account, webhook, body) : moveCursor.run(body, account, webhook, version);
          if (changes === 0) return false;
          if (delivery) noteOne(account, webhook, delivery);
          return true;
        }),
      ),
    deliveries: (account, webhook) =>
      guarded(database, () => notes.all(account, webhook).map((row) => readDelivery(text(row, "body")))),
    noteDelivery: (account, webhook, delivery) =>
      guarded(database, () =>
        database.transaction(() => {
          if (cursorOf.get(account, webhook)) noteOne(account, webhook, delivery);
        }),
      ),
  };
}
