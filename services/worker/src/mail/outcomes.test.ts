import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { isFailure, type Outcome } from "@postern/protocol";
import { type Behaviour, drop, scriptedMessage, startScriptedImap, tell } from "@postern/test/servers/scripted";
import { type CoreOver, newCall, startCore } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";

async function start(t: TestContext, on: Record<string, Behaviour>, capabilities = ["IMAP4rev1"]): Promise<CoreOver> {
  const mailboxes = [{ name: "INBOX", messages: [scriptedMessage(1)] }];
  const server = await startScriptedImap({ mailboxes, capabilities, on });
  const core = await startCore({ ...server, user: (user) => ({ user, password: "secret" }) });
  t.after(async () => {
    await core.stop();
    await server.stop();
  });
  return core;
}

async function* octets(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(letter({ subject: "New" }).source);
}

const outcomeOf = (work: Promise<unknown>): Promise<Outcome | undefined | "no failure"> =>
  work.then(
    () => "no failure",
    (error: unknown) => (isFailure(error) ? error.outcome : assert.fail(String(error))),
  );

const append = ({ core }: CoreOver): Promise<unknown> =>
  core.appendMessage({ account: "a", where: { mailbox: "inbox" }, fields: ["id"] }, newCall(), octets());

test("a change for which nobody could log in was not made", async (t) => {
  const over = await start(t, { LOGIN: drop });
  const messages = [{ id: "msg_1" }];
  assert.equal(await outcomeOf(append(over)), "none");
  assert.equal(await outcomeOf(over.core.createMailbox({ account: "a", mailbox: { name: "New" } }, newCall())), "none");
  assert.equal(
    await outcomeOf(
      over.core.batchMessages(
        { account: "a", mailbox: "inbox", filter: {}, action: { flags: { add: ["x"] } }, dryRun: false },
        newCall(),
      ),
    ),
    "none",
  );
  const { results } = await over.core.changeFlags({ account: "a", messages, flags: { add: ["x"] } }, newCall());
  assert.deepEqual(
    results.map((each) => !each.ok && each.failure.outcome),
    ["none"],
  );
});

test("a message that was taken but cannot be looked for was not left undone", async (t) => {
  // Without UIDPLUS nothing tells where it is.
  const over = await start(t, { APPEND: tell(), "UID SEARCH": drop, "UID FETCH": drop });
  assert.equal(await outcomeOf(append(over)), "unknown");
});
