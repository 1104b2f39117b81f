import { type Account, type AccountPatch, type Call, Failure, isFailure, type Mail } from "@postern/protocol";
import type { AccountRecord, KeyRing, Store } from "@postern/store";
import type { AccountDirectory } from "../mail/ports.ts";
import type { Reach } from "../sessions/index.ts";
import { type AuthservId, isFor, wellKnown } from "./authserv-ids.ts";
import { believeAccounts } from "./believed.ts";
import { openCredentials } from "./credentials.ts";
import { changedFields, patched } from "./patch.ts";
import { newRecord, shown } from "./records.ts";

export interface AccountsOptions {
  authservIds: readonly AuthservId[];
  store: Pick<Store, "accounts" | "tokens" | "audit">;
  ring: KeyRing;
  /** The address to dial, for a host that may be dialled. Throws `host-not-allowed`. */
  vet: (host: string, port: number) => Promise<string>;
  /** Logs in once and out again. Throws why not. */
  verify: (reach: Reach, call: Call) => Promise<void>;
  /** An account's settings have changed: what was built on the old ones is to go. */
  onChange: (account: string) => void;
  /** Brings an account's state to life after it was registered or changed. */
  awaken: (account: string) => void;
  /** Whether this process is the one that acts for the account. */
  isOwned: (account: string) => boolean;
}

export type AccountOperations = Pick<
  Mail,
  "createAccount" | "listAccounts" | "getAccount" | "updateAccount" | "deleteAccount"
>;

export interface Accounts extends AccountOperations, AccountDirectory {
  /** Throws `not-found` and `account-disabled`. */
  reach(account: string): Promise<Reach>;
  /** It was changed by other means than these operations. */
  forget(account: string): void;
}

interface Change {
  before: AccountRecord;
  after: AccountRecord;
}

/** Attempts at a write that others keep coming before. */
const ATTEMPTS = 5;

export function createAccounts(options: AccountsOptions): Accounts {
  const { store, ring, vet, verify, awaken } = options;
  const believed = believeAccounts((id) => store.accounts.get(id), options.isOwned);
  const onChange = (account: string): void => {
    believed.forget(account);
    options.onChange(account);
  };

  const recordOf = async (id: string): Promise<AccountRecord> => found(await store.accounts.get(id));

  const reachOf = (record: AccountRecord): Reach => ({
    generation: record.generation,
    host: record.imap.host,
    refusal: record.state === "authenticationFailed" ? (record.stateDetail ?? "") : null,
    options: async () => {
      const { host, port, security, tls, user } = record.imap;
      const { password, accessToken } = openCredentials(ring, record).imap;
      const secret = password !== undefined ? { password } : { accessToken: accessToken ?? "" };
      return { host, address: await vet(host, port), port, security, tls, user, secret };
    },
  });

  const check = async (record: AccountRecord, mustLogIn: boolean, call: Call): Promise<AccountRecord> => {
    await vet(record.imap.host, record.imap.port).catch(onlyForbidden("imap.host"));
    if (record.smtp) await vet(record.smtp.host, record.smtp.port).catch(onlyForbidden("smtp.host"));
    if (!mustLogIn) return record;
    await verify(reachOf({ ...record, state: "connecting" }), call);
    return record.disabled ? record : { ...record, state: "connected", stateDetail: null, stateAt: Date.now() };
  };

  const note = (action: string, account: string, call: Call, detail: string | null): Promise<void> =>
    store.audit.append({
      at: Date.now(),
      actor: call.actor,
      action,
      subject: account,
      requestId: call.requestId,
      detail,
    });

  const change = async (id: string, call: Call, patch: AccountPatch, mustLogIn: boolean): Promise<Change> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const before = await recordOf(id);
      refuseDeclared(before);
      const after = await check(patched(ring, before, patch), mustLogIn, call);
      if (await store.accounts.update(after)) return { before, after };
    }
    throw new Failure("unavailable", { detail: "Others keep changing the account.", retryAfter: 1 });
  };

  return {
    reach: async (id) => {
      const record = found(await believed.get(id));
      if (record.disabled) throw new Failure("account-disabled");
      return reachOf(record);
    },
    keyOf: async (id) => found(await believed.get(id)).key,
    authservIdsOf: async (id) => {
      const { host } = found(await believed.get(id)).imap;
      return [...wellKnown(host), ...options.authservIds.filter((entry) => isFor(entry, host)).map(({ name }) => name)];
    },
    forget: onChange,
    createAccount: async ({ account, verify: mustLogIn }, call) => {
      if (account.id !== undefined && (await store.accounts.get(account.id))) throw new Failure("account-exists");
      const record = await check(newRecord(ring, account, "api"), mustLogIn, call);
      if (!(await store.accounts.create(record))) throw new Failure("account-exists");
      await note("account.created", record.id, call, null);
      if (!mustLogIn) awaken(record.id);
      return shown(record);
    },
    listAccounts: async ({ ids, limit, after }) => {
      const records = await store.accounts.list({ ids, after, limit: limit + 1 });
      const items: Account[] = records.slice(0, limit).map(shown);
      return { items, next: records.length > limit ? (items.at(-1)?.id ?? null) : null };
    },
    getAccount: async ({ account }) => shown(await recordOf(account)),
    updateAccount: async ({ account, patch, verify: mustLogIn }, call) => {
      const { before, after } = await change(account, call, patch, mustLogIn);
      const isOther = after.generation > before.generation;
      if (isOther || mustLogIn) onChange(account);
      await note("account.changed", account, call, changedFields(patch));
      if (isOther && !mustLogIn && !after.disabled) awaken(account);
      return shown(await recordOf(account));
    },
    deleteAccount: async ({ account }, call) => {
      refuseDeclared(await recordOf(account));
      const isRemoved = await erase(store, account);
      onChange(account);
      if (!isRemoved) throw noSuchAccount();
      await note("account.deleted", account, call, null);
      return {};
    },
  };
}

function found(record: AccountRecord | null): AccountRecord {
  if (!record) throw noSuchAccount();
  return record;
}

function noSuchAccount(): Failure {
  return new Failure("not-found", { detail: "There is no such account." });
}

/**
 * Erases all that is kept of an account; false when there was none. Tokens first: cut off in between, an account without
 * its tokens is left rather than tokens that wait for whoever takes its id.
 */
export async function erase(store: Pick<Store, "accounts" | "tokens">, account: string): Promise<boolean> {
  await store.tokens.forgetAccount(account);
  return store.accounts.remove(account);
}

function refuseDeclared(record: AccountRecord): void {
  if (record.source === "file") throw new Failure("account-declared");
}

/** A name that cannot be resolved just now may be registered; one that leads inside may not. */
function onlyForbidden(path: string): (error: unknown) => void {
  return (error) => {
    if (isFailure(error, "upstream-unreachable")) return;
    if (!isFailure(error, "host-not-allowed")) throw error;
    const detail = error.detail ?? error.title;
    throw new Failure("host-not-allowed", { detail, errors: [{ path, message: detail }] });
  };
}
