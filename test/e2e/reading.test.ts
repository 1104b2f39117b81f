import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Item {
  id: string;
  subject: string | null;
  flags: string[];
  [field: string]: unknown;
}

interface Page {
  items: Item[];
  nextCursor: string | null;
  total: number | null;
}

interface GraphqlData {
  account: { mailbox: { messages: { edges: { node: { id: string; subject: string } }[] } } };
}

interface Problem {
  code: string;
  status: number;
  errors?: { path: string; message: string }[];
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`reading mail, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    const endings: (() => Promise<void>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      const letters = Array.from({ length: 7 }, (_, index) => ({ subject: `Letter ${index + 1}` }));
      await deliver(other, ...letters);
      const { user, password } = dovecot.user("alice");
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", user, password };
      const created = await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
      assert.equal(created.status, 201, JSON.stringify(created.body));
      assert.equal(created.body.state, "connected");
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const list = (query: string): Promise<Page> =>
      ask<Page>(`/v1/accounts/alice/messages?${query}`).then(({ status, body }) => {
        assert.equal(status, 200, JSON.stringify(body));
        return body;
      });

    test("mailboxes have their names, roles and counters", async () => {
      const { body } = await ask<{ items: Record<string, unknown>[] }>("/v1/accounts/alice/mailboxes");
      const inbox = body.items.find((mailbox) => mailbox.role === "inbox");
      assert.equal(inbox?.path, "INBOX");
      assert.equal(inbox?.total, 7);
      assert.equal(inbox?.unseen, 7);
      const roles = body.items.map((mailbox) => mailbox.role).sort();
      assert.deepEqual(roles, ["archive", "drafts", "inbox", "junk", "sent", "trash"]);
    });

    test("a list gives the newest first and pages to the end without repeating or leaving out", async () => {
      const subjects: (string | null)[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const page: Page = await list(`mailbox=inbox&limit=3${cursor && `&cursor=${cursor}`}`);
        assert.equal(page.total, 7);
        subjects.push(...page.items.map((item) => item.subject));
        cursor = page.nextCursor;
      }
      assert.deepEqual(
        subjects,
        [7, 6, 5, 4, 3, 2, 1].map((number) => `Letter ${number}`),
      );
    });

    test("mail that arrives between two pages neither repeats nor hides any", async () => {
      const first = await list("mailbox=inbox&limit=3&fields=subject");
      await deliver(other, { subject: "Late" });
      const second = await list(`mailbox=inbox&limit=3&fields=subject&cursor=${first.nextCursor}`);
      const again = await list("mailbox=inbox&limit=1&fields=subject");
      assert.equal(again.items[0]?.subject, "Late");
      assert.ok(first.items.every((item) => second.items.every((later) => later.id !== item.id)));
      assert.equal(Number(second.items[0]?.subject?.split(" ")[1]) + 1, Number(first.items[2]?.subject?.split(" ")[1]));
    });

    test("only the fields that were asked for are there", async () => {
      const page = await list("mailbox=inbox&limit=1&fields=id,subject");
      assert.deepEqual(Object.keys(page.items[0] ?? {}).sort(), ["id", "subject"]);
    });

    test("a flag that another client set is there in the very next answer, and the etag has changed", async () => {
      const before = await ask<Page>("/v1/accounts/alice/messages?mailbox=inbox");
      const unchanged = await ask("/v1/accounts/alice/messages?mailbox=inbox", {
        headers: { "if-none-match": String(before.headers.etag) },
      });
      assert.equal(unchanged.status, 304);
      const lock = await other.getMailboxLock("INBOX");
      await other.messageFlagsAdd("1", ["\\Flagged"]);
      lock.release();
      const after = await ask<Page>("/v1/accounts/alice/messages?mailbox=inbox", {
        headers: { "if-none-match": String(before.headers.etag) },
      });
      assert.equal(after.status, 200);
      assert.deepEqual(after.body.items.at(-1)?.flags, ["\\Flagged"]);
    });

    test("reading sets no flag", async () => {
      const page = await list("mailbox=inbox&fields=id");
      for (const { id } of page.items) {
        await ask(`/v1/accounts/alice/messages/${id}`);
        await ask(`/v1/accounts/alice/messages/${id}/raw`);
      }
      const status = await other.status("INBOX", { unseen: true, messages: true });
      assert.ok(status);
      assert.equal(status.unseen, status.messages);
    });

    test("a message tells its text, and raw gives its octets", async () => {
      const page = await list("mailbox=inbox&limit=1");
      const id = page.items[0]?.id ?? "";
      const message = await ask<Item>(`/v1/accounts/alice/messages/${id}`);
      assert.equal(message.status, 200);
      assert.equal(String(message.body.text).trim(), "Hi there.");
      assert.equal(message.headers.etag, message.body.etag);
      const raw = await ask(`/v1/accounts/alice/messages/${id}/raw`);
      assert.equal(raw.bytes.length, message.body.size);
      assert.match(raw.bytes.toString(), /^From: Ada <ada@example\.org>\r\n/);
      const range = await ask(`/v1/accounts/alice/messages/${id}/raw`, { headers: { range: "bytes=6-8" } });
      assert.equal(range.status, 206);
      assert.equal(range.bytes.toString(), "Ada");
    });

    test("search finds by what it is asked", async () => {
      await deliver(other, { subject: "Grüße", text: "Schöne Grüße aus Köln", from: "Zoë <zoe@example.com>" });
      const found = await ask<Page>("/v1/accounts/alice/messages/search", {
        body: { filter: { or: [{ body: "Köln" }, { from: "nobody@example.net" }] }, mailbox: "inbox" },
      });
      assert.equal(found.status, 200);
      assert.deepEqual(
        found.body.items.map((item) => item.subject),
        ["Grüße"],
      );
      assert.equal(found.body.total, 1);
    });

    test("what is not there is not found, and what is malformed says where", async () => {
      assert.equal((await ask<Problem>("/v1/accounts/nobody")).body.code, "not-found");
      assert.equal((await ask<Problem>("/v1/accounts/alice/messages/msg_nonsense")).body.code, "not-found");
      const bad = await ask<Problem>("/v1/accounts/alice/messages?limit=1000&colour=red");
      assert.equal(bad.status, 400);
      assert.deepEqual(bad.body.errors?.map((error) => error.path).sort(), ["colour", "limit"]);
      const anonymous = await askWith(house.urls, null)<Problem>("/v1/accounts/alice");
      assert.equal(anonymous.status, 401);
      assert.match(String(anonymous.headers["content-type"]), /^application\/problem\+json/);
    });

    test("GraphQL gives the same messages under the same ids", async () => {
      const page = await list("mailbox=inbox&limit=2");
      const query = `{ account(id: "alice") { mailbox(role: INBOX) { messages(first: 2) { edges { node { id subject } } totalCount } } } }`;
      const { status, body } = await ask<{ data: GraphqlData; extensions: { asOf: string } }>("/graphql", {
        body: { query },
      });
      assert.equal(status, 200, JSON.stringify(body));
      const { edges } = body.data.account.mailbox.messages;
      assert.deepEqual(
        edges.map((edge) => edge.node),
        page.items.map(({ id, subject }) => ({ id, subject })),
      );
      assert.ok(Date.parse(body.extensions.asOf) > 0);
    });

    test("a refused login is told with the server's own words, and nothing is kept", async () => {
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", user: "mallory", password: "wrong" };
      const refused = await ask<Problem & { upstream: { text: string } }>("/v1/accounts?verify=true", {
        body: { id: "mallory", imap },
      });
      assert.equal(refused.status, 422);
      assert.equal(refused.body.code, "login-refused");
      assert.match(refused.body.upstream.text, /Authentication failed/);
      assert.doesNotMatch(JSON.stringify(refused.body), /wrong/);
      assert.equal((await ask("/v1/accounts/mallory")).status, 404);
    });

    test("a token sees its own account and no sign of another", async () => {
      const made = await ask<{ token: string; id: string }>("/v1/tokens", {
        body: { accounts: ["alice"], scopes: ["read"] },
      });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      assert.match(made.body.token, /^pst_/);
      const { user, password } = dovecot.user("carol");
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", user, password };
      await ask("/v1/accounts", { body: { id: "carol", imap } });
      const narrow = askWith(house.urls, made.body.token);
      assert.equal((await narrow("/v1/accounts/alice/mailboxes")).status, 200);
      const hidden = await narrow<Problem>("/v1/accounts/carol/mailboxes");
      const missing = await narrow<Problem>("/v1/accounts/absent/mailboxes");
      assert.equal(hidden.status, 404);
      assert.deepEqual({ ...hidden.body, instance: "" }, { ...missing.body, instance: "" });
      const { body } = await narrow<{ items: { id: string }[] }>("/v1/accounts");
      assert.deepEqual(
        body.items.map((account) => account.id),
        ["alice"],
      );
      assert.equal((await narrow("/v1/accounts/alice", { method: "DELETE" })).status, 403);
    });

    test("an expunged message is gone, not missing", async () => {
      await deliver(other, { subject: "Doomed" });
      const page = await list("mailbox=inbox&limit=1");
      const id = page.items[0]?.id ?? "";
      const lock = await other.getMailboxLock("INBOX");
      await other.messageDelete("*");
      lock.release();
      const gone = await ask<Problem>(`/v1/accounts/alice/messages/${id}`);
      assert.equal(gone.status, 410);
      assert.equal(gone.body.code, "message-gone");
    });
  });
}
