import { EventEmitter } from "node:events";
import { comparePositions, type Event, Failure, type Position, readPosition } from "@postern/protocol";
import { asEvent, readEvent, writeEvent } from "../records.ts";
import { isWithin } from "../span.ts";
import type { EventLog, LogResult, LogSpan, LogStep } from "../store.ts";
import { type Database, type Row, guarded, integer, text } from "./database.ts";

/** Events of an account that are kept at least. */
export const KEPT_EVENTS = 100_000;

interface End {
  fence: number;
  epoch: number;
  number: number;
  oldest: Position | null;
}

const NOTHING: End = { fence: 0, epoch: 0, number: 0, oldest: null };

export function sqliteEvents(database: Database, kept = KEPT_EVENTS): EventLog {
  const growth = new EventEmitter().setMaxListeners(0);
  const account = database.prepare("SELECT 1 FROM accounts WHERE id = ?");
  const end = database.prepare("SELECT * FROM logs WHERE account = ?");
  const putEnd = database.prepare(
    "INSERT INTO logs (account, fence, epoch, number, oldest) VALUES (?, ?, ?, ?, ?) ON CONFLICT (account) DO UPDATE" +
      " SET fence = excluded.fence, epoch = excluded.epoch, number = excluded.number, oldest = excluded.oldest",
  );
  const insert = database.prepare("INSERT INTO events (account, epoch, number, body) VALUES (?, ?, ?, ?)");
  const page = database.prepare(
    "SELECT epoch, number, body FROM events WHERE account = ? AND (epoch, number) > (?, ?) ORDER BY epoch, number LIMIT ?",
  );
  const beyond = database.prepare(
    "SELECT epoch, number FROM events WHERE account = ? ORDER BY epoch DESC, number DESC LIMIT 1 OFFSET ?",
  );
  const trim = database.prepare("DELETE FROM events WHERE account = ? AND (epoch, number) <= (?, ?)");
  const parts = {
    heads: statementsFor(database, "seen_heads"),
    rows: statementsFor(database, "seen_rows"),
  };

  const endOf = (accountId: string): End => {
    const row = end.get(accountId);
    return row ? readEnd(row) : NOTHING;
  };

  /** All but the newest; where the first of those that stay is read from is the oldest position. */
  const trimmed = (accountId: string, oldest: Position | null): Position | null => {
    const row = beyond.get(accountId, kept);
    if (!row) return oldest;
    const [epoch, number] = [integer(row, "epoch"), integer(row, "number")];
    trim.run(accountId, epoch, number);
    return later(oldest, `${epoch}-${number}`);
  };

  const write = (accountId: string, step: LogStep): LogResult => {
    if (!account.get(accountId)) throw new Failure("not-found", { detail: "The account is gone" });
    const before = endOf(accountId);
    const head = headOf(before);
    if (step.epoch < before.fence) return { taken: false, because: "epoch", head };
    if (step.after !== head) return { taken: false, because: "after", head };
    const next = nextEpoch(before, step);
    const first = next.number + (step.begins ? 2 : 1);
    const number = first - 1 + step.events.length;
    const begun = step.begins ? `${next.epoch}-${first - 1}` : before.oldest;
    putEnd.run(accountId, Math.max(step.epoch, before.fence), next.epoch, number, begun);
    const events = step.events.map((made, at): Event => {
      insert.run(accountId, next.epoch, first + at, writeEvent(accountId, made));
      return asEvent(`${next.epoch}-${first + at}`, accountId, made);
    });
    parts.heads.write(accountId, step.heads ?? []);
    parts.rows.write(accountId, step.rows ?? []);
    if (step.events.length > 0) {
      putEnd.run(accountId, Math.max(step.epoch, before.fence), next.epoch, number, trimmed(accountId, begun));
    }
    return { taken: true, head: `${next.epoch}-${number}`, events };
  };

  const spanOf = (accountId: string): LogSpan | null => {
    const found = endOf(accountId);
    return found.oldest === null ? null : { oldest: found.oldest, head: headOf(found) };
  };

  return {
    append: async (accountId, step) => {
      const result = await guarded(database, () => database.transaction(() => write(accountId, step)));
      if (result.taken) growth.emit("growth", accountId);
      return result;
    },
    span: (accountId) => guarded(database, () => spanOf(accountId)),
    read: (accountId, { after, limit }) =>
      guarded(database, () =>
        database.snapshot(() => {
          const span = spanOf(accountId);
          const from = readPosition(after);
          if (!span || !from || !isWithin(span, after)) return null;
          const rows = page.all(accountId, from.epoch, from.number, limit);
          return { head: span.head, events: rows.map(eventOf) };
        }),
      ),
    heads: (accountId) =>
      guarded(database, () =>
        database.snapshot(() => ({
          head: headOf(endOf(accountId)),
          heads: new Map(parts.heads.all(accountId).map((row) => [text(row, "key"), text(row, "value")])),
        })),
      ),
    rows: (accountId, keys) =>
      guarded(database, () =>
        keys.map((key) => {
          const value = parts.rows.one(accountId, key)?.value;
          return value instanceof Uint8Array ? value : null;
        }),
      ),
    onGrowth: (listener) => {
      growth.on("growth", listener);
      return () => void growth.off("growth", listener);
    },
  };
}

function statementsFor(database: Database, table: "seen_heads" | "seen_rows") {
  const put = database.prepare(
    `INSERT INTO ${table} (account, key, value) VALUES (?, ?, ?) ON CONFLICT (account, key) DO UPDATE SET value = excluded.value`,
  );
  const erase = database.prepare(`DELETE FROM ${table} WHERE account = ? AND key = ?`);
  const all = database.prepare(`SELECT key, value FROM ${table} WHERE account = ?`);
  const one = database.prepare(`SELECT value FROM ${table} WHERE account = ? AND key = ?`);
  return {
    all: (accountId: string) => all.all(accountId),
    one: (accountId: string, key: string) => one.get(accountId, key),
    write: (accountId: string, entries: readonly (readonly [string, string | Uint8Array | null])[]): void => {
      for (const [key, value] of entries) {
        if (value === null) erase.run(accountId, key);
        else put.run(accountId, key, value);
      }
    },
  };
}

function nextEpoch({ fence, epoch, number }: End, step: LogStep): { epoch: number; number: number } {
  if (step.epoch > fence) return { epoch: Math.max(epoch + 1, step.epoch), number: 0 };
  return step.raises ? { epoch: epoch + 1, number: 0 } : { epoch, number };
}

const headOf = ({ epoch, number }: End): Position => `${epoch}-${number}`;

function later(one: Position | null, other: Position): Position {
  return one !== null && comparePositions(one, other) > 0 ? one : other;
}

function readEnd(row: Row): End {
  const { oldest } = row;
  return {
    fence: integer(row, "fence"),
    epoch: integer(row, "epoch"),
    number: integer(row, "number"),
    oldest: typeof oldest === "string" ? oldest : null,
  };
}

function eventOf(row: Row): Event {
  return readEvent(`${integer(row, "epoch")}-${integer(row, "number")}`, text(row, "body"));
}
