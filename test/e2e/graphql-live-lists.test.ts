import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClient as createSseClient } from "graphql-sse";
import { type Client, createClient } from "graphql-ws";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Item {
  id: string;
  subject: string;
  flags: string[];
}

interface Change {
  reset: boolean;
  removed: string[];
  added: { index: number; message: Item }[];
  changed: Item[];
  totalCount: number;
  state: string;
}

interface Wanted {
  account: string;
  filter?: object;
  first?: number;
  sort?: string;
  after?: string;
}

const query = `subscription ($account: ID!, $filter: MessageFilter, $first: Int, $sort: MessageSort, $after: ID) {
  messages(account: $account, role: INBOX, filter: $filter, first: $first, sort: $sort, after: $after) {
    reset removed added { index message { id subject flags } } changed { id subject flags } totalCount state
  }
}`;

/** What a frontend does: nothing but what the schema says. */
class LiveList {
  items: Item[] = [];
  total = 0;
  state = "";
  changes = 0;
  readonly ended: Promise<unknown>;
  private wake = Promise.withResolvers<void>();
  private readonly leave: () => void;

  constructor(client: Pick<Client, "subscribe">, variables: Wanted) {
    const end = Promise.withResolvers<unknown>();
    this.ended = end.promise;
    this.leave = client.subscribe<{ messages: Change }>(
      { query, variables: { ...variables } },
      {
        next: ({ data, errors }) => {
          if (errors) end.resolve(errors[0]?.extensions?.code);
          if (data) this.apply(data.messages);
        },
        error: (errors) => end.resolve((errors as { extensions?: { code: string } }[])[0]?.extensions?.code ?? errors),
        complete: () => end.resolve("complete"),
      },
    );
  }

  private apply({ reset, removed, added, changed, totalCount, state }: Change): void {
    if (reset) this.items = [];
    this.items = this.items.filter(({ id }) => !removed.includes(id));
    for (const { index, message } of added) this.items.splice(index, 0, message);
    for (const message of changed) this.items = this.items.map((item) => (item.id === message.id ? message : item));
    this.total = totalCount;
    this.state = state;
    this.changes += 1;
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }

  get subjects(): string[] {
    return this.items.map(({ subject }) => subject);
  }

  async until(holds: (items: readonly Item[]) => boolean): Promise<void> {
    while (this.changes === 0 || !holds(this.items)) await this.wake.promise;
  }

  close(): void {
    this.leave();
  }
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`lists that are kept up to date, services ${kind}`, { timeout: 180_000 }, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const endings: (() => unknown)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    async function register(id: string): Promise<ImapFlow> {
      const other = await otherClient(dovecot, id);
      endings.unshift(() => other.logout());
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
      const { status } = await ask("/v1/accounts?verify=true", { body: { id, imap } });
      assert.equal(status, 201);
      return other;
    }

