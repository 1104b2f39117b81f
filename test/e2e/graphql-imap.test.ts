import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type RecordingProxy, startRecordingProxy } from "../servers/proxy.ts";
import { type Ask, askWith } from "./client.ts";
import { dataOf, register } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient, write } from "./mailbox.ts";

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  /** What queries make of a mail server, as the server hears it. Each test has an account of its own, of which nothing is cached. */
  describe(`what a GraphQL query asks of the mail server, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let proxy: RecordingProxy;
    let ask: Ask;
    let accounts = 0;
    const endings: (() => Promise<void>)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      proxy = await startRecordingProxy(dovecot);
      endings.unshift(proxy.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    /** An account that has been looked at, with letters whose bodies are of several forms. */
    async function account(letters: number): Promise<string> {
      const id = `reader-${(accounts += 1)}`;
      const other: ImapFlow = await otherClient(dovecot, id);
      await deliver(other, ...Array.from({ length: letters }, (_, at) => letter(at)));
      await other.logout();
      await register(ask, dovecot, id, proxy);
      await dataOf(ask, `{ account(id: "${id}") { mailboxes { name } } }`);
      return id;
    }

    /** What was fetched for a query of an account, one line for each FETCH. */
    async function fetches<T>(id: string, set: string, variables?: Record<string, unknown>): Promise<[string[], T]> {
      proxy.commands.length = 0;
      const head = variables ? "query Q($yes: Boolean!, $no: Boolean!)" : "";
      const tail = set.includes("...Envelope") ? fragments : "";
      const data = await dataOf<{ account: T }>(ask, `${head} { account(id: "${id}") { ${set} } } ${tail}`, variables);
      return [proxy.commands.filter(isFetch), data.account];
    }

    const fragments = "fragment Envelope on Message { ...Subject } fragment Subject on Message { subject }";
    const inbox = (set: string, args = "first: 50"): string =>
      `mailbox(role: INBOX) { messages(${args}) { nodes { ${set} } } }`;

    test("a query without attachments, text and the like asks for no BODYSTRUCTURE", async () => {
      const id = await account(3);
      const [lines] = await fetches(id, inbox("id subject from { address } sentAt receivedAt size flags messageId"));
      assert.ok(lines.length > 0);
      for (const line of lines) assert.doesNotMatch(line, /BODY/);
      assert.match(lines.join("\n"), /ENVELOPE/);
    });

    for (const field of ["hasAttachments", "attachments { filename }", "parts { part }"])
      test(`a query with ${field.split(" ")[0]} asks for BODYSTRUCTURE, and for no body`, async () => {
        const id = await account(3);
        const [lines] = await fetches(id, inbox(`id ${field}`));
        assert.match(lines.join("\n"), /BODYSTRUCTURE/);
        assert.doesNotMatch(lines.join("\n"), /BODY\.PEEK|BODY\[|ENVELOPE/);
      });

    for (const set of ["id", "id flags", "flags mailboxId rawUrl __typename"])
      test(`a query of ${set} asks for no ENVELOPE`, async () => {
        const id = await account(3);
        const [lines] = await fetches(id, inbox(set));
        for (const line of lines) assert.doesNotMatch(line, /ENVELOPE|BODY|INTERNALDATE|RFC822/);
      });

    test("a query for a count alone fetches nothing of any message", async () => {
      const id = await account(3);
      const [lines, found] = await fetches<{ messages: { totalCount: number } }>(id, "messages { totalCount }");
      assert.equal(found.messages.totalCount, 3);
      for (const line of lines) assert.doesNotMatch(line, /ENVELOPE|BODY|FLAGS/);
    });

    test("fifty messages with text cost a handful of FETCHes", async () => {
      const id = await account(50);
      const [lines, found] = await fetches<{ mailbox: { messages: { nodes: { text: string }[] } } }>(
        id,
        inbox("id text"),
      );
      assert.equal(found.mailbox.messages.nodes.length, 50);
      for (const { text } of found.mailbox.messages.nodes) assert.match(text, /^Words of \d+/);
      assert.ok(lines.length <= 4, lines.join("\n"));
      assert.equal(lines.filter((line) => line.includes("BODYSTRUCTURE")).length, 1);
    });

    test("fifty messages that are asked for one by one cost no more than a list of them", async () => {
      const id = await account(50);
      const [, { messages }] = await fetches<{ messages: { nodes: { id: string }[] } }>(
        id,
        "messages { nodes { id } }",
      );
      const set = messages.nodes.map((node, at) => `m${at}: message(id: "${node.id}") { text }`).join(" ");
      const [lines, found] = await fetches<Record<string, { text: string }>>(id, set);
      assert.equal(Object.values(found).filter(({ text }) => text.startsWith("Words of ")).length, 50);
      assert.ok(lines.length <= 5, lines.join("\n"));
    });

    test("aliases ask for what they stand for", async () => {
      const id = await account(2);
      const [lines] = await fetches(id, inbox("subject: flags attachments: id"));
      assert.ok(lines.length > 0);
      for (const line of lines) assert.doesNotMatch(line, /ENVELOPE|BODY/);
      const [more] = await fetches(id, inbox("flags: hasAttachments"));
      assert.match(more.join("\n"), /BODYSTRUCTURE/);
    });

    test("fragments ask for what is in them, and for nothing that belongs to other kinds", async () => {
      const id = await account(2);
      const [lines] = await fetches(id, inbox("...Envelope ... on Node { id ... on Mailbox { path total } }"));
      assert.match(lines.join("\n"), /ENVELOPE/);
      assert.doesNotMatch(lines.join("\n"), /BODY/);
    });
    test("what @include and @skip leave out is not asked for", async () => {
      const id = await account(2);
      const set = "id subject @include(if: $no) attachments @skip(if: $yes) { part } ... @include(if: $no) { text }";
      const more = `${set} flags @include(if: $yes) ...Envelope @skip(if: $yes)`;
      const [lines] = await fetches(id, inbox(more), { yes: true, no: false });
      assert.ok(lines.length > 0);
      for (const line of lines) assert.doesNotMatch(line, /ENVELOPE|BODY/);
      const [all] = await fetches(id, inbox(more), { yes: false, no: true });
      assert.match(all.join("\n"), /ENVELOPE/);
      assert.match(all.join("\n"), /BODYSTRUCTURE/);
    });

    test("a message that is asked for several times in a document is fetched once, with all that is wanted of it", async () => {
      const id = await account(2);
      const [, { messages }] = await fetches<{ messages: { nodes: { id: string }[] } }>(
        id,
        "messages { nodes { id } }",
      );
      const one = messages.nodes[0]?.id ?? "";
      const set = `a: message(id: "${one}") { id subject } b: message(id: "${one}") { subject flags } c: message(id: "${one}") { size }`;
      const [lines, found] = await fetches<Record<string, { subject: string }>>(id, set);
      assert.equal(found.a?.subject, found.b?.subject);
      const kinds = ["ENVELOPE", "FLAGS", "RFC822.SIZE"];
      for (const kind of kinds) assert.equal(lines.filter((line) => line.includes(kind)).length, 1, lines.join("\n"));
    });

    test("a message that is asked for as a node and as an account's is fetched once", async () => {
      const id = await account(2);
      const [, { messages }] = await fetches<{ messages: { nodes: { id: string }[] } }>(
        id,
        "messages { nodes { id } }",
      );
      const one = messages.nodes[0]?.id ?? "";
      proxy.commands.length = 0;
      const wanted = "... on Message { subject flags }";
      const query = `{ a: node(id: "${one}") { ${wanted} } b: node(id: "${one}") { ${wanted} }
      account(id: "${id}") { message(id: "${one}") { flags subject } } }`;
      await dataOf(ask, query);
      const lines = proxy.commands.filter(isFetch);
      assert.equal(lines.filter((line) => line.includes("FLAGS")).length, 1, lines.join("\n"));
    });

    test("the mailboxes of fifty messages are looked up together", async () => {
      const id = await account(50);
      proxy.commands.length = 0;
      await dataOf(
        ask,
        `{ account(id: "${id}") { messages { nodes { mailbox { name unseen } } } mailboxes { name } } }`,
      );
      const lists = proxy.commands.filter((command) => command.startsWith("LIST") || command.startsWith("STATUS"));
      assert.ok(lists.length <= 4, proxy.commands.join("\n"));
    });
  });
}

const isFetch = (command: string): boolean => /^(UID )?FETCH /.test(command);

function letter(at: number): string {
  const plain = write({ subject: `Letter ${at}`, text: `Words of ${at}` });
  if (at % 3 === 0) return plain;
  const boundary = "=-parts";
  const part = (type: string, content: string): string =>
    `--${boundary}\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`;
  const parts =
    at % 3 === 1
      ? part("text/plain; charset=utf-8", `Words of ${at}`) + part('application/pdf; name="a.pdf"', "%PDF")
      : part("text/html; charset=utf-8", "<p>Picture</p>") + part("text/plain; charset=utf-8", `Words of ${at}`);
  const kind = at % 3 === 1 ? "mixed" : "alternative";
  return plain
    .replace("Content-Type: text/plain; charset=utf-8", `Content-Type: multipart/${kind}; boundary="${boundary}"`)
    .replace(`Words of ${at}\r\n`, `${parts}--${boundary}--\r\n`);
}
