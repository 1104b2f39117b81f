import assert from "node:assert/strict";
import { test } from "node:test";
import { type Call, changing, Failure, listFields } from "@postern/protocol";
import { startDovecot, startRecordingProxy } from "@postern/test/servers";
import { boxId, deliver, idsIn, targets } from "../testing/changes.ts";
import { newCall, startCore } from "../testing/core-house.ts";
import { letter, RawClient } from "../testing/raw-client.ts";

const writes =
  /^(UID (STORE|COPY|MOVE|EXPUNGE|REPLACE)|STORE|COPY|MOVE|EXPUNGE|APPEND|CREATE|RENAME|DELETE|(UN)?SUBSCRIBE)\b/;

for (const without of [[], ["MOVE", "UIDPLUS"]])
  test(`nothing is changed by who does not act for the account any more, on a server without ${without.join(" and ") || "nothing"}`, async (t) => {
    const dovecot = await startDovecot({ without });
    const proxy = await startRecordingProxy(dovecot);
    let isHeld = true;
    const assertHeld = (): void => {
      if (!isHeld) throw new Failure("unavailable", { detail: "The account was handed over.", outcome: "none" });
    };
    const { host, port } = proxy;
    const over = await startCore({ host, port, user: dovecot.user }, { assertHeld, epochOf: () => 1 });
    const client = await RawClient.login(dovecot, dovecot.user("a"));
    t.after(async () => {
      client.close();
      await over.stop();
      await proxy.stop();
      await dovecot.stop();
    });
    const account = "a";
    const fields = [...listFields];
    const { core } = over;
    async function* octets(text: string): AsyncGenerator<Uint8Array> {
      yield Buffer.from(text);
    }
    for (const name of ["Box", "Trash", "Other"]) await client.command(`CREATE ${name}`);
    await client.command("SUBSCRIBE Box");
    await deliver(client, "INBOX", 3, ["\\Draft"]);
    await deliver(client, "Trash", 1);
    const messages = targets((await idsIn(over, account, "inbox")).slice(0, 2));
    const mailbox = await boxId(over, account, "Box");
    const { source } = letter({ subject: "New" });
    const uploaded = await core.createUpload(
      { account, contentType: "message/rfc822", filename: null },
      newCall(),
      octets(source),
    );
    const items = [{ upload: uploaded.id }, { upload: uploaded.id }];
    const replaces = messages[0]?.id ?? "";
    const append = (where: { mailbox: string } | { replaces: string }) => (call: Call) =>
      core.appendMessage({ account, where, fields }, call, octets(source));
    const all: [name: string, (call: Call) => Promise<unknown>][] = [
      ["changeFlags", (call) => core.changeFlags({ account, messages, flags: { add: ["\\Seen"] } }, call)],
      ["moveMessages", (call) => core.moveMessages({ account, messages, mailbox }, call)],
      ["copyMessages", (call) => core.copyMessages({ account, messages, mailbox }, call)],
      ["deleteMessages", (call) => core.deleteMessages({ account, messages, permanent: false }, call)],
      ["deleteMessages", (call) => core.deleteMessages({ account, messages, permanent: true }, call)],
      ["emptyMailbox", (call) => core.emptyMailbox({ account, mailbox: "trash" }, call)],
      [
        "batchMessages",
        (call) => core.batchMessages({ account, messages, action: { move: mailbox }, dryRun: false }, call),
      ],
      ["appendMessage", append({ mailbox: "inbox" })],
      ["appendMessage", append({ mailbox: "drafts" })],
      ["appendMessage", append({ replaces })],
      ["importMessages", (call) => core.importMessages({ account, items }, call)],
      [
        "composeMessage",
        (call) => core.composeMessage({ account, where: { mailbox }, fields, draft: { subject: "Hi" } }, call),
      ],
      ["createMailbox", (call) => core.createMailbox({ account, mailbox: { name: "New" } }, call)],
      ["updateMailbox", (call) => core.updateMailbox({ account, mailbox, patch: { name: "Renamed" } }, call)],
      ["updateMailbox", (call) => core.updateMailbox({ account, mailbox: "inbox", patch: { name: "Old" } }, call)],
      ["updateMailbox", (call) => core.updateMailbox({ account, mailbox, patch: { subscribed: false } }, call)],
      ["deleteMailbox", (call) => core.deleteMailbox({ account, mailbox }, call)],
      ["deleteMailbox", (call) => core.deleteMailbox({ account, mailbox, onlyEmpty: true }, call)],
    ];
    isHeld = false;
    for (const [name, change] of all) {
      const answer = await change(newCall()).catch((error: unknown) => ({
        results: [{ failure: Failure.from(error) }],
      }));
      const { results } = answer as { results: { failure?: { code: string; outcome?: string } }[] };
      for (const { failure } of results)
        assert.deepEqual([name, failure?.code, failure?.outcome], [name, "unavailable", "none"]);
    }
    assert.deepEqual(
      proxy.all.filter((command) => writes.test(command)),
      [],
    );
    // What writes down, but changes nothing on the mail server, or is not about mail.
    const others = ["createAccount", "updateAccount", "deleteAccount", "createUpload", "cancelJob"];
    assert.deepEqual([...new Set([...all.map(([name]) => name), ...others])].sort(), [...changing].sort());
  });
