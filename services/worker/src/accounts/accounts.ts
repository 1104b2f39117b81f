import { randomInt } from "node:crypto";
import {
  type Account,
  type AccountInput,
  type AccountPatch,
  type Call,
  Failure,
  type Mail,
  newAccountId,
} from "@postern/protocol";
import type { AccountRecord, KeyRing, Store } from "@postern/store";
import type { AccountDirectory } from "../mail/ports.ts";
import type { Reach } from "../sessions/index.ts";
import { believeAccounts } from "./believed.ts";
import { openCredentials, sealCredentials } from "./credentials.ts";
import { credentialsOf, endpointOf, imapEndpointOf, patchedImap, shown } from "./records.ts";

export interface AccountsOptions {
  store: Pick<Store, "accounts" | "audit">;
  ring: KeyRing;
  /** The address to dial, for a host that may be dialled. Throws `host-not-allowed`. */
  vet: (host: string, port: number) => Promise<string>;
  /** Logs in once and out again. Throws why not. */
  verify: (reach: Reach, call: Call) => Promise<void>;
  /** An account's settings have changed: what was built on the old ones is to go. */
  onChange: (account: string) => void;
  /** Brings an account's state to life after it was registered or changed. */
  awaken: (account: string) => void;
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

/** Attempts at a write that others keep coming before. */
const ATTEMPTS = 5;

export function createAccounts(options: AccountsOptions): Accounts {
  const { store, ring, vet, verify, awaken } = options;
  const believed = believeAccounts((id) => store.accounts.get(id));
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
    await vet(record.imap.host, record.imap.port).catch(onlyForbidden);
    if (!mustLogIn) return record;
    await verify(reachOf({ ...record, state: "connecting" }), call);
    return { ...record, state: "connected", stateDetail: null };
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

  const change = async (id: string, call: Call, patch: AccountPatch, mustLogIn: boolean): Promise<AccountRecord> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const record = await recordOf(id);
      refuseDeclared(record);
      const changed = await check(patched(ring, record, patch), mustLogIn, call);
      if (await store.accounts.update(changed)) return changed;
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
    forget: onChange,
    createAccount: async ({ account, verify: mustLogIn }, call) => {
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
      const record = await change(account, call, patch, mustLogIn);
      onChange(account);
      await note("account.changed", account, call, changedFields(patch));
      if (!mustLogIn && !record.disabled) awaken(account);
      return shown(await recordOf(account));
    },
    deleteAccount: async ({ account }, call) => {
      refuseDeclared(await recordOf(account));
      onChange(account);
      if (!(await store.accounts.remove(account))) throw noSuchAccount();
      onChange(account);
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

export function newRecord(ring: KeyRing, input: AccountInput, source: AccountRecord["source"]): AccountRecord {
  const now = Date.now();
  const id = input.id ?? newAccountId();
  return {
    id,
    key: randomInt(1, 2 ** 48 - 1),
    name: input.name ?? null,
    source,
    imap: imapEndpointOf(input.imap),
    smtp: input.smtp ? endpointOf(input.smtp) : null,
    sealed: sealCredentials(ring, id, credentialsOf(input)),
    disabled: false,
    generation: 1,
    version: 1,
    state: "connecting",
    stateDetail: null,
    stateAt: now,
    createdAt: now,
    updatedAt: now,
  };
}

function patched(ring: KeyRing, record: AccountRecord, patch: AccountPatch): AccountRecord {
  const known = openCredentials(ring, record);
  const imap = patchedImap(record, known.imap, patch.imap);
  const smtp = patch.smtp === undefined ? null : patch.smtp;
  const now = Date.now();
  const disabled = patch.disabled ?? record.disabled;
  const changesLogin = patch.imap !== undefined || disabled !== record.disabled;
  const secrets = {
    imap: credentialsOf({ imap }).imap,
    smtp: patch.smtp === undefined ? known.smtp : smtp && credentialsOf({ imap, smtp }).smtp,
  };
  return {
    ...record,
    name: patch.name === undefined ? record.name : patch.name,
    imap: imapEndpointOf(imap),
    smtp: patch.smtp === undefined ? record.smtp : smtp && endpointOf(smtp),
    sealed: sealCredentials(ring, record.id, secrets),
    disabled,
    updatedAt: now,
    ...(changesLogin && {
      generation: record.generation + 1,
      state: disabled ? ("disabled" as const) : ("connecting" as const),
      stateDetail: null,
      stateAt: now,
    }),
  };
}

/** The names of what a patch touches, never what it says. */
function changedFields({ imap, smtp, ...rest }: AccountPatch): string {
  const nested = (name: string, value: object | null | undefined): string[] =>
    value === undefined ? [] : value === null ? [name] : Object.keys(value).map((key) => `${name}.${key}`);
  return [...Object.keys(rest), ...nested("imap", imap), ...nested("smtp", smtp)].join(", ");
}

function refuseDeclared(record: AccountRecord): void {
  if (record.source === "file") throw new Failure("account-declared");
}

/** A name that cannot be resolved just now may be registered; one that leads inside may not. */
function onlyForbidden(error: unknown): void {
  if (error instanceof Failure && error.code === "upstream-unreachable") return;
  throw error;
}
