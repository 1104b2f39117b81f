import assert from "node:assert/strict";
import { after, before, describe, it, test } from "node:test";
import { isFailure, type ListMessagesInput, type Message, type MessageFilter, packThreadId } from "@postern/protocol";
import { startScriptedImap, type ScriptedMailbox, type Script } from "@postern/test/servers/scripted";
import { type CoreHouse, newCall, startCore, startCoreHouse } from "../testing/core-house.ts";
import type { MailCore } from "./core.ts";

interface Sent {
  id?: string | null;
  references?: string;
  inReplyTo?: string;
  subject?: string;
  from?: string;
  to?: string;
  /** Minutes after the first of January. */
  at: number;
}

const START = Date.parse("2026-01-01T00:00:00Z");

/** A message that says of itself just what is given. */
function sent({
  id,
  references,
  inReplyTo,
  subject = "Plans",
  from = "ada@example.org",
  to = "bob@example.com",
  at,
}: Sent) {
  const receivedAt = new Date(START + at * 60_000);
  const lines = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${receivedAt.toUTCString().replace("GMT", "+0000")}`,
    ...(id == null ? [] : [`Message-ID: ${id}`]),
    ...(references === undefined ? [] : [`References: ${references}`]),
    ...(inReplyTo === undefined ? [] : [`In-Reply-To: ${inReplyTo}`]),
  ];
  return { source: `${lines.join("\r\n")}\r\n\r\nHello.\r\n`, receivedAt };
}

const fields = ["id", "threadId", "messageId", "subject", "mailboxId"] as const;

function asking(core: () => MailCore, account: string) {
  const list = async (options: Partial<ListMessagesInput> = {}): Promise<Message[]> => {
    const input = { account, mailbox: "inbox", limit: 200, fields: [...fields], ...options };
    const page = await core().listMessages(input, newCall());
    assert.ok(!page.notModified);
    return page.items;
  };
  const threadOf = async (messageId: string, mailbox = "inbox"): Promise<string> => {
    const [found] = await list({ mailbox, filter: { messageId } });
    return found?.threadId ?? assert.fail(`there is no ${messageId}`);
  };
  const thread = (id: string, more: { limit?: number; cursor?: string } = {}) =>
    core().getThread({ account, thread: id, fields: [...fields], limit: 200, ...more }, newCall());
  const ids = async (id: string): Promise<(string | null | undefined)[]> =>
    (await thread(id)).messages.map(({ messageId }) => messageId);
  return { list, threadOf, thread, ids };
}

for (const [what, without] of [
  ["THREAD", []],
  ["IMAP4rev1 alone", ["THREAD=REFS", "THREAD=REFERENCES", "ESEARCH", "CONDSTORE", "QRESYNC", "LIST-STATUS", "SORT"]],
] as const) {
  describe(`a thread, of a server with ${what}`, () => {
    let house: CoreHouse;
    before(async () => {
      house = await startCoreHouse({ without: [...without] });
    });
    after(() => house.stop());

    it("is a conversation over all mailboxes in the order of arrival, Sent included", async () => {
      const client = await house.otherClient("over");
      const [a, b, c, d] = ["<a@x.example>", "<b@x.example>", "<c@x.example>", "<d@x.example>"];
      await client.append("INBOX", [
        sent({ id: a, at: 1 }),
        sent({ id: "<other@x.example>", subject: "Other", at: 2 }),
      ]);
      await client.append("Sent", [sent({ id: b, inReplyTo: a, subject: "Re: Plans", at: 3 })]);
      await client.append("INBOX", [sent({ id: c, references: `${a} ${b}`, subject: "Re: Plans", at: 4 })]);
      await client.append("Archive", [sent({ id: d, references: c, subject: "Changed", at: 5 })]);
      const { threadOf, thread, list } = asking(() => house.core, "over");
      const id = await threadOf(a);
      assert.match(id, /^thr_[A-Za-z0-9_-]{20}$/);
      const found = await thread(id);
      assert.deepEqual(
        found.messages.map(({ messageId }) => messageId),
        [a, b, c, d],
      );
      assert.deepEqual(
        found.messages.map(({ threadId }) => threadId),
        [id, id, id, id],
      );
      assert.deepEqual([found.id, found.threadIds, found.total, found.complete], [id, [id], 4, true]);
      assert.notEqual(await threadOf("<other@x.example>"), id);
      const names = async (filter: MessageFilter): Promise<unknown[]> => {
        const everywhere = await house.core.listMessages(
          { account: "over", limit: 50, fields: ["messageId"], filter },
          newCall(),
        );
        assert.ok(!everywhere.notModified);
        return everywhere.items.map(({ messageId }) => messageId);
      };
      assert.deepEqual(await names({ threadId: id }), [d, c, b, a]);
      assert.deepEqual(await names({ not: { threadId: id } }), ["<other@x.example>"]);
      assert.deepEqual(await names({ threadId: id, or: [{ subject: "Re:" }, { subject: "Changed" }] }), [d, c, b]);
      const inbox = await list({ filter: { threadId: id } });
      assert.deepEqual(
        inbox.map(({ messageId }) => messageId),
        [c, a],
      );
      await client.append("Sent", [sent({ id: "<e@x.example>", inReplyTo: d, at: 6 })]);
      assert.deepEqual(await names({ threadId: id }), ["<e@x.example>", d, c, b, a], "what has come since is in it");
    });

    it("comes in pages", async () => {
      const client = await house.otherClient("paged");
      const letters = Array.from({ length: 7 }, (_, at) =>
        sent({ id: `<p${at}@x.example>`, ...(at > 0 && { references: "<p0@x.example>" }), at }),
      );
      await client.append("INBOX", letters.slice(0, 4));
      await client.append("Archive", letters.slice(4));
      const { threadOf, thread } = asking(() => house.core, "paged");
      const id = await threadOf("<p2@x.example>");
      const seen: unknown[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await thread(id, { limit: 3, ...(cursor && { cursor }) });
        assert.equal(page.total, 7);
        seen.push(...page.messages.map(({ messageId }) => messageId));
        cursor = page.nextCursor;
      } while (cursor !== null);
      assert.deepEqual(
        seen,
        letters.map((_, at) => `<p${at}@x.example>`),
      );
      await assert.rejects(thread(id, { cursor: "nonsense" }), (error) => isFailure(error, "cursor-mismatch"));
    });

    it("keeps its id and its messages when they are moved, by whomever, and after a restart", async () => {
      const client = await house.otherClient("moved");
      await client.append("INBOX", [
        sent({ id: "<m1@x.example>", at: 1 }),
        sent({ id: "<m2@x.example>", references: "<m1@x.example>", at: 2 }),
        sent({ id: null, subject: "Nameless", at: 3 }),
      ]);
      const before = asking(() => house.core, "moved");
      const given = new Map((await before.list()).map(({ subject, threadId }) => [subject, threadId]));
      await client.command("SELECT INBOX");
      await client.command("UID MOVE 1,3 Archive");
      const core = house.anotherCore();
      const after = asking(() => core, "moved");
      const moved = await after.list({ mailbox: "archive" });
      assert.deepEqual(new Map(moved.map(({ subject, threadId }) => [subject, threadId])), given);
      assert.deepEqual(await after.ids(await after.threadOf("<m2@x.example>")), ["<m1@x.example>", "<m2@x.example>"]);
      assert.deepEqual(await before.ids(given.get("Plans") ?? ""), ["<m1@x.example>", "<m2@x.example>"]);
    });

    it("goes on under both names when a message joins two threads that were given", async () => {
      const client = await house.otherClient("joined");
      await client.append("INBOX", [sent({ id: "<j1@x.example>", at: 1 }), sent({ id: "<j2@x.example>", at: 2 })]);
      const { threadOf, ids, thread } = asking(() => house.core, "joined");
      const [one, other] = [await threadOf("<j1@x.example>"), await threadOf("<j2@x.example>")];
      assert.notEqual(one, other);
      await client.append("INBOX", [
        sent({ id: "<j3@x.example>", references: "<j2@x.example> <j1@x.example>", at: 3 }),
      ]);
      const all = ["<j1@x.example>", "<j2@x.example>", "<j3@x.example>"];
      assert.ok([one, other].includes(await threadOf("<j3@x.example>")));
      assert.deepEqual([await ids(one), await ids(other)], [all, all]);
      assert.deepEqual([await threadOf("<j1@x.example>"), await threadOf("<j2@x.example>")], [one, other]);
      assert.deepEqual((await thread(other)).threadIds, [one, other].sort());
      assert.equal((await thread(other)).id, other);
    });

    it("is found whole though nothing but what lies between names what it has in common", async () => {
      const client = await house.otherClient("between");
      await client.append("Archive", [sent({ id: "<k1@x.example>", at: 1 })]);
      await client.append("Sent", [sent({ id: "<k2@x.example>", inReplyTo: "<k1@x.example>", at: 2 })]);
      await client.append("INBOX", [sent({ id: "<k3@x.example>", inReplyTo: "<k2@x.example>", at: 3 })]);
      await client.append("Sent", [sent({ id: "<k4@x.example>", inReplyTo: "<k3@x.example>", at: 4 })]);
      await client.append("INBOX", [sent({ id: "<k5@x.example>", inReplyTo: "<k4@x.example>", at: 5 })]);
      const { threadOf, ids } = asking(() => house.core, "between");
      const all = [1, 2, 3, 4, 5].map((number) => `<k${number}@x.example>`);
      assert.deepEqual(await ids(await threadOf("<k5@x.example>")), all);
      assert.deepEqual(await ids(await threadOf("<k1@x.example>", "archive")), all);
    });

    it("takes an answer without references for its subject and people", async () => {
      const client = await house.otherClient("subject");
      const swapped = { from: "bob@example.com", to: "ada@example.org" };
      await client.append("INBOX", [
        sent({ id: "<s1@x.example>", subject: "Lunch", at: 1 }),
        sent({ id: "<s2@x.example>", subject: "RE: Lunch", ...swapped, at: 2 }),
        sent({ id: "<s3@x.example>", subject: "AW: Lunch", at: 3 }),
        sent({ id: "<s4@x.example>", subject: "Re: Lunch", from: "eve@example.net", at: 4 }),
        sent({ id: "<s5@x.example>", subject: "Lunch", at: 5 }),
        sent({ id: "<s6@x.example>", subject: "Re: Lunch", at: 60 * 24 * 200 }),
        sent({ id: "<s7@x.example>", subject: "Re: Lunch", references: "<elsewhere@x.example>", at: 7 }),
      ]);
      const { list, threadOf, ids } = asking(() => house.core, "subject");
      const threads = new Set((await list()).map(({ threadId }) => threadId));
      assert.equal(threads.size, 4);
      assert.deepEqual(await ids(await threadOf("<s2@x.example>")), [
        "<s1@x.example>",
        "<s2@x.example>",
        "<s3@x.example>",
        "<s5@x.example>",
      ]);
    });

    it("stands up to what mail programs write: no ids, bad ids, loops, doubles, very long lines", async () => {
      const client = await house.otherClient("torture");
      const many = Array.from({ length: 1_500 }, (_, at) => `<long${at}@x.example>`).join("\r\n ");
      await client.append("INBOX", [
        sent({ id: null, subject: "First", at: 1 }),
        sent({ id: null, subject: "Second", at: 2 }),
        sent({ id: "<>", subject: "Third", at: 3 }),
        sent({ id: "<>", subject: "Fourth", at: 4 }),
        sent({ id: "<loop1@x.example>", references: "<loop2@x.example>", subject: "Loop", at: 5 }),
        sent({ id: "<loop2@x.example>", references: "<loop1@x.example> <loop2@x.example>", subject: "Loop", at: 6 }),
        sent({ id: "<self@x.example>", references: "<self@x.example>", subject: "Self", at: 7 }),
        sent({ id: "<double@x.example>", subject: "Double", at: 8 }),
        sent({ id: "<double@x.example>", subject: "Double", at: 9 }),
        sent({ id: "<wide@x.example>", references: many, subject: "Wide", at: 10 }),
        sent({ id: "<long0@x.example>", subject: "The wide one's beginning", at: 11 }),
        sent({
          id: "no brackets at all",
          inReplyTo: "Message from Ada <ada@example.org> of today",
          subject: "Old",
          at: 12,
        }),
        sent({
          id: "<old2@x.example>",
          inReplyTo: "your letter of Monday, <ada@example.org>",
          subject: "Older",
          at: 13,
        }),
        sent({
          id: '<"quo ted\\"@x.example>',
          references: '<"bro\\ken"@x.example> <(*)%@x.example>',
          subject: "Odd",
          at: 14,
        }),
      ]);
      const { list, thread } = asking(() => house.core, "torture");
      const messages = await list();
      assert.equal(messages.length, 14);
      const groups = Map.groupBy(messages, ({ threadId }) => threadId);
      const together = [...groups.values()].map((group) =>
        group
          .map(({ subject }) => subject)
          .sort()
          .join(", "),
      );
      assert.deepEqual(together.sort(), [
        "Double, Double",
        "First",
        "Fourth",
        "Loop, Loop",
        "Odd",
        "Old",
        "Older",
        "Second",
        "Self",
        "The wide one's beginning, Wide",
        "Third",
      ]);
      for (const [id = "", group] of groups) {
        const found = await thread(id);
        assert.deepEqual(
          found.messages.map((message) => message.id).sort(),
          group.map((message) => message.id).sort(),
          group[0]?.subject ?? "",
        );
      }
    });

    it("of very many messages is found at a cost that does not grow with each of them", async () => {
      const client = await house.otherClient("many");
      const letters = Array.from({ length: 1_200 }, (_, at) =>
        sent({
          id: `<n${at}@x.example>`,
          ...(at > 0 && { references: `<n0@x.example> <n${at - 1}@x.example>` }),
          at,
        }),
      );
      await client.append("INBOX", [...letters, sent({ id: "<aside@x.example>", subject: "Aside", at: 5 })]);
      const { threadOf, thread } = asking(() => house.core, "many");
      const id = await threadOf("<n700@x.example>");
      const call = newCall();
      const first = await house.core.getThread(
        { account: "many", thread: id, fields: ["messageId"], limit: 200 },
        call,
      );
      assert.equal(first.total, 1_200);
      assert.equal(first.messages[199]?.messageId, "<n199@x.example>");
      assert.ok(call.report.commands < 60, `${call.report.commands} commands`);
      const again = newCall();
      await house.core.getThread({ account: "many", thread: id, fields: ["messageId"], limit: 10 }, again);
      assert.ok(again.report.commands < 20, `${again.report.commands} commands`);
      assert.equal((await thread(id)).total, 1_200);
    });

    it("that was never given, or is another account's, is not found", async () => {
      const client = await house.otherClient("never");
      await client.append("INBOX", [sent({ id: "<v@x.example>", at: 1 })]);
      const { threadOf, thread, list } = asking(() => house.core, "never");
      const id = await threadOf("<v@x.example>");
      const foreign = await asking(() => house.core, "over").threadOf("<a@x.example>");
      const unused = packThreadId({ accountKey: 1, thread: 1 });
      for (const wrong of ["thr_", "nonsense", `${id}A`, `mbx_${id.slice(4)}`, foreign, unused]) {
        await assert.rejects(thread(wrong), (error) => isFailure(error, "not-found"), wrong);
        await assert.rejects(list({ filter: { threadId: wrong } }), (error) => isFailure(error, "not-found"), wrong);
      }
    });

    it("whose messages are deleted has none, and goes on being the thread of what answers them", async () => {
      const client = await house.otherClient("deleted");
      await client.append("INBOX", [sent({ id: "<d1@x.example>", at: 1 })]);
      const { threadOf, thread, ids } = asking(() => house.core, "deleted");
      const id = await threadOf("<d1@x.example>");
      assert.equal((await thread(id)).total, 1);
      await client.command("SELECT INBOX");
      await client.command("UID STORE 1 +FLAGS (\\Deleted)");
      await client.command("EXPUNGE");
      assert.deepEqual([(await thread(id)).total, (await thread(id)).messages], [0, []]);
      await client.append("INBOX", [sent({ id: "<d2@x.example>", inReplyTo: "<d1@x.example>", at: 2 })]);
      assert.equal(await threadOf("<d2@x.example>"), id);
      assert.deepEqual(await ids(id), ["<d2@x.example>"]);
    });
  });
}

const named = (uid: number, id: string, thread: string): NonNullable<ScriptedMailbox["messages"]>[number] => ({
  uid,
  thread,
  source: `From: Ada <ada@example.org>\r\nTo: Bob <bob@example.com>\r\nSubject: S\r\nMessage-ID: ${id}\r\n\r\nHi.\r\n`,
});

for (const [capability, threads] of [
  ["OBJECTID", ["T64b478a75b7ea9", "T-other_1"]],
  ["X-GM-EXT-1", ["1278455344230334865", "1266894439832287888"]],
] as const) {
  test(`where the server names conversations itself (${capability}), its names decide`, async (t) => {
    const [one, other] = threads;
    const script: Script = {
      capabilities: ["IMAP4rev1", capability],
      mailboxes: [
        { name: "INBOX", messages: [named(1, "<a@x.example>", one), named(2, "<b@x.example>", other)] },
        { name: "Sent", messages: [named(1, "<c@x.example>", one)] },
      ],
    };
    const server = await startScriptedImap(script);
    t.after(server.stop);
    const user = () => ({ user: "ada", password: "secret" });
    const over = await startCore({ ...server, user });
    t.after(over.stop);
    const { threadOf, ids } = asking(() => over.core, "ada");
    const id = await threadOf("<a@x.example>");
    assert.notEqual(await threadOf("<b@x.example>"), id);
    assert.deepEqual(await ids(id), ["<a@x.example>", "<c@x.example>"]);
    const headers = server.commands.filter(({ text }) => /SEARCH.*HEADER (Message-ID|References)/i.test(text));
    assert.deepEqual(
      headers.map(({ text }) => text).filter((text) => !text.includes('"<')),
      [],
    );
    assert.ok(
      server.commands.some(({ text }) =>
        text.includes(capability === "OBJECTID" ? `THREADID ${one}` : `X-GM-THRID ${one}`),
      ),
    );
  });
}
