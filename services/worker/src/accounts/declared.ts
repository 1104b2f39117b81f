import { isFailure } from "@postern/protocol";
import { ConfigurationError } from "@postern/service";
import type { AccountRecord, KeyRing, Store } from "@postern/store";
import { erase } from "./accounts.ts";
import { openCredentials } from "./credentials.ts";
import { type DeclaredAccount, readDeclared } from "./declared-file.ts";
import { newRecord } from "./records.ts";

type DeclaredStore = Pick<Store, "accounts" | "tokens" | "audit">;

/**
 * Brings the store in line with the operator's accounts file: new ones are registered, changed ones changed, those no
 * longer in it erased. Accounts made through the API are left alone; one of the same id is a `ConfigurationError`.
 * Gives the ids of those that were touched. Several processes may do it at once.
 */
export async function syncDeclared(path: string, store: DeclaredStore, ring: KeyRing): Promise<string[]> {
  const inputs = readDeclared(path);
  const known = await allRecords(store);
  for (const { id } of inputs) refuseOthers(known.get(id));
  const touched: string[] = [];
  for (const input of inputs) if (await put(store, ring, input, known.get(input.id) ?? null)) touched.push(input.id);
  const declared = new Set(inputs.map(({ id }) => id));
  for (const { id, source } of known.values()) {
    if (source !== "file" || declared.has(id) || !(await erase(store, id))) continue;
    await note(store, "account.deleted", id);
    touched.push(id);
  }
  return touched;
}

function refuseOthers(record: AccountRecord | null | undefined): void {
  if (record?.source !== "api") return;
  throw new ConfigurationError(`account ${record.id} is in the accounts file and was made through the API too`);
}

/** Other writes, of a state or of another process, may come in between: then the record is read again. */
async function put(
  store: DeclaredStore,
  ring: KeyRing,
  input: DeclaredAccount,
  known: AccountRecord | null,
): Promise<boolean> {
  for (let record = known; ; record = await store.accounts.get(input.id)) {
    refuseOthers(record);
    const made = newRecord(ring, input, "file");
    const next = record ? changed(record, made, ring) : made;
    if (!next) return false;
    if (!(await (record ? store.accounts.update(next) : store.accounts.create(next)))) continue;
    await note(store, record ? "account.changed" : "account.created", input.id);
    return true;
  }
}

/** The record as the file has it now; null when it is so already. */
function changed(record: AccountRecord, made: AccountRecord, ring: KeyRing): AccountRecord | null {
  const { key, createdAt, version } = record;
  if (loginOf(record, ring) !== loginOf(made, ring))
    return { ...made, key, createdAt, version, generation: Math.max(record.generation + 1, made.generation) };
  return record.name === made.name ? null : { ...record, name: made.name, updatedAt: made.updatedAt };
}

/** A secret that no key at hand opens any more is as good as changed: the file has it. */
function loginOf(record: AccountRecord, ring: KeyRing): string | null {
  try {
    return JSON.stringify([record.imap, openCredentials(ring, record)]);
  } catch (error) {
    if (isFailure(error, "unavailable")) return null;
    throw error;
  }
}

function note(store: DeclaredStore, action: string, subject: string): Promise<void> {
  return store.audit.append({ at: Date.now(), actor: "file", action, subject, requestId: null, detail: null });
}

async function allRecords(store: DeclaredStore): Promise<Map<string, AccountRecord>> {
  const all = new Map<string, AccountRecord>();
  for (let after: string | undefined; ; ) {
    const page = await store.accounts.list({ after, limit: 200 });
    for (const record of page) all.set(record.id, record);
    after = page.at(-1)?.id;
    if (page.length < 200) return all;
  }
}
