import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isFailure, type ListMessagesInput, listFields, type MessagePage } from "@postern/protocol";
import { type CoreHouse, newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter, withAttachment } from "../testing/raw-client.ts";

type Options = Partial<ListMessagesInput> & { account: string };

async function page(house: CoreHouse, options: Options): Promise<MessagePage> {
  const answer = await house.core.listMessages(
    { limit: 50, fields: ["id", "subject"], mailbox: "inbox", ...options },
    newCall(),
  );
  assert.ok(!answer.notModified);
  return answer;
}

const subjects = (from: MessagePage): (string | null | undefined)[] => from.items.map(({ subject }) => subject);

async function all(house: CoreHouse, options: Options): Promise<(string | null | undefined)[]> {
  const found: (string | null | undefined)[] = [];
  let cursor: string | undefined;
  for (;;) {
    const next = await page(house, { ...options, ...(cursor !== undefined && { cursor }) });
    found.push(...subjects(next));
    if (next.nextCursor === null) return found;
    cursor = next.nextCursor;
  }
}

describe("a list of messages", () => {
  let house: CoreHouse;
  before(async () => {
    house = await startCoreHouse();
  });
  after(() => house.stop());

  it("is newest first, in pages that lead on to one another", async () => {
    const client = await house.otherClient("pages");
    await client.append(
      "INBOX",
      Array.from({ length: 25 }, (_, at) => letter({ subject: `m${at + 1}` })),
    );
    const first = await page(house, { account: "pages", limit: 10 });
    assert.deepEqual(
      subjects(first),
      Array.from({ length: 10 }, (_, at) => `m${25 - at}`),
    );
    assert.equal(first.total, 25);
    assert.ok(first.hasNext && !first.hasPrevious);
    assert.deepEqual(
      await all(house, { account: "pages", limit: 10 }),
      Array.from({ length: 25 }, (_, at) => `m${25 - at}`),
    );
  });

  it("gives the fields of a list", async () => {
    const client = await house.otherClient("fields");
    await client.append("INBOX", [
      withAttachment("A file", { flags: ["\\Seen"], receivedAt: new Date("2026-02-03T04:05:06Z") }),
    ]);
    const call = newCall();
    const answer = await house.core.listMessages(
      { account: "fields", mailbox: "inbox", limit: 50, fields: [...listFields, "snippet", "text", "references"] },
      call,
    );
    assert.ok(!answer.notModified);
    const [message] = answer.items;
    assert.ok(message);
    assert.match(message.id, /^msg_/);
    assert.equal(message.subject, "A file");
    assert.deepEqual(message.flags, ["\\Seen"]);
    assert.equal(message.receivedAt, "2026-02-03T04:05:06.000Z");
    assert.equal(message.sentAt, "2026-01-02T03:04:05.000Z");
    assert.equal(message.hasAttachments, true);
    assert.equal(message.snippet, "See the file.");
    assert.equal(message.text, "See the file.");
    assert.equal(message.attachments?.[0]?.filename, "a.pdf");
    assert.ok(call.report.asOf !== null);
  });

  it("says that a role nobody has is not found", async () => {
    const input = { account: "pages", mailbox: "flagged", limit: 10, fields: ["id" as const] };
    await assert.rejects(house.core.listMessages(input, newCall()), (error) => isFailure(error, "not-found"));
  });
});
