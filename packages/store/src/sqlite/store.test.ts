import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { isFailure } from "@postern/protocol";
import { account, auditEntry, mailbox, token } from "../contract/samples.ts";
import { NewerStoreError } from "../newer.ts";
import { sqliteAudit } from "./audit.ts";
import { sqliteAccounts } from "./accounts.ts";
import { sqliteCache } from "./cache.ts";
import { trims } from "../contract/events.ts";
import { sqliteEvents } from "./events.ts";
import { Database } from "./database.ts";
import { cacheMigrations, migrate } from "./migrations.ts";
import { openSqliteStore } from "./store.ts";

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-store-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("what was stored is there after a restart", async (t) => {
  const path = join(newFolder(t), "postern.db");
  const record = account("a");
  const entry = auditEntry("a");
  const before = await openSqliteStore(path);
  await before.accounts.create(record);
  await before.tokens.create(token("tok_a"));
  await before.mailboxes.apply("a", 0, { add: [mailbox("INBOX")], update: [] });
  await before.audit.append(entry);
  await before.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  await before.close();

  const after = await openSqliteStore(path);
  t.after(() => after.close());
  assert.deepEqual(await after.accounts.get("a"), record);
  assert.deepEqual(await after.tokens.get("tok_a"), token("tok_a"));
  assert.deepEqual((await after.mailboxes.list("a")).records, [{ ...mailbox("INBOX"), key: 1 }]);
  assert.deepEqual(await after.audit.list({ limit: 1 }), [entry]);
  assert.equal((await after.cache.getMany("a", ["k"]))[0]?.length, 1);
});

test("its files are for their owner alone, also where they were open to others", async (t) => {
  const folder = newFolder(t);
  writeFileSync(join(folder, "postern.db"), "", { mode: 0o666 });
  chmodSync(join(folder, "postern.db"), 0o666);
  const store = await openSqliteStore(join(folder, "postern.db"));
  t.after(() => store.close());
  await store.accounts.create(account("a"));
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  const files = readdirSync(folder);
  assert.ok(files.includes("postern.db-wal") && files.includes("postern-cache.db"));
  for (const file of files) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
});

test("nothing of a removed account is left in its files", async (t) => {
  const folder = newFolder(t);
  const store = await openSqliteStore(join(folder, "postern.db"));
  t.after(() => store.close());
  await store.accounts.create(account("a", { sealed: "canary-sealed" }));
  await store.mailboxes.apply("a", 0, { add: [mailbox("canary-mailbox")], update: [] });
  await store.cache.setMany("a", [["canary-key", Buffer.from("canary-value")]], 60);
  const contents = (): string =>
    readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), "latin1"))
      .join();
  assert.match(contents(), /canary-sealed/);
  assert.match(contents(), /canary-value/);
  await store.accounts.remove("a");
  assert.doesNotMatch(contents(), /canary/);
});

test("processes that share a file lose nothing and give no key twice", async (t) => {
  const path = join(newFolder(t), "postern.db");
  const writer = join(import.meta.dirname, "..", "contract", "writer.ts");
  const run = (name: string): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [writer, path, name, "40"]);
  // They also race to make the file and the account.
  const outputs = await Promise.all(["a", "b", "c"].map(run));
  const given = outputs.flatMap(({ stdout }) => stdout.trim().split(" ").map(Number));
  assert.deepEqual(
    given.toSorted((a, b) => a - b),
    Array.from({ length: 120 }, (_, index) => index + 1),
  );
});

test("an older file is brought up to date, step by step and once", () => {
  const database = new Database(":memory:", "full");
  const steps = ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"];
  migrate(database, steps.slice(0, 2));
  migrate(database, steps);
  migrate(database, steps);
  assert.deepEqual(
    database
      .prepare("SELECT x FROM a")
      .all()
      .map(({ x }) => x),
    [1, 2],
  );
  database.close();
});

