import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { Failure } from "@postern/protocol";

export type Row = Record<string, SQLOutputValue>;

/** Longest wait for another process' transaction. It holds up this process too, since node:sqlite is synchronous. */
const BUSY_TIMEOUT_MS = 2_000;

/**
 * What SQLite says when the storage, not the statement, is at fault: BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL,
 * CANTOPEN, NOTADB (https://www.sqlite.org/rescode.html).
 */
const storageFaults = new Set([5, 6, 7, 8, 10, 11, 13, 14, 26]);

/** One connection to one file. Statements are prepared once, by the ports. */
export class Database {
  readonly #connection: DatabaseSync;
  readonly #sync: "full" | "normal";

  /** `sync`: `full` survives a power cut, `normal` may lose the last writes in one, and neither is ever half written. */
  constructor(path: string, sync: "full" | "normal") {
    if (path !== ":memory:") makePrivate(path);
    this.#sync = sync;
    this.#connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    try {
      this.#connection.exec(`
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = ${sync};
        PRAGMA secure_delete = ON;
        PRAGMA journal_size_limit = 16777216;
      `);
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  prepare(sql: string): StatementSync {
    return this.#connection.prepare(sql);
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  /** All or nothing. Takes the write lock at once, so that what `work` reads is still so when it writes. */
  transaction<T>(work: () => T): T {
    return this.#within("BEGIN IMMEDIATE", work);
  }

  /** The same of what may be lost in a power cut: it waits for no disk, unless something that may not follows it. */
  hastily<T>(work: () => T): T {
    this.#connection.exec("PRAGMA synchronous = normal");
    try {
      return this.transaction(work);
    } finally {
      this.#connection.exec(`PRAGMA synchronous = ${this.#sync}`);
    }
  }

  /** All that `work` reads is of one moment. It must not write. */
  snapshot<T>(work: () => T): T {
    return this.#within("BEGIN", work);
  }

  #within<T>(begin: string, work: () => T): T {
    this.#connection.exec(begin);
    try {
      const result = work();
      this.#connection.exec("COMMIT");
      return result;
    } catch (error) {
      // SQLite itself rolls back after some errors, such as a full disk.
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close();
  }
}

/** SQLite gives its side files (-wal, -shm) the mode of the file. */
function makePrivate(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  try {
    chmodSync(path, 0o600);
  } catch {
    // A file that belongs to another user keeps the mode that its owner gave it.
  }
}

/** Runs synchronous work as a promise. A fault of the storage becomes `unavailable`. */
export async function guarded<T>(database: Database, work: () => T): Promise<T> {
  if (!database.isOpen) throw new Failure("unavailable", { detail: "The store is closed" });
  try {
    return work();
  } catch (error) {
    throw isStorageFault(error) ? new Failure("unavailable", { retryAfter: 1, cause: error }) : error;
  }
}

function isStorageFault(error: unknown): boolean {
  return storageFaults.has(primaryCode(error));
}

/** CORRUPT or NOTADB. */
export function isDamaged(error: unknown): boolean {
  return primaryCode(error) === 11 || primaryCode(error) === 26;
}

/** The low byte of what SQLite answers; 0 for what is no error of SQLite. */
function primaryCode(error: unknown): number {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : 0;
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`column ${column} holds no text`);
  return value;
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`column ${column} holds no integer`);
  return value;
}
