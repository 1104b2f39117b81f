import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Mailbox, Message } from "@postern/protocol";
import {
  atom,
  type Behaviour,
  put,
  type Script,
  type ScriptedMailbox,
  type ScriptedMessage,
  scriptedMessage,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { newCall, startCore } from "../testing/core-house.ts";

const account = "ada";

interface Environment {
  source: NonNullable<Message["identity"]>["source"];
  capabilities: string[];
  /** What the server calls the message with this UID in INBOX. */
  guid?: (uid: number) => string;
}

const environments: Record<string, Environment> = {
  OBJECTID: {
    source: "emailId",
    capabilities: ["IMAP4rev1", "OBJECTID", "CONDSTORE", "UIDPLUS", "MOVE", "LIST-EXTENDED", "LIST-STATUS"],
    guid: (uid) => `M6d99ac3275bb${uid}_-`,
  },
  "X-GM-EXT-1": {
    source: "gmail",
    capabilities: ["IMAP4rev1", "X-GM-EXT-1", "CONDSTORE", "UIDPLUS", "MOVE"],
    guid: (uid) => `12784553442303348${uid}`,
  },
  "nothing but IMAP4rev1": { source: "fingerprint", capabilities: ["IMAP4rev1"] },
};

/** A server's mailboxes, what other clients do to them, and Postern before it. */
async function world(t: TestContext, script: Pick<Script, "capabilities" | "on">, ...mailboxes: ScriptedMailbox[]) {
  const server = await startScriptedImap({ ...script, mailboxes });
  const user = (): { user: string; password: string } => ({ user: account, password: "secret" });
  const over = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await over.stop();
    await server.stop();
  });
  const box = (name: string): ScriptedMailbox => mailboxes.find((each) => each.name === name) ?? assert.fail(name);
  /** No scripted connection is told what happens elsewhere: new ones see it. */
  const elsewhere = (change: () => void): void => {
    change();
    server.cut();
  };
  const take = (from: ScriptedMailbox, uid: number): ScriptedMessage => {
    from.uidNext = nextIn(from);
    const at = (from.messages ?? []).findIndex((message) => message.uid === uid);
    const [message] = from.messages?.splice(at, 1) ?? [];
    if (from.highestModseq !== undefined) from.highestModseq += 1n;
    return message ?? assert.fail(`no ${uid}`);
  };
  const copied = (from: string, uid: number, to: string): void => {
    const target = box(to);
    const message = box(from).messages?.find((each) => each.uid === uid) ?? assert.fail(`no ${uid}`);
    target.uidNext = put(target, message) + 1;
  };
  const mailboxIds = async (): Promise<Map<string, string>> => {
    const { items } = await over.core.listMailboxes({ account }, newCall());
    return new Map(items.map((mailbox: Mailbox) => [mailbox.path, mailbox.id]));
  };
  const list = async (path: string): Promise<Message[]> => {
    const mailbox = (await mailboxIds()).get(path) ?? assert.fail(path);
    const fields = ["id" as const, "subject" as const, "identity" as const];
    const page = await over.core.listMessages({ account, mailbox, limit: 50, fields }, newCall());
    assert.ok(!page.notModified);
    return page.items;
  };
  const ids = async (path: string): Promise<string[]> => (await list(path)).map(({ id }) => id);
  /** Each message's subject and where it is, or why there is none. */
  const get = async (...asked: string[]): Promise<string[]> => {
    const paths = new Map([...(await mailboxIds())].map(([path, id]) => [id, path]));
    const input = { account, ids: asked, fields: ["subject" as const, "mailboxId" as const] };
    const { results } = await over.core.getMessages(input, newCall());
    return results.map((result) =>
      "message" in result
        ? `${result.message.subject} in ${paths.get(result.message.mailboxId ?? "")}`
        : result.failure.code,
    );
  };
  return { server, over, mailboxes, box, elsewhere, take, copied, mailboxIds, list, ids, get };
}

