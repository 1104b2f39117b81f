import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedWork } from "../../mirror/shared-work.ts";
import { newCall, startCoreHouse } from "../../testing/core-house.ts";
import { letter } from "../../testing/raw-client.ts";
import { accountRef } from "../open-mailbox.ts";
import type { Sessions } from "../ports.ts";
import { FactReader } from "./fact-reader.ts";

test("a message that came after a connection was told of news last is read by it all the same", async (t) => {
  const house = await startCoreHouse();
  t.after(() => house.stop());
  const { parts } = house;
  const client = await house.otherClient("ada");
  await client.append("INBOX", [letter({ subject: "Old" })]);
  const account = await accountRef(parts, "ada");
  const borrow = { account: "ada", mailbox: "INBOX", lane: "interactive", call: newCall() } as const;
  await parts.sessions.use(borrow, async (session) => {
    const opened = await session.examine("INBOX");
    assert.ok(opened);
    await client.append("INBOX", [letter({ subject: "New" })]);
    const sessions: Sessions = { use: (_, work) => work(session) };
    const reader = new FactReader(sessions, new SharedWork(), parts.facts);
    const place = { account, mailbox: 1, path: "INBOX" };
    const { uidNext, uidValidity } = opened;
    const known = await reader.read(place, uidValidity, [uidNext - 1, uidNext, uidNext + 1], ["envelope"], newCall());
    assert.deepEqual(
      [...known].map(([uid, { facts }]) => [uid, facts.envelope?.subject]),
      [
        [uidNext - 1, "Old"],
        [uidNext, "New"],
      ],
    );
  });
  client.close();
});