test("a step that fails leaves the version before it", () => {
  const database = new Database(":memory:", "full");
  migrate(database, ["CREATE TABLE a (x)"]);
  assert.throws(() => migrate(database, ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1); nonsense"]));
  assert.deepEqual(database.prepare("SELECT x FROM a").all(), []);
  migrate(database, ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)"]);
  assert.equal(database.prepare("SELECT x FROM a").all().length, 1);
  database.close();
});

test("a file of a newer Postern is refused and left alone", async (t) => {
  const path = join(newFolder(t), "postern.db");
  await (await openSqliteStore(path)).close();
  const newer = new DatabaseSync(path);
  newer.exec("UPDATE schema_version SET version = 1000");
  newer.close();
  await assert.rejects(openSqliteStore(path), NewerStoreError);
});

test("a file that is no store is refused, a damaged cache is made anew", async (t) => {
  const folder = newFolder(t);
  writeFileSync(join(folder, "other.db"), "not a database, though it is long enough to be looked at ".repeat(200));
  await assert.rejects(openSqliteStore(join(folder, "other.db")));

  writeFileSync(join(folder, "postern-cache.db"), "garbage ".repeat(2_000));
  const store = await openSqliteStore(join(folder, "postern.db"));
  t.after(() => store.close());
  await store.cache.setMany("a", [["k", Buffer.from("v")]], 60);
  assert.equal((await store.cache.getMany("a", ["k"]))[0]?.length, 1);
});

test("while another process holds the file, writing is unavailable, and the cache is a miss", async (t) => {
  const path = join(newFolder(t), "postern.db");
  const store = await openSqliteStore(path);
  t.after(() => store.close());
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  other.exec("BEGIN EXCLUSIVE");
  await assert.rejects(store.accounts.create(account("a")), (error) => isFailure(error, "unavailable"));
  other.exec("COMMIT");
  assert.equal(await store.accounts.create(account("a")), true);
});

test("a closed store is unavailable, and its cache a miss", async () => {
  const store = await openSqliteStore(":memory:");
  await store.close();
  await store.close();
  await assert.rejects(store.ping(), (error) => isFailure(error, "unavailable"));
  await assert.rejects(store.accounts.get("a"), (error) => isFailure(error, "unavailable"));
  assert.deepEqual(await store.cache.getMany("a", ["k"]), [null]);
});

test("the audit log is bounded", async () => {
  const database = new Database(":memory:", "full");
  migrate(database);
  const audit = sqliteAudit(database, 10);
  const entries = Array.from({ length: 25 }, () => auditEntry("a"));
  for (const entry of entries) await audit.append(entry);
  assert.deepEqual(await audit.list({ limit: 100 }), entries.slice(-10).reverse());
  database.close();
});

test("a full cache lets go of what has expired, then of what was not used for longest", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_790_000_000_000 });
  const database = new Database(":memory:", "normal");
  migrate(database, cacheMigrations);
  const cache = sqliteCache(database, 1_000);
  const put = (key: string, size: number, ttl: number): Promise<void> =>
    cache.setMany("a", [[key, Buffer.alloc(size)]], ttl);
  const held = (): unknown[] =>
    database
      .prepare("SELECT key FROM cache ORDER BY id")
      .all()
      .map(({ key }) => key);
  await put("old", 200, 86_400);
  await put("used", 200, 86_400);
  await put("too large for any room", 1_001, 86_400);
  t.mock.timers.tick(7_200_000);
  await cache.getMany("a", ["used"]);
  await put("short", 300, 60);
  t.mock.timers.tick(120_000);
  await put("new", 400, 86_400);
  assert.deepEqual(held(), ["old", "used", "new"]);
  await put("newest", 250, 86_400);
  assert.deepEqual(held(), ["used", "new", "newest"]);
  database.close();
});

test("the log of an account is bounded, and who would miss something is told", async () => {
  const database = new Database(":memory:", "full");
  migrate(database);
  const cache = { getMany: async () => [], setMany: async () => undefined, dropAccount: async () => undefined };
  await trims({ accounts: sqliteAccounts(database, cache), events: sqliteEvents(database, 10) });
  database.close();
});