const nextIn = ({ uidNext, messages = [] }: ScriptedMailbox): number =>
  uidNext ?? Math.max(0, ...messages.map(({ uid }) => uid)) + 1;

type World = Awaited<ReturnType<typeof world>>;

const messages = (guid: Environment["guid"], ...uids: number[]): ScriptedMessage[] =>
  uids.map((uid) => ({ ...scriptedMessage(uid), ...(guid && { guid: guid(uid), thread: guid(uid) }) }));

function moved({ elsewhere, take, box, copied }: World, from: string, uid: number, to: string): void {
  elsewhere(() => {
    copied(from, uid, to);
    take(box(from), uid);
  });
}

for (const [name, { source, capabilities, guid }] of Object.entries(environments))
  describe(`ids on a server with ${name}`, () => {
    const start = (t: TestContext): Promise<World> => {
      const counted = capabilities.includes("CONDSTORE") ? { highestModseq: 5n } : {};
      const idOf = (id: string) => (capabilities.includes("OBJECTID") ? { mailboxId: id } : {});
      return world(
        t,
        { capabilities },
        { name: "INBOX", ...counted, ...idOf("F-inbox"), messages: messages(guid, 1, 2, 3) },
        { name: "Box", uidValidity: 7, ...counted, ...idOf("F-box"), messages: [] },
        { name: "Other", uidValidity: 8, ...counted, ...idOf("F-other"), messages: [] },
      );
    };

    it("say what they rest on", async (t) => {
      const { list } = await start(t);
      for (const { identity } of await list("INBOX"))
        assert.deepEqual(identity, { source, survivesMove: true, survivesReset: true });
    });

    it("are found where another client has moved their messages, whatever is asked for first", async (t) => {
      const there = await start(t);
      const known = await there.ids("INBOX");
      moved(there, "INBOX", 1, "Box");
      assert.deepEqual(await there.get(...known), ["Message 3 in INBOX", "Message 2 in INBOX", "Message 1 in Box"]);
      moved(there, "INBOX", 2, "Other");
      assert.deepEqual(await there.ids("Other"), [known[1]]);
      assert.deepEqual(await there.ids("Box"), [known[2]]);
      moved(there, "Other", 1, "Box");
      assert.deepEqual(await there.get(...known), ["Message 3 in INBOX", "Message 2 in Box", "Message 1 in Box"]);
    });

    it("are of copies no other's, and of two alike none is guessed", async (t) => {
      const there = await start(t);
      const known = await there.ids("INBOX");
      there.elsewhere(() => there.copied("INBOX", 1, "Box"));
      const [copy = ""] = await there.ids("Box");
      assert.ok(!known.includes(copy));
      there.elsewhere(() => {
        there.copied("INBOX", 1, "Other");
        there.copied("INBOX", 1, "Other");
        there.take(there.box("INBOX"), 1);
      });
      assert.deepEqual(await there.get(known[2] ?? "", copy), ["message-gone", "Message 1 in Box"]);
      const others = await there.ids("Other");
      assert.equal(new Set([...others, ...known, copy]).size, 6);
    });

    it("are matched again after a reset, and the rest are gone", async (t) => {
      const there = await start(t);
      const known = await there.ids("INBOX");
      there.elsewhere(() => {
        const inbox = there.box("INBOX");
        there.take(inbox, 2);
        const left = [...(inbox.messages ?? [])].toReversed();
        Object.assign(inbox, { uidValidity: 99, uidNext: 13 });
        inbox.messages = left.map((message, at) => ({ ...message, uid: 11 + at }));
      });
      assert.deepEqual(await there.get(...known), ["Message 3 in INBOX", "message-gone", "Message 1 in INBOX"]);
      assert.deepEqual(await there.ids("INBOX"), [known[2], known[0]]);
    });

    it("go on where another client renames a mailbox", async (t) => {
      const there = await start(t);
      moved(there, "INBOX", 1, "Box");
      const [known = ""] = await there.ids("Box");
      const before = (await there.mailboxIds()).get("Box");
      there.elsewhere(() => Object.assign(there.box("Box"), { name: "Renamed/to this" }));
      assert.deepEqual(await there.get(known), ["Message 1 in Renamed/to this"]);
      assert.equal((await there.mailboxIds()).get("Renamed/to this"), before);
    });
  });

