import { Failure } from "@postern/protocol";
import type { UploadRecord, UploadStore } from "../store.ts";
import { type Database, guarded, integer, type Row, text } from "./database.ts";

export function sqliteUploads(database: Database): UploadStore {
  const account = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const expire = database.prepare("DELETE FROM uploads WHERE expires_at <= ?");
  const total = database.prepare("SELECT coalesce(sum(size), 0) AS octets FROM uploads WHERE account = ?");
  const insert = database.prepare(
    "INSERT INTO uploads (account, id, size, content_type, filename, expires_at, is_whole) VALUES (?, ?, ?, ?, ?, ?, 0)",
  );
  // One that was removed meanwhile takes no more.
  const put = database.prepare(
    "INSERT INTO upload_pieces (account, id, piece, octets) SELECT account, id, ?, ? FROM uploads WHERE account = ? AND id = ?",
  );
  const finish = database.prepare("UPDATE uploads SET is_whole = 1 WHERE account = ? AND id = ?");
  const get = database.prepare(
    "SELECT id, size, content_type, filename, expires_at FROM uploads WHERE account = ? AND id = ? AND is_whole AND expires_at > ?",
  );
  const piece = database.prepare("SELECT octets FROM upload_pieces WHERE account = ? AND id = ? AND piece = ?");
  const remove = database.prepare("DELETE FROM uploads WHERE account = ? AND id = ?");

  return {
    begin: (accountId, { id, size, contentType, filename, expiresAt }, mostOctets) =>
      guarded(database, () =>
        database.transaction(() => {
          if (!account.get(accountId)) throw new Failure("not-found", { detail: "The account is gone" });
          expire.run(Date.now());
          if (integer(total.get(accountId) ?? {}, "octets") + size > mostOctets) return false;
          insert.run(accountId, id, size, contentType, filename, expiresAt);
          return true;
        }),
      ),
    put: (accountId, { id }, number, octets) =>
      guarded(database, () => {
        put.run(number, octets, accountId, id);
      }),
    finish: (accountId, id) => guarded(database, () => finish.run(accountId, id).changes > 0),
    get: (accountId, id) =>
      guarded(database, () => {
        const row = get.get(accountId, id, Date.now());
        return row ? fromRow(row) : null;
      }),
    piece: (accountId, id, number) =>
      guarded(database, () => {
        const octets = piece.get(accountId, id, number)?.["octets"];
        return octets instanceof Uint8Array ? octets : null;
      }),
    remove: (accountId, id) =>
      guarded(database, () => {
        remove.run(accountId, id);
      }),
  };
}

function fromRow(row: Row): UploadRecord {
  return {
    id: text(row, "id"),
    size: integer(row, "size"),
    contentType: text(row, "content_type"),
    filename: row["filename"] === null ? null : text(row, "filename"),
    expiresAt: integer(row, "expires_at"),
  };
}