    function connect(token = house.adminToken): Client {
      const url = `${house.urls[0]?.replace("http", "ws")}/graphql`;
      const client = createClient({ url, connectionParams: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
      endings.unshift(() => client.dispose());
      return client;
    }

    function connectBySse(token = house.adminToken): Pick<Client, "subscribe"> {
      const headers = { authorization: `Bearer ${token}` };
      const client = createSseClient({ url: `${house.urls.at(-1)}/graphql`, headers, retryAttempts: 0 });
      endings.unshift(() => client.dispose());
      return client as Pick<Client, "subscribe">;
    }

    async function onServer(account: string, search = ""): Promise<{ items: Item[]; total: number }> {
      const path = `/v1/accounts/${account}/messages?mailbox=inbox&fields=subject,flags${search}`;
      const { body } = await ask<{ items: Item[]; total: number }>(path);
      return body;
    }

    /** The list as it was put together is the server's own, to the letter. */
    async function same(list: LiveList, account: string, search = ""): Promise<void> {
      const { items, total } = await onServer(account, search);
      const plain = ({ id, subject, flags }: Item) => ({ id, subject, flags });
      assert.deepEqual(list.items.map(plain), items.map(plain));
      assert.equal(list.total, total);
    }

    test("what another client appends, flags, moves and deletes is in the list, as the server has it", async () => {
      const other = await register("ada");
      await other.mailboxCreate("Away");
      await deliver(other, { subject: "One" }, { subject: "Two" });
      const list = new LiveList(connect(), { account: "ada" });
      await list.until((items) => items.length === 2);
      assert.deepEqual(list.subjects, ["Two", "One"]);
      await deliver(other, { subject: "Three" }, { subject: "Four" });
      await list.until((items) => items.length === 4);
      assert.deepEqual(list.subjects, ["Four", "Three", "Two", "One"]);
      await other.mailboxOpen("INBOX");
      await other.messageFlagsAdd("2", ["\\Seen"]);
      await list.until((items) => items.some(({ flags }) => flags.includes("\\Seen")));
      await same(list, "ada");
      await other.messageMove("3", "Away");
      await list.until((items) => items.length === 3);
      await other.messageDelete("1");
      await list.until((items) => items.length === 2);
      assert.deepEqual(list.subjects, ["Four", "Two"]);
      await same(list, "ada");
      await other.mailboxOpen("Away");
      await other.messageMove("1", "INBOX");
      await list.until((items) => items.length === 3);
      await same(list, "ada");
    });

    test("a short list takes in what comes up to its end, and a filter what begins to match", async () => {
      const other = await register("bob");
      await deliver(other, ...["A", "B", "C", "D"].map((subject) => ({ subject })));
      const client = connect();
      const short = new LiveList(client, { account: "bob", first: 2 });
      const unseen = new LiveList(client, { account: "bob", filter: { seen: false }, sort: "RECEIVED_AT" });
      await Promise.all([short.until(() => true), unseen.until(() => true)]);
      assert.deepEqual(short.subjects, ["D", "C"]);
      await other.mailboxOpen("INBOX");
      await other.messageFlagsAdd("2", ["\\Seen"]);
      await unseen.until((items) => items.length === 3);
      await other.messageDelete("4");
      await short.until((items) => items[0]?.subject === "C");
      await unseen.until((items) => items.length === 2);
      assert.deepEqual(short.subjects, ["C", "B"]);
      assert.deepEqual(unseen.subjects, ["A", "C"]);
      await other.messageFlagsRemove("2", ["\\Seen"]);
      await unseen.until((items) => items.length === 3);
      await short.until((items) => items.every(({ flags }) => flags.length === 0));
      await same(unseen, "bob", "&seen=false&sort=receivedAt");
      await same(short, "bob", "&limit=2");
    });

    test("who comes back is told the page only where something has happened since", async () => {
      const other = await register("carol");
      await deliver(other, { subject: "Old" });
      const client = connect();
      const first = new LiveList(client, { account: "carol" });
      await first.until((items) => items.length === 1);
      first.close();
      const quiet = new LiveList(client, { account: "carol", after: first.state });
      const expired = new LiveList(client, { account: "carol", after: "0-0" });
      await expired.until((items) => items.length === 1);
      await deliver(other, { subject: "New" });
      await quiet.until(() => true);
      assert.deepEqual([quiet.subjects, quiet.changes], [["New"], 1]);
      quiet.close();
      const behind = new LiveList(client, { account: "carol", after: first.state });
      await behind.until(() => true);
      assert.deepEqual(behind.subjects, ["New", "Old"]);
    });

    test("a list comes over SSE as it does over a WebSocket, and ends with its token", async () => {
      const other = await register("grace");
      await deliver(other, { subject: "One" });
      const { body } = await ask<{ id: string; token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const list = new LiveList(connectBySse(body.token), { account: "grace" });
      await list.until((items) => items.length === 1);
      await deliver(other, { subject: "Two" });
      await list.until((items) => items.length === 2);
      await other.mailboxOpen("INBOX");
      await other.messageFlagsAdd("1", ["\\Seen"]);
      await list.until((items) => items.some(({ flags }) => flags.includes("\\Seen")));
      await other.messageDelete("2");
      await list.until((items) => items.length === 1);
      await same(list, "grace");
      await ask(`/v1/tokens/${body.id}`, { method: "DELETE" });
      assert.equal(await list.ended, "complete");
    });

    test("a list over GraphQL gives the state to follow from", async () => {
      const other = await register("dave");
      await deliver(other, { subject: "Listed" });
      const document = `{ account(id: "dave") { messages { nodes { subject } state } } }`;
      const { body } = await ask<{ data: { account: { messages: { state: string } } } }>("/graphql", {
        body: { query: document },
      });
      await deliver(other, { subject: "After" });
      const { state } = body.data.account.messages;
      const changes = await ask<{ created: string[] }>(`/v1/accounts/dave/changes?since=${state}`);
      assert.equal(changes.body.created.length, 1);
    });

    test("a list ends with its token, and the connection takes no other", async () => {
      await register("eve");
      const { body } = await ask<{ id: string; token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
      const client = connect(body.token);
      const list = new LiveList(client, { account: "eve" });
      await list.until(() => true);
      await ask(`/v1/tokens/${body.id}`, { method: "DELETE" });
      assert.equal(await list.ended, "complete");
      const refused = (await new LiveList(client, { account: "eve" }).ended) as { code: number };
      assert.equal(refused.code, 4403);
    });

    test("what may not be read, does not exist or costs too much is refused as everywhere", async () => {
      const other = await register("frank");
      await other.mailboxCreate("Passing");
      const client = connect();
      assert.equal(await new LiveList(client, { account: "nobody" }).ended, "not-found");
      assert.equal(await new LiveList(client, { account: "frank", first: 0 }).ended, "invalid-request");
      assert.equal(await new LiveList(client, { account: "frank", after: "x" }).ended, "invalid-request");
      const { body } = await ask<{ token: string }>("/v1/tokens", { body: { scopes: ["write"] } });
      assert.equal(await new LiveList(connect(body.token), { account: "frank" }).ended, "scope-missing");
      const costly = `subscription { messages(account: "frank", first: 200) { added { message {
        thread { messages(first: 200) { nodes { id } } } } } } }`;
      const codes: unknown[] = [];
      const take = async (): Promise<void> => {
        for await (const { errors = [] } of client.iterate({ query: costly })) codes.push(errors[0]?.extensions?.code);
      };
      await take().catch((errors: { extensions: { code: string } }[]) => codes.push(errors[0]?.extensions.code));
      assert.deepEqual(codes, ["query-too-costly"]);
    });
  });
}