describe("ids that rest on UIDs alone", () => {
  const anonymous = (uid: number): ScriptedMessage => ({
    uid,
    source: `From: Ada <ada@example.org>\r\nSubject: Message ${uid}\r\n\r\nText.\r\n`,
  });

  it("say so, are gone after another client's move, and outlive Postern's own", async (t) => {
    const there = await world(
      t,
      { capabilities: ["IMAP4rev1", "UIDPLUS", "MOVE"] },
      { name: "INBOX", messages: [anonymous(1), anonymous(2)] },
      { name: "Box", uidValidity: 7, messages: [] },
    );
    const [second, first] = await there.list("INBOX");
    assert.deepEqual(first?.identity, { source: "uid", survivesMove: false, survivesReset: false });
    const input = {
      account,
      messages: [{ id: second?.id ?? "" }],
      mailbox: (await there.mailboxIds()).get("Box") ?? "",
    };
    await there.over.core.moveMessages(input, newCall());
    moved(there, "INBOX", 1, "Box");
    assert.deepEqual(await there.get(first?.id ?? "", second?.id ?? ""), ["message-gone", "Message 2 in Box"]);
  });
});

describe("MAILBOXID", () => {
  const capabilities = ["IMAP4rev1", "OBJECTID", "CONDSTORE", "LIST-EXTENDED", "LIST-STATUS"];
  const guid = (uid: number): string => `M${uid}`;
  const boxes = (): ScriptedMailbox[] => [
    { name: "INBOX", highestModseq: 5n, mailboxId: "F-inbox", messages: messages(guid, 1, 2) },
    { name: "Box", uidValidity: 7, highestModseq: 5n, mailboxId: "F-box", messages: messages(guid, 3) },
    { name: "Other", uidValidity: 8, highestModseq: 5n, mailboxId: "F-other", messages: messages(guid, 4) },
  ];

  it("tells a mailbox again that was renamed and has another UIDVALIDITY since", async (t) => {
    const there = await world(t, { capabilities }, ...boxes());
    const [known = ""] = await there.ids("Box");
    const before = (await there.mailboxIds()).get("Box");
    there.elsewhere(() => Object.assign(there.box("Box"), { name: "Renamed", uidValidity: 77 }));
    assert.deepEqual(await there.get(known), ["Message 3 in Renamed"]);
    assert.equal((await there.mailboxIds()).get("Renamed"), before);
    assert.deepEqual(await there.ids("Renamed"), [known]);
  });

  it("tells a mailbox apart that was made anew under the same name and UIDVALIDITY", async (t) => {
    const there = await world(t, { capabilities }, ...boxes());
    const [known = ""] = await there.ids("Box");
    const before = (await there.mailboxIds()).get("Box");
    const anew = { ...scriptedMessage(3, "Another"), guid: "M-another" };
    there.elsewhere(() =>
      Object.assign(there.box("Box"), { mailboxId: "F-anew", messages: [anew], highestModseq: 9n }),
    );
    assert.deepEqual(await there.get(known), ["message-gone"]);
    const [another = known] = await there.ids("Box");
    assert.notEqual(another, known);
    assert.notEqual((await there.mailboxIds()).get("Box"), before);
    assert.deepEqual(await there.get(known, another), ["message-gone", "Another in Box"]);
  });

  it("is no id where a server tells octets of something else", async (t) => {
    const garbage: Behaviour = (connection, { tag, args }) => {
      const name = atom(args[0]);
      const items = Array.isArray(args[1]) ? args[1].map(atom) : [];
      const mailbox = there.mailboxes.find((each) => each.name === name);
      if (!mailbox) return connection.say(`${tag} NO [NONEXISTENT] It is not there`);
      const told: Record<string, string> = {
        MESSAGES: String(mailbox.messages?.length ?? 0),
        UNSEEN: "0",
        UIDNEXT: "9",
        UIDVALIDITY: String(mailbox.uidValidity ?? 1),
        HIGHESTMODSEQ: String(mailbox.highestModseq ?? 1n),
        MAILBOXID: items.length > 1 ? "(same)" : `(\u0001\u00fe${name})`,
      };
      const values = items.map((item) => `${item} ${told[item]}`).join(" ");
      return connection.say(`* STATUS "${name}" (${values})`, `${tag} OK Done`);
    };
    const there: World = await world(
      t,
      { capabilities: ["IMAP4rev1", "OBJECTID", "CONDSTORE"], on: { STATUS: garbage } },
      ...boxes(),
    );
    const known = [...(await there.ids("INBOX")), ...(await there.ids("Box")), ...(await there.ids("Other"))];
    assert.equal(new Set(known).size, 4);
    const before = await there.mailboxIds();
    there.elsewhere(() => {
      there.box("Box").name = "First";
      Object.assign(there.box("Other"), { name: "Second", uidValidity: 88 });
    });
    const subjects = ["Message 2 in INBOX", "Message 1 in INBOX", "Message 3 in First", "Message 4 in Second"];
    assert.deepEqual(await there.get(...known), subjects);
    const after = await there.mailboxIds();
    assert.equal(after.get("First"), before.get("Box"));
    assert.equal(new Set(after.values()).size, 3);
  });
});

