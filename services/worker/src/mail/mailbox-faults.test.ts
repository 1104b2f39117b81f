import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { isFailure, type Failure, type Mailbox, type MailboxInput } from "@postern/protocol";
import {
  type Behaviour,
  cutAfter,
  drop,
  mailboxCommands,
  no,
  type Script,
  type ScriptedMailbox,
  scriptedMessage,
  startScriptedImap,
} from "@postern/test/servers/scripted";
import { newCall, startCore } from "../testing/core-house.ts";

const account = "ada";
const CHANGING = ["CREATE", "RENAME", "DELETE"];

interface Way {
  capabilities?: string[];
  delimiter?: null;
  on?: (standard: Record<string, Behaviour>) => Record<string, Behaviour>;
}

async function start(t: TestContext, { capabilities = ["IMAP4rev1"], delimiter, on }: Way) {
  const mailboxes: ScriptedMailbox[] = [
    { name: "INBOX" },
    { name: "Box", uidValidity: 7, subscribed: true, messages: [scriptedMessage(1)] },
    { name: "Box/below", uidValidity: 8, subscribed: true, messages: [scriptedMessage(2)] },
    { name: "Alone", uidValidity: 9, messages: [scriptedMessage(3)] },
  ];
  const script: Script = { capabilities, mailboxes, ...(delimiter === null && { delimiter }) };
  const server = await startScriptedImap({ ...script, on: on?.(mailboxCommands(mailboxes)) ?? {} });
  const user = (): { user: string; password: string } => ({ user: account, password: "secret" });
  const { core, stop } = await startCore({ host: server.host, port: server.port, user });
  t.after(async () => {
    await stop();
    await server.stop();
  });
  const { items } = await core.listMailboxes({ account }, newCall());
  const idOf = (path: string): string => items.find((each) => each.path === path)?.id ?? assert.fail(path);
  const create = (mailbox: MailboxInput): Promise<Mailbox> => core.createMailbox({ account, mailbox }, newCall());
  const acts: Record<string, () => Promise<unknown>> = {
    CREATE: () => create({ path: "New" }),
    RENAME: () => core.updateMailbox({ account, mailbox: idOf("Box"), patch: { name: "Renamed" } }, newCall()),
    DELETE: () => core.deleteMailbox({ account, mailbox: idOf("Alone"), onlyEmpty: false }, newCall()),
  };
  const act = (command: string): Promise<unknown> => acts[command]?.() ?? assert.fail(command);
  const names = (): string[] => mailboxes.map(({ name }) => name).toSorted();
  const sent = (command: string): string[] =>
    server.commands.filter(({ name }) => name === command).map(({ text }) => text.replace(/^\S+ /, ""));
  return { core, server, mailboxes, idOf, create, act, names, sent };
}

async function failure(attempt: Promise<unknown>): Promise<Failure> {
  try {
    await attempt;
  } catch (error) {
    assert.ok(isFailure(error), String(error));
    return error;
  }
  return assert.fail("it succeeded");
}

const before = ["Alone", "Box", "Box/below", "INBOX"];
const afterwards: Record<string, string[]> = {
  CREATE: ["Alone", "Box", "Box/below", "INBOX", "New"],
  RENAME: ["Alone", "INBOX", "Renamed", "Renamed/below"],
  DELETE: ["Box", "Box/below", "INBOX"],
};

describe("an answer that was lost", () => {
  for (const command of CHANGING) {
    it(`to ${command} is looked up: it was done`, async (t) => {
      const way: Way = { on: (standard) => ({ [command]: cutAfter(standard[command] ?? drop) }) };
      const { core, act, names, sent } = await start(t, way);
      await act(command);
      assert.deepEqual(names(), afterwards[command]);
      assert.equal(sent(command).length, 1);
      const { items } = await core.listMailboxes({ account }, newCall());
      assert.deepEqual(items.map(({ path }) => path).toSorted(), afterwards[command]);
    });

    it(`to ${command} is looked up: nothing was done`, async (t) => {
      const { act, names, sent } = await start(t, { on: () => ({ [command]: drop }) });
      assert.equal((await failure(act(command))).outcome, "none");
      assert.deepEqual(names(), before);
      assert.equal(sent(command).length, 1);
    });

    it(`to ${command} and that cannot be looked up is told for what it is`, async (t) => {
      let isLost = false;
      const login: Behaviour = (connection, { tag }) =>
        isLost ? connection.drop() : connection.say(`${tag} OK [CAPABILITY IMAP4rev1] Logged in`);
      const way: Way = {
        on: (standard) => ({
          LOGIN: login,
          [command]: async (connection, asked) => {
            isLost = true;
            await cutAfter(standard[command] ?? drop)(connection, asked);
            server.cut();
          },
        }),
      };
      const { act, names, sent, server } = await start(t, way);
      assert.equal((await failure(act(command))).outcome, "unknown");
      assert.deepEqual(names(), afterwards[command]);
      assert.equal(sent(command).length, 1);
    });
  }

  it("to CREATE of what was there before was a refusal", async (t) => {
    const { create, names } = await start(t, { on: (standard) => ({ CREATE: cutAfter(standard.CREATE ?? drop) }) });
    assert.equal((await failure(create({ path: "Box" }))).outcome, "none");
    assert.deepEqual(names(), before);
  });

  it("to RENAME leaves all ids as they are, of what is below as well", async (t) => {
    const way: Way = { on: (standard) => ({ RENAME: cutAfter(standard.RENAME ?? drop) }) };
    const { core, act, idOf } = await start(t, way);
    const ids = [idOf("Box"), idOf("Box/below")];
    await act("RENAME");
    const { items } = await core.listMailboxes({ account }, newCall());
    const paths = ids.map((id) => items.find((each) => each.id === id)?.path);
    assert.deepEqual(paths, ["Renamed", "Renamed/below"]);
  });
});

