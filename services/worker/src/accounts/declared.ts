import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { accountId, imapInput } from "@postern/protocol";
import { ConfigurationError } from "@postern/service";
import type { AccountRecord, KeyRing, Store } from "@postern/store";
import * as z from "zod";
import { newRecord } from "./accounts.ts";
import { openCredentials } from "./credentials.ts";

const secretFiles = { passwordFile: z.string().optional(), accessTokenFile: z.string().optional() };
const declaredAccount = z.strictObject({
  id: accountId,
  name: z.string().max(200).optional(),
  imap: z.looseObject(secretFiles),
});
const declaredFile = z.union([z.array(declaredAccount), z.strictObject({ accounts: z.array(declaredAccount) })]);

type DeclaredInput = { id: string; name?: string | undefined; imap: z.infer<typeof imapInput> };

/**
 * Brings the store in line with the operator's accounts file: new ones are registered, changed ones changed, those no
 * longer in it removed. Accounts made through the API are left alone; one of the same id is a `ConfigurationError`.
 * Gives the ids of those that were touched.
 */
export async function syncDeclared(
  path: string,
  store: Pick<Store, "accounts" | "audit">,
  ring: KeyRing,
): Promise<string[]> {
  const inputs = readDeclared(path);
  const known = await allRecords(store);
  const touched: string[] = [];
  for (const input of inputs) {
    const record = known.get(input.id);
    if (record?.source === "api")
      throw new ConfigurationError(`account ${input.id} is in the accounts file and was made through the API too`);
    if (record && isSame(record, input, ring)) continue;
    await put(store, ring, input, record);
    touched.push(input.id);
  }
  const declared = new Set(inputs.map(({ id }) => id));
  for (const record of known.values()) {
    if (record.source !== "file" || declared.has(record.id)) continue;
    await store.accounts.remove(record.id);
    await note(store, "account.deleted", record.id);
    touched.push(record.id);
  }
  return touched;
}

/** Other writes, such as a change of state, may come in between: then the record is read again. */
async function put(
  store: Pick<Store, "accounts" | "audit">,
  ring: KeyRing,
  input: DeclaredInput,
  known: AccountRecord | undefined,
): Promise<void> {
  const made = newRecord(ring, input, "file");
  for (let record = known ?? null; ; record = await store.accounts.get(input.id)) {
    const isKept = record
      ? await store.accounts.update({ ...made, ...lasting(record), generation: record.generation + 1 })
      : await store.accounts.create(made);
    if (isKept) break;
  }
  await note(store, known ? "account.changed" : "account.created", input.id);
}

function lasting({ key, createdAt, version }: AccountRecord): Pick<AccountRecord, "key" | "createdAt" | "version"> {
  return { key, createdAt, version };
}

function note(store: Pick<Store, "audit">, action: string, subject: string): Promise<void> {
  return store.audit.append({ at: Date.now(), actor: "file", action, subject, requestId: null, detail: null });
}

async function allRecords(store: Pick<Store, "accounts">): Promise<Map<string, AccountRecord>> {
  const all = new Map<string, AccountRecord>();
  for (let after: string | undefined; ; ) {
    const page = await store.accounts.list({ after, limit: 200 });
    for (const record of page) all.set(record.id, record);
    after = page.at(-1)?.id;
    if (page.length < 200) return all;
  }
}

function isSame(record: AccountRecord, input: DeclaredInput, ring: KeyRing): boolean {
  const made = newRecord(ring, input, "file");
  const facts = ({ name, imap }: AccountRecord): string => JSON.stringify({ name, imap });
  return (
    facts(record) === facts(made) &&
    JSON.stringify(openCredentials(ring, record)) === JSON.stringify(openCredentials(ring, made))
  );
}

/** Exported for its test. Throws `ConfigurationError` without repeating what the file holds. */
export function readDeclared(path: string): DeclaredInput[] {
  const parsed = declaredFile.safeParse(readJson(path));
  if (!parsed.success)
    throw new ConfigurationError(`the accounts file is not as it should be:\n${z.prettifyError(parsed.error)}`);
  const accounts = Array.isArray(parsed.data) ? parsed.data : parsed.data.accounts;
  const ids = new Set(accounts.map(({ id }) => id));
  if (ids.size < accounts.length) throw new ConfigurationError("the accounts file declares an id twice");
  return accounts.map((account) => complete(account, dirname(path)));
}

function complete({ id, name, imap }: z.infer<typeof declaredAccount>, folder: string): DeclaredInput {
  const { passwordFile, accessTokenFile, ...rest } = imap;
  const parsed = imapInput.safeParse({
    ...rest,
    ...(passwordFile !== undefined && { password: readSecret(resolve(folder, passwordFile), id) }),
    ...(accessTokenFile !== undefined && { accessToken: readSecret(resolve(folder, accessTokenFile), id) }),
  });
  if (!parsed.success)
    throw new ConfigurationError(`account ${id} in the accounts file:\n${z.prettifyError(parsed.error)}`);
  return { id, ...(name !== undefined && { name }), imap: parsed.data };
}

function readSecret(path: string, id: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new ConfigurationError(`the secret of account ${id} cannot be read from its file`, { cause: error });
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigurationError("the accounts file cannot be read, or is no JSON", { cause: error });
  }
}
