import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Call,
  type ListMessagesInput,
  type Mail,
  mailOf,
  MessagePage,
  type Message,
  newReport,
} from "@postern/protocol";
import { knowPages } from "./known-pages.ts";

const question: ListMessagesInput = { account: "a", limit: 50, fields: ["id"] };

/** Mail with one page, which tells what was asked of it. */
function mailWith(state: { etag: string; items: Message[] }): { mail: Mail; asked: ListMessagesInput[] } {
  const asked: ListMessagesInput[] = [];
  const far = mailOf(() => () => assert.fail("not expected"));
  const mail: Mail = {
    ...far,
    listMessages: async (input) => {
      asked.push(input);
      if (input.ifNoneMatch?.includes(state.etag)) return { notModified: true, etag: state.etag };
      const head = { nextCursor: null, hasNext: false, hasPrevious: false, total: 1, etag: state.etag };
      return MessagePage.of(head, state.items);
    },
  };
  return { mail: knowPages(mail), asked };
}

function newCall(): Call {
  const { signal } = new AbortController();
  return { requestId: "r", actor: "admin", deadline: Date.now() + 10_000, signal, report: newReport() };
}

test("a page that is held already does not come again, and is answered all the same", async () => {
  const { mail, asked } = mailWith({ etag: "one", items: [{ id: "m1" }] });
  const first = await mail.listMessages(question, newCall());
  const second = await mail.listMessages(question, newCall());
  assert.equal(second, first);
  assert.deepEqual(
    asked.map(({ ifNoneMatch }) => ifNoneMatch),
    [undefined, ["one"]],
  );
});

test("a page that has changed comes anew", async () => {
  const state = { etag: "one", items: [{ id: "m1" }] };
  const { mail } = mailWith(state);
  await mail.listMessages(question, newCall());
  Object.assign(state, { etag: "two", items: [{ id: "m2" }] });
  const answer = await mail.listMessages(question, newCall());
  assert.ok(!answer.notModified);
  assert.deepEqual(answer.items, [{ id: "m2" }]);
});

test("who holds the page themselves is told that it has not changed", async () => {
  const { mail } = mailWith({ etag: "one", items: [] });
  await mail.listMessages(question, newCall());
  const answer = await mail.listMessages({ ...question, ifNoneMatch: ["other", "one"] }, newCall());
  assert.deepEqual(answer, { notModified: true, etag: "one" });
});

test("another question has another page", async () => {
  const { mail, asked } = mailWith({ etag: "one", items: [] });
  await mail.listMessages(question, newCall());
  await mail.listMessages({ ...question, account: "b" }, newCall());
  assert.equal(asked[1]?.ifNoneMatch, undefined);
});