describe("a NO that does not say why", () => {
  const refusing = (...commands: string[]): Way => ({
    on: () => Object.fromEntries(commands.map((name) => [name, no("Cannot do that")])),
  });

  it("means to CREATE and RENAME what is there already, where it is", async (t) => {
    const { core, create, idOf, names } = await start(t, refusing("CREATE", "RENAME"));
    const made = await failure(create({ path: "Box" }));
    assert.deepEqual([made.code, made.outcome, made.upstream?.text], ["mailbox-exists", "none", "Cannot do that"]);
    const patch = { name: "Box" };
    const renamed = await failure(core.updateMailbox({ account, mailbox: idOf("Alone"), patch }, newCall()));
    assert.deepEqual([renamed.code, renamed.outcome], ["mailbox-exists", "none"]);
    assert.deepEqual(names(), before);
  });

  for (const command of CHANGING)
    it(`to ${command} is told in the server's words`, async (t) => {
      const { act, names } = await start(t, refusing(command));
      const { code, outcome, upstream } = await failure(act(command));
      assert.deepEqual([code, outcome, upstream?.text], ["upstream-refused", "none", "Cannot do that"]);
      assert.deepEqual(names(), before);
    });

  it("means to DELETE that nothing is there any more, where it is not", async (t) => {
    const way: Way = {
      on: (standard) => ({
        DELETE: async (connection, command) => {
          // Another client was faster.
          const quiet = new Proxy(connection, {
            get: (_, name) => (name === "say" ? async () => undefined : undefined),
          });
          await standard.DELETE?.(quiet, command);
          await connection.say(`${command.tag} NO Cannot do that`);
        },
      }),
    };
    const { act } = await start(t, way);
    const { code, outcome } = await failure(act("DELETE"));
    assert.deepEqual([code, outcome], ["not-found", "none"]);
  });
});

describe("a mailbox with a role", () => {
  it("is made for it where the server takes that (CREATE-SPECIAL-USE)", async (t) => {
    const capabilities = ["IMAP4rev1", "SPECIAL-USE", "CREATE-SPECIAL-USE", "LIST-EXTENDED"];
    const { create, sent } = await start(t, { capabilities });
    const made = await create({ name: "Gesendet & mehr", role: "sent" });
    assert.deepEqual([made.role, made.name], ["sent", "Gesendet & mehr"]);
    assert.deepEqual(sent("CREATE"), ['CREATE "Gesendet &- mehr" (USE (\\Sent))']);
  });

  it("is refused, and not made, where it does not", async (t) => {
    const { create, sent } = await start(t, { capabilities: ["IMAP4rev1", "SPECIAL-USE"] });
    const { code, outcome } = await failure(create({ name: "Gesendet", role: "sent" }));
    assert.deepEqual([code, outcome, sent("CREATE")], ["not-possible", "none", []]);
  });

  it("is refused with the server's words where it takes roles, but not this one", async (t) => {
    const capabilities = ["IMAP4rev1", "SPECIAL-USE", "CREATE-SPECIAL-USE"];
    const { create } = await start(t, { capabilities, on: () => ({ CREATE: no("[USEATTR] There is one already") }) });
    const { outcome, upstream } = await failure(create({ name: "Gesendet", role: "sent" }));
    assert.deepEqual([outcome, upstream?.code], ["none", "USEATTR"]);
  });
});

describe("a server without a hierarchy", () => {
  it("has no mailbox below another, and takes any character in a name", async (t) => {
    const { core, create, idOf, sent } = await start(t, { delimiter: null });
    const made = await create({ name: "Clients/2026" });
    assert.deepEqual([made.path, made.name, made.parentId, made.delimiter], [made.name, "Clients/2026", null, null]);
    const renamed = await core.updateMailbox({ account, mailbox: made.id, patch: { name: "Clients.2027" } }, newCall());
    assert.deepEqual([renamed.id, renamed.path], [made.id, "Clients.2027"]);
    const { code, outcome } = await failure(create({ name: "x", parentId: idOf("Box") }));
    assert.deepEqual([code, outcome], ["not-possible", "none"]);
    assert.equal(sent("CREATE").length, 1);
    await core.deleteMailbox({ account, mailbox: made.id, onlyEmpty: true }, newCall());
    const { items } = await core.listMailboxes({ account }, newCall());
    assert.ok(!items.some(({ path }) => path.startsWith("Clients")));
  });
});
