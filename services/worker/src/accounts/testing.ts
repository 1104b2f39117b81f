import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { type AccountInput, type AccountPatch, type Account, type Call, newReport } from "@postern/protocol";
import { type Vetting, vetHost } from "@postern/service";
import { type AccountRecord, KeyRing, openSqliteStore, type Store } from "@postern/store";
import { connectSession } from "../imap/index.ts";
import { type Accounts, createAccounts } from "./accounts.ts";

/** For tests: accounts over an embedded store, with real logins and a resolver that knows a few names. */
export interface AccountsHouse {
  accounts: Accounts;
  store: Store;
  ring: KeyRing;
  /** What a name leads to. All other names are nobody's. */
  names: Record<string, string[]>;
  /** Accounts that were told to have changed, and those that were woken. */
  changed: string[];
  woken: string[];
  create(account: AccountInput, verify?: boolean): Promise<Account>;
  update(account: string, patch: AccountPatch, verify?: boolean): Promise<Account>;
  record(id: string): Promise<AccountRecord>;
  /** Another process over the same store. */
  another(): AccountsHouse;
}

export const call: Call = {
  requestId: "request-1",
  actor: "tok_tester",
  deadline: Number.MAX_SAFE_INTEGER,
  signal: new AbortController().signal,
  report: newReport(),
};

export async function openAccounts(t: TestContext, allowed = ["127.0.0.1"]): Promise<AccountsHouse> {
  const store = await openSqliteStore(":memory:");
  t.after(() => store.close());
  return over(store, KeyRing.parse(`k1:${randomBytes(32).toString("base64")}`), allowed);
}

function over(store: Store, ring: KeyRing, allowed: string[]): AccountsHouse {
  const names: Record<string, string[]> = {};
  const changed: string[] = [];
  const woken: string[] = [];
  const resolve: Vetting["resolve"] = async (name) => {
    const found = names[name];
    if (!found) throw new Error("ENOTFOUND");
    return found;
  };
  const accounts = createAccounts({
    authservIds: [],
    store,
    ring,
    vet: (host, port) => vetHost(host, port, { allowed, resolve }),
    verify: async (reach) => {
      const session = await connectSession({ ...(await reach.options()), timeoutMs: 20_000, commandTimeoutMs: 20_000 });
      await session.logout();
    },
    onChange: (account) => changed.push(account),
    awaken: (account) => woken.push(account),
    isOwned: () => true,
  });
  return {
    accounts,
    store,
    ring,
    names,
    changed,
    woken,
    create: (account, verify = false) => accounts.createAccount({ account, verify }, call),
    update: (account, patch, verify = false) => accounts.updateAccount({ account, patch, verify }, call),
    record: async (id) => {
      const record = await store.accounts.get(id);
      if (!record) throw new Error(`there is no account ${id}`);
      return record;
    },
    another: () => over(store, ring, allowed),
  };
}

/** Settings that log in at a server that takes this user with the password `secret`. */
export function settings(server: { host: string; port: number }, user = "ada"): AccountInput["imap"] {
  return { host: server.host, port: server.port, security: "none", user, password: "secret" };
}
