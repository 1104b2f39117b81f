import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { run } from "./graphql-client.ts";
import { type House, startHouse } from "./house.ts";
import { otherClient, write } from "./mailbox.ts";

let house: House;
let dovecot: DovecotServer;
let ask: Ask;

before(async () => {
  dovecot = await startDovecot();
  house = await startHouse("together");
  ask = askWith(house.urls, house.adminToken);
  const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
  assert.equal((await ask("/v1/accounts", { body: { id: "alice", imap } })).status, 201);
});

after(async () => {
  await house.stop();
  await dovecot.stop();
});

interface Stored {
  message: { id: string; subject: string; flags: string[]; etag: string; mailbox: { role: string } };
}

const shown = "message { id subject flags etag mailbox { role } }";
const append = `mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { ${shown} } }`;
const replace = `mutation ($input: ReplaceMessageInput!) { replaceMessage(input: $input) { ${shown} } }`;

test("a whole message is stored to the octet, and one that is composed among the drafts", async () => {
  const letter = write({ subject: "Whole ☂" });
  const raw = Buffer.from(letter).toString("base64");
  const whole = await run<{ appendMessage: Stored }>(ask, append, {
    input: { account: "alice", role: "INBOX", flags: ["\\Seen"], message: { raw } },
  });
  assert.partialDeepStrictEqual(whole.data.appendMessage.message, { subject: "Whole ☂", flags: ["\\Seen"] });
  const other = await otherClient(dovecot, "alice");
  await other.mailboxOpen("INBOX", { readOnly: true });
  const found = await other.fetchOne("*", { source: true });
  assert.equal(found && found.source?.toString(), letter);
  await other.logout();

  const draft = { subject: "Composed", to: [{ address: "bob@example.com" }], text: "Hi" };
  const made = await run<{ appendMessage: Stored }>(ask, append, { input: { account: "alice", message: { draft } } });
  const { message } = made.data.appendMessage;
  assert.deepEqual(
    [message.subject, message.mailbox.role, message.flags.toSorted()],
    ["Composed", "DRAFTS", ["\\Draft", "\\Seen"]],
  );

  const input = { account: "alice", id: message.id, ifMatch: message.etag, message: { draft: { subject: "Edited" } } };
  const edited = await run<{ replaceMessage: Stored }>(ask, replace, { input });
  assert.deepEqual(
    [edited.data.replaceMessage.message.id, edited.data.replaceMessage.message.subject],
    [message.id, "Edited"],
  );
  const stale = await run<{ replaceMessage: null }>(ask, replace, { input });
  assert.equal(stale.errors?.[0]?.extensions.code, "precondition-failed");
});

test("what is not as it should be is told by its place", async () => {
  const cases = [
    [{ raw: "not base64!" }, "input.message.raw"],
    [{ draft: { to: [{ address: "nobody" }] } }, "input.message.draft.to.0.address"],
  ] as const;
  for (const [message, path] of cases) {
    const { errors } = await run<null>(ask, append, { input: { account: "alice", message } });
    assert.deepEqual(
      errors?.[0]?.extensions.errors?.map((each) => each.path),
      [path],
    );
  }
});
