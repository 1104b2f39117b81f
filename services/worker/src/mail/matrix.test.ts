import assert from "node:assert/strict";
import { test } from "node:test";
import { listFields } from "@postern/protocol";
import { boxId, deliver, idsIn, outcomes, seen, targets } from "../testing/changes.ts";
import { newCall, startCoreHouse } from "../testing/core-house.ts";
import { letter } from "../testing/raw-client.ts";

const takenAway: Record<string, string[]> = {
  nothing: [],
  CONDSTORE: ["CONDSTORE", "QRESYNC"],
  MOVE: ["MOVE"],
  UIDPLUS: ["UIDPLUS"],
  ESEARCH: ["ESEARCH", "SEARCHRES", "CONTEXT=SEARCH"],
  SORT: ["SORT", "SORT=DISPLAY", "ESORT"],
  "SPECIAL-USE": ["SPECIAL-USE"],
  "LIST-STATUS": ["LIST-STATUS", "LIST-EXTENDED"],
};
const servers = { ...takenAway, everything: Object.values(takenAway).flat() };

async function* octets(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const source = (subject: string): string =>
  letter({ subject, headers: [`Message-ID: <${crypto.randomUUID()}@example.org>`] }).source;

/** Every write in turn; what another client then finds is all that counts. */
for (const [what, without] of Object.entries(servers))
  test(`every write does what it says, and nothing else, on a server from which ${what} is taken away`, async (t) => {
    const house = await startCoreHouse({ without, specialUse: !without.includes("SPECIAL-USE") });
    t.after(() => house.stop());
    const account = "ada";
    const fields = [...listFields];
    const { core } = house;
    const client = await house.otherClient(account);
    await client.command("CREATE Box");
    await deliver(client, "INBOX", 7);
    const box = await boxId(house, account, "Box");
    const ids = await idsIn(house, account, "inbox");
    const pick = (...numbers: number[]) => targets(numbers.map((number) => ids[number - 1] ?? ""));
    const goWell = ({ results }: Awaited<ReturnType<typeof core.changeFlags>>): void =>
      assert.ok(outcomes(results).every((each) => each === "ok"));
    const inbox = (...lines: string[]): Promise<void> =>
      seen(client, "INBOX").then((found) => assert.deepEqual(found, lines));
    const boxed = (...lines: string[]): Promise<void> =>
      seen(client, "Box").then((found) => assert.deepEqual(found, lines));

    const flags = { add: ["\\Seen", "$Work"] };
    goWell(await core.changeFlags({ account, messages: pick(1, 2), flags }, newCall()));
    goWell(await core.changeFlags({ account, messages: pick(2), flags: { remove: ["$Work"] } }, newCall()));
    await inbox("1 \\Seen $Work", "2 \\Seen", "3", "4", "5", "6", "7");

    goWell(await core.copyMessages({ account, messages: pick(2), mailbox: box }, newCall()));
    goWell(await core.moveMessages({ account, messages: pick(3, 4), mailbox: box }, newCall()));
    await inbox("1 \\Seen $Work", "2 \\Seen", "5", "6", "7");
    await boxed("2 \\Seen", "3", "4");
    assert.deepEqual((await idsIn(house, account, box)).slice(1), ids.slice(2, 4));

    goWell(await core.deleteMessages({ account, messages: pick(5, 6), permanent: false }, newCall()));
    goWell(await core.deleteMessages({ account, messages: pick(7), permanent: true }, newCall()));
    await inbox("1 \\Seen $Work", "2 \\Seen");
    assert.deepEqual(await seen(client, "Trash"), ["5", "6"]);
    assert.deepEqual(await core.emptyMailbox({ account, mailbox: "trash" }, newCall()), { deleted: 2 });
    assert.deepEqual(await seen(client, "Trash"), []);

    const store = (where: { mailbox: string } | { replaces: string }, subject: string, wanted?: string[]) =>
      core.appendMessage(
        { account, where, fields, ...(wanted && { flags: wanted }) },
        newCall(),
        octets(source(subject)),
      );
    const { message: draft } = await store({ mailbox: box }, "Draft", ["\\Draft"]);
    assert.equal((await store({ replaces: draft.id }, "Edited")).message.id, draft.id);
    const uploading = { account, contentType: "message/rfc822", filename: null };
    const upload = (await core.createUpload(uploading, newCall(), octets(source("Twin")))).id;
    const items = [{ upload }, { upload, mailbox: box }, { upload }];
    const imported = (await core.importMessages({ account, items }, newCall())).results;
    assert.equal(new Set(imported.map((each) => each.ok && each.message.id)).size, 3);
    await inbox("1 \\Seen $Work", "2 \\Seen", "Twin", "Twin");
    await boxed("2 \\Seen", "3", "4", "Edited \\Draft", "Twin");

    const made = await core.createMailbox({ account, mailbox: { name: "Bücher & more" } }, newCall());
    const renamed = await core.updateMailbox({ account, mailbox: made.id, patch: { name: "Read" } }, newCall());
    assert.deepEqual([renamed.id, renamed.subscribed], [made.id, true]);
    assert.match(await client.command('LIST "" *'), / "?Read"?$/m);
    assert.match(await client.command('LSUB "" *'), / "?Read"?$/m);
    await core.updateMailbox({ account, mailbox: made.id, patch: { subscribed: false } }, newCall());
    assert.doesNotMatch(await client.command('LSUB "" *'), / "?(Read|B&)/);
    await core.deleteMailbox({ account, mailbox: made.id }, newCall());
    assert.doesNotMatch(await client.command('LIST "" *'), / "?(Read|B&)/);
    await boxed("2 \\Seen", "3", "4", "Edited \\Draft", "Twin");
  });