describe("a message to which a server with OBJECTID gives no EMAILID, or none by the grammar", () => {
  for (const guid of [undefined, "\u0001\u00fe:no id"])
    it(`is known again by what does not change of it (${guid === undefined ? "none" : "octets of something else"})`, async (t) => {
      const strange = { ...scriptedMessage(1), ...(guid !== undefined && { guid }) };
      const there = await world(
        t,
        { capabilities: ["IMAP4rev1", "OBJECTID", "CONDSTORE"] },
        { name: "INBOX", highestModseq: 5n, messages: [strange, ...messages((uid) => `M${uid}`, 2)] },
        { name: "Box", uidValidity: 7, highestModseq: 5n, messages: [] },
      );
      const [named, nameless] = await there.list("INBOX");
      assert.deepEqual([named?.identity?.source, nameless?.identity?.source], ["emailId", "fingerprint"]);
      const known = [named?.id ?? "", nameless?.id ?? ""];
      moved(there, "INBOX", 1, "Box");
      moved(there, "INBOX", 2, "Box");
      assert.deepEqual(await there.get(...known), ["Message 2 in Box", "Message 1 in Box"]);
    });
});

describe("Gmail's labels", () => {
  it("are mailboxes: what leaves one goes on where everything is", async (t) => {
    const guid = (uid: number): string => `12784553442303348${uid}`;
    const there = await world(
      t,
      { capabilities: ["IMAP4rev1", "X-GM-EXT-1", "CONDSTORE", "SPECIAL-USE", "LIST-EXTENDED"] },
      { name: "INBOX", highestModseq: 5n, messages: messages(guid, 1, 2) },
      { name: "[Gmail]", attributes: ["\\Noselect"] },
      {
        name: "[Gmail]/All Mail",
        attributes: ["\\All"],
        uidValidity: 9,
        highestModseq: 5n,
        messages: messages(guid, 1, 2),
      },
      { name: "Work", uidValidity: 10, highestModseq: 5n, messages: [] },
    );
    const known = await there.ids("INBOX");
    // Labelled as well: another client's copy, which leaves INBOX afterwards.
    there.elsewhere(() => there.copied("INBOX", 1, "Work"));
    assert.deepEqual(await there.ids("INBOX"), known);
    there.elsewhere(() => there.take(there.box("INBOX"), 1));
    assert.deepEqual(await there.get(...known), ["Message 2 in INBOX", "Message 1 in Work"]);
    there.elsewhere(() => there.take(there.box("INBOX"), 2));
    assert.deepEqual(await there.get(...known), ["Message 2 in [Gmail]/All Mail", "Message 1 in Work"]);
  });
});
