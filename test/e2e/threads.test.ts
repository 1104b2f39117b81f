import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { otherClient } from "./mailbox.ts";

interface Item {
  id: string;
  threadId?: string;
  subject: string | null;
}

interface ThreadAnswer {
  id: string;
  threadIds: string[];
  messages: Item[];
  nextCursor: string | null;
  total: number;
  complete: boolean;
}

const letter = (id: string, subject: string, ...headers: string[]): string =>
  [
    "From: Ada <ada@example.org>",
    "To: Bob <bob@example.com>",
    `Subject: ${subject}`,
    `Message-ID: ${id}`,
    ...headers,
    "",
    "Hello.",
    "",
  ].join("\r\n");

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`threads, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const endings: (() => Promise<unknown>)[] = [];
    const messages = "/v1/accounts/alice/messages";

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      const other = await otherClient(dovecot, "alice");
      await other.append("INBOX", letter("<1@x.example>", "Plans"), [], new Date("2026-01-01"));
      await other.append(
        "Sent",
        letter("<2@x.example>", "Re: Plans", "In-Reply-To: <1@x.example>"),
        [],
        new Date("2026-01-02"),
      );
      await other.append(
        "INBOX",
        letter("<3@x.example>", "Re: Plans", "References: <1@x.example> <2@x.example>"),
        [],
        new Date("2026-01-03"),
      );
      await other.append("INBOX", letter("<4@x.example>", "Else"), [], new Date("2026-01-04"));
      await other.logout();
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const list = async (query: string): Promise<Item[]> => {
      const { status, body } = await ask<{ items: Item[] }>(`${messages}?${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      return body.items;
    };
    const first = async (): Promise<Item> =>
      (await list("mailbox=inbox&fields=threadId,subject")).at(-1) ?? assert.fail();

    test("a list gives thread ids where they are asked for, a message always, and they are the same", async () => {
      for (const item of await list("mailbox=inbox")) assert.equal(item.threadId, undefined);
      const { id, threadId } = await first();
      assert.match(threadId ?? "", /^thr_/);
      for (let turn = 0; turn < 4; turn += 1)
        assert.equal((await ask<Item>(`${messages}/${id}`)).body.threadId, threadId);
    });

    test("a thread has its messages over all mailboxes, Sent included, oldest first", async () => {
      const { threadId } = await first();
      const { status, body } = await ask<ThreadAnswer>(`/v1/accounts/alice/threads/${threadId}`);
      assert.equal(status, 200);
      assert.deepEqual(
        body.messages.map(({ subject }) => subject),
        ["Plans", "Re: Plans", "Re: Plans"],
      );
      assert.deepEqual([body.id, body.threadIds, body.total, body.complete], [threadId, [threadId], 3, true]);
      const page = await ask<ThreadAnswer>(`/v1/accounts/alice/threads/${threadId}?limit=2&fields=subject`);
      assert.deepEqual(
        page.body.messages.map((message) => Object.keys(message)),
        [
          ["id", "subject"],
          ["id", "subject"],
        ],
      );
      const rest = await ask<ThreadAnswer>(
        `/v1/accounts/alice/threads/${threadId}?limit=2&cursor=${page.body.nextCursor}`,
      );
      assert.deepEqual([rest.body.messages.length, rest.body.nextCursor], [1, null]);
      assert.equal((await ask("/v1/accounts/alice/threads/thr_never")).status, 404);
    });

    test("lists and searches can be narrowed to a thread", async () => {
      const { threadId } = await first();
      assert.equal((await list(`threadId=${threadId}`)).length, 3);
      assert.equal((await list(`threadId=${threadId}&mailbox=sent`)).length, 1);
      const { body } = await ask<{ items: Item[]; total: number }>(`${messages}/search`, {
        body: { filter: { not: { threadId } }, fields: ["subject"] },
      });
      assert.deepEqual([body.items[0]?.subject, body.total], ["Else", 1]);
      assert.equal((await ask(`${messages}?threadId=thr_never`)).status, 404);
    });

    test("GraphQL leads from a message to its thread and from there to all of it", async () => {
      const query = `{ account(id: "alice") { mailbox(role: INBOX) { messages(first: 1, filter: {subject: "Plans"}) { nodes {
        threadId thread { id threadIds messages(first: 2) { totalCount pageInfo { hasNextPage endCursor } nodes { subject mailbox { role } } } }
      } } } } }`;
      const { body } = await ask<{
        data: {
          account: {
            mailbox: {
              messages: {
                nodes: {
                  threadId: string;
                  thread: {
                    id: string;
                    threadIds: string[];
                    messages: {
                      totalCount: number;
                      pageInfo: { hasNextPage: boolean; endCursor: string };
                      nodes: { subject: string; mailbox: { role: string } }[];
                    };
                  };
                }[];
              };
            };
          };
        };
      }>("/graphql", { body: { query } });
      const found = body.data.account.mailbox.messages.nodes[0] ?? assert.fail(JSON.stringify(body));
      const { thread } = found;
      assert.deepEqual([thread.id, thread.threadIds], [found.threadId, [found.threadId]]);
      assert.deepEqual([thread.messages.totalCount, thread.messages.pageInfo.hasNextPage], [3, true]);
      assert.deepEqual(thread.messages.nodes, [
        { subject: "Plans", mailbox: { role: "INBOX" } },
        { subject: "Re: Plans", mailbox: { role: "SENT" } },
      ]);
      const more = `query($id: ID!, $after: String) {
        node(id: $id) { ... on Thread { messages(after: $after) { nodes { subject } } } }
        account(id: "alice") { thread(id: $id) { id } never: thread(id: "thr_never") { id } messages(filter: {threadId: $id}) { totalCount } }
      }`;
      const variables = { id: found.threadId, after: thread.messages.pageInfo.endCursor };
      const rest = await ask("/graphql", { body: { query: more, variables } });
      assert.deepEqual(rest.body, {
        data: {
          node: { messages: { nodes: [{ subject: "Re: Plans" }] } },
          account: { thread: { id: found.threadId }, never: null, messages: { totalCount: 3 } },
        },
        extensions: rest.body.extensions,
      });
    });
  });
}
