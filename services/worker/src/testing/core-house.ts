import { type Call, newReport } from "@postern/protocol";
import { type AccountRecord, openSqliteStore, type Store } from "@postern/store";
import { type Credentials, type DovecotOptions, type DovecotServer, startDovecot } from "@postern/test/servers";
import { composer } from "../compose/index.ts";
import { connectSession, type FetchItems, type ImapSession } from "../imap/index.ts";
import { type Core, createCore, type Keeping, type MailCore, mailOn } from "../mail/core.ts";
import type { Ownership, Sessions } from "../mail/ports.ts";
import { createSessions, type LiveSessions } from "../sessions/index.ts";
import { createSpool } from "../spool/index.ts";
import { createWorkshop } from "../workshop/index.ts";
import { RawClient } from "./raw-client.ts";

/** The core over some server, through real sessions and an embedded store: what a worker has, less accounts. */
export interface CoreOver {
  core: MailCore & Keeping;
  /** What the core works with. */
  parts: Core;
  sessions: LiveSessions;
  store: Store;
  /** A core that has nothing in memory, over the same store. */
  anotherCore(): MailCore & Keeping;
  /** What was asked of FETCH so far, as items. */
  fetches: FetchItems[];
  stop(): Promise<void>;
}

const alwaysHeld: Ownership = { assertHeld: () => undefined, epochOf: () => 1 };

/** Any name is an account of its own. */
export interface MailServer {
  host: string;
  port: number;
  user(name: string): Credentials;
}

export async function startCore(server: MailServer, ownership: Ownership = alwaysHeld): Promise<CoreOver> {
  const store = await openSqliteStore(":memory:");
  const sessions = createSessions({
    connect: connectSession,
    reach: async (account) => ({
      generation: 1,
      host: server.host,
      refusal: null,
      options: async () => {
        const { user, password } = server.user(account);
        const { host, port } = server;
        return { host, address: host, port, security: "none", tls: null, user, secret: { password } };
      },
    }),
    onState: () => undefined,
    onCommand: () => undefined,
  });
  const fetches: FetchItems[] = [];
  const workshop = createWorkshop();
  const watched: Sessions = { use: (borrow, work) => sessions.use(borrow, (session) => work(watch(session, fetches))) };
  const make = (): Core =>
    createCore({
      sessions: watched,
      accounts: {
        keyOf: async (id) => (await registered(store, id)).key,
        authservIdsOf: async () => ["mx.trusted.example"],
      },
      mailboxes: store.mailboxes,
      moved: store.places,
      threadStore: store.threads,
      cache: store.cache,
      composer,
      workshop,
      uploads: store.uploads,
      jobStore: store.jobs,
      spool: createSpool({ most: 64 << 20 }),
      ownership,
    });
  const stop = async (): Promise<void> => {
    await sessions.drain();
    workshop.close();
    await store.close();
  };
  const parts = make();
  return { core: mailOn(parts), parts, sessions, store, anotherCore: () => mailOn(make()), fetches, stop };
}

/** The core over a real Dovecot. */
export interface CoreHouse extends CoreOver {
  server: DovecotServer;
  otherClient(account: string): Promise<RawClient>;
}

export async function startCoreHouse(options: DovecotOptions = {}): Promise<CoreHouse> {
  const server = await startDovecot(options);
  const over = await startCore(server);
  const clients: RawClient[] = [];
  return {
    ...over,
    server,
    async otherClient(account) {
      const client = await RawClient.login(server, server.user(account));
      clients.push(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.close();
      await over.stop();
      await server.stop();
    },
  };
}

/** The same session, whose FETCHes are noted. */
function watch(session: ImapSession, fetches: FetchItems[]): ImapSession {
  return new Proxy(session, {
    get(target, name) {
      if (name !== "fetch") {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      }
      const fetch: ImapSession["fetch"] = (range, items) => {
        fetches.push(items);
        return target.fetch(range, items);
      };
      return fetch;
    },
  });
}

/** The account's record, made at first sight. */
export async function registered(store: Store, id: string): Promise<AccountRecord> {
  const known = await store.accounts.get(id);
  if (known) return known;
  const endpoint = { host: "localhost", port: 143, security: "none", user: id, tls: null } as const;
  const record: AccountRecord = {
    id,
    key: crypto.getRandomValues(new Uint8Array(6)).reduce((key, octet) => key * 256 + octet, 0),
    name: null,
    source: "api",
    imap: { ...endpoint, authentication: "password" },
    smtp: null,
    sealed: "",
    disabled: false,
    generation: 1,
    version: 1,
    state: "connecting",
    stateDetail: null,
    stateAt: 0,
    createdAt: 0,
    updatedAt: 0,
  };
  return (await store.accounts.create(record)) ? record : registered(store, id);
}

/** A call that nobody gives up, with a report of its own. */
export function newCall(): Call {
  return {
    requestId: crypto.randomUUID(),
    actor: "admin",
    deadline: Date.now() + 60_000,
    signal: new AbortController().signal,
    report: newReport(),
  };
}
