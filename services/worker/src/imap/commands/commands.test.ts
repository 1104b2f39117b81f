import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bad,
  type Behaviour,
  inTurn,
  no,
  quote,
  type ScriptedMailbox,
  scriptedMessage,
  tell,
} from "@postern/test/servers/scripted";
import type { Part } from "../encode.ts";
import type { SearchKey } from "../session.ts";
import { failureOf, opened } from "../testing.ts";
import { readExtended } from "./esearch.ts";
import { searchKeyParts } from "./search-keys.ts";
import { sectionItem } from "./section.ts";

const inbox: ScriptedMailbox = {
  name: "INBOX",
  messages: [scriptedMessage(3), scriptedMessage(5), scriptedMessage(9)],
};
const mailboxes = [inbox];
const ALL: SearchKey = { all: true };

/** A server that offers PARTIAL and saved results. */
const PARTIAL = ["IMAP4rev1", "ESEARCH", "SEARCHRES", "CONTEXT=SEARCH"];

function written(parts: Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : `{${part.literal.toString("utf8")}}`)).join("");
}

test("the list has what LIST-EXTENDED and LIST-STATUS tell, in one round trip", async (t) => {
  const capabilities = ["IMAP4rev1", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CONDSTORE"];
  const sent: ScriptedMailbox = { name: "Sent", attributes: ["\\Sent"], subscribed: true, highestModseq: 99n };
  const { server, session } = await opened(t, { capabilities, mailboxes: [inbox, sent] });
  const before = server.commands.length;
  const listed = await session.list({ counters: true });
  assert.equal(server.commands.length, before + 1);
  assert.match(server.commands.at(-1)?.text ?? "", /RETURN \(SUBSCRIBED CHILDREN SPECIAL-USE STATUS \(MESSAGES UNSEEN/);
  assert.deepEqual(
    listed.map(({ path, subscribed, attributes, status }) => [path, subscribed, attributes, status?.highestModseq]),
    [
      ["INBOX", false, [], 1n],
      ["Sent", true, ["\\Sent", "\\Subscribed"], 99n],
    ],
  );
});

test("without extensions the list is made of LIST, LSUB and a STATUS for each that can be selected", async (t) => {
  const parent: ScriptedMailbox = { name: "Old", attributes: ["\\Noselect"] };
  const locked: ScriptedMailbox = { name: "Locked", subscribed: true };
  const refuse: Behaviour = no("[NOPERM] Not yours");
  const { session } = await opened(t, {
    mailboxes: [locked, inbox, parent],
    on: { STATUS: inTurn(refuse, tell(`* STATUS INBOX (MESSAGES 3 UIDVALIDITY 1)`)) },
  });
  const listed = await session.list({ counters: true });
  assert.deepEqual(
    listed.map(({ path, subscribed, status }) => [path, subscribed, status?.messages ?? null]),
    [
      ["Locked", true, null],
      ["INBOX", false, 3],
      ["Old", false, null],
    ],
  );
});

test("a server that does not understand what it offers is asked the old way", async (t) => {
  const LIST: Behaviour = (connection, { tag, args }) =>
    args.length > 2
      ? connection.say(`${tag} BAD Unknown option`)
      : connection.say('* LIST () "/" INBOX', `${tag} OK Done`);
  const { session } = await opened(t, {
    capabilities: ["IMAP4rev1", "LIST-EXTENDED", "LIST-STATUS"],
    mailboxes,
    on: { LIST },
  });
  const [listed] = await session.list({ counters: true });
  assert.equal(listed?.status?.messages, 3);
});

test("other users' mailboxes and shared ones are listed too, each mailbox once", async (t) => {
  const LIST: Behaviour = (connection, { tag, args }) => {
    const names =
      args[1] === "*" ? ["INBOX", "user.bob"] : args[1] === "user.*" ? ["user.bob", "user.eve"] : ["#shared.all"];
    return connection.say(...names.map((name) => `* LIST () "." ${quote(name)}`), `${tag} OK Done`);
  };
  const NAMESPACE = tell('* NAMESPACE (("" ".")) (("user." ".")) (("#shared." "."))');
  const { session } = await opened(t, {
    capabilities: ["IMAP4rev1", "NAMESPACE"],
    delimiter: ".",
    on: { LIST, NAMESPACE },
  });
  const listed = await session.list({ counters: false });
  assert.deepEqual(
    listed.map(({ path }) => path),
    ["INBOX", "user.bob", "user.eve", "#shared.all"],
  );
});

test("a hierarchy without a delimiter, and INBOX in any spelling", async (t) => {
  const { session } = await opened(t, { delimiter: null, mailboxes: [{ name: "inbox" }, { name: "a/b" }] });
  const listed = await session.list({ counters: true });
  assert.deepEqual(
    listed.map(({ path, delimiter, status }) => [path, delimiter, status?.uidValidity]),
    [
      ["INBOX", null, 1],
      ["a/b", null, 1],
    ],
  );
});

test("STATUS tells what it knows; a mailbox that is not there is null, however the server says so", async (t) => {
  const { session } = await opened(t, { mailboxes });
  const before = Date.now();
  const status = await session.status("INBOX");
  assert.ok(status && status.asOf >= before && status.asOf <= Date.now());
  assert.deepEqual(
    { ...status, asOf: 0 },
    { messages: 3, unseen: 3, uidNext: 10, uidValidity: 1, highestModseq: null, mailboxId: null, asOf: 0 },
  );
  for (const text of [
    "[NONEXISTENT] Gone",
    "[TRYCREATE] Make it first",
    "Mailbox does not exist",
    "Unknown mailbox: x",
  ]) {
    const other = await opened(t, { on: { STATUS: no(text), EXAMINE: no(text) } });
    assert.equal(await other.session.status("x"), null, text);
    assert.equal(await other.session.examine("x"), null, text);
    assert.equal(other.session.selected, null);
  }
  const refused = await opened(t, { on: { STATUS: no("[NOPERM] Not yours") } });
  assert.equal((await failureOf(refused.session.status("x"))).code, "upstream-refused");
});

test("a STATUS without an answer, a count or UIDVALIDITY is no mailbox's absence", async (t) => {
  for (const lines of [[], ["* STATUS x (MESSAGES 1)"], ["* STATUS x (UIDVALIDITY 4)"], ["* STATUS x"]]) {
    const { session } = await opened(t, { on: { STATUS: tell(...lines) } });
    assert.equal((await failureOf(session.status("x"))).code, "upstream-protocol");
  }
});

test("EXAMINE tells the state, and learns UIDNEXT from the last message where the server keeps it", async (t) => {
  const modseq = 9_223_372_036_854_775_807n;
  const known: ScriptedMailbox = { name: "Known", uidValidity: 4_294_967_295, highestModseq: modseq, uidNext: 77 };
  const courier: ScriptedMailbox = { ...inbox, name: "Courier", uidNext: null };
  const { session } = await opened(t, {
    mailboxes: [known, courier, { name: "Empty", uidNext: null }],
    capabilities: ["IMAP4rev1", "CONDSTORE"],
  });
  const state = await session.examine("Known");
  assert.deepEqual([state?.uidNext, state?.uidValidity, state?.highestModseq], [77, 4_294_967_295, modseq]);
  assert.equal((await session.examine("Courier"))?.uidNext, 10);
  assert.equal((await session.examine("Empty"))?.uidNext, 1);
  assert.equal(session.selected, "Empty");
});

test("a mailbox that is being made, or was made anew, is opened a moment later", async (t) => {
  for (const text of ["[ALREADYEXISTS] Mailbox already exists", "Mailbox was deleted under us"]) {
    const { session } = await opened(t, {
      on: { EXAMINE: inTurn(no(text), tell("* 2 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 8] x")) },
    });
    assert.equal((await session.examine("INBOX"))?.uidValidity, 7, text);
    const refusing = await opened(t, { on: { EXAMINE: no(text) } });
    assert.equal((await failureOf(refusing.session.examine("INBOX"))).code, "upstream-refused");
  }
});

test("what is said of the mailbox that was selected before counts for it alone", async (t) => {
  const lines = [
    "* 99 EXISTS",
    "* OK [HIGHESTMODSEQ 5] x",
    "* OK [CLOSED] x",
    "* 2 EXISTS",
    "* OK [UIDVALIDITY 7] x",
    "* OK [UIDNEXT 8] x",
  ];
  const { session } = await opened(t, { on: { EXAMINE: tell(...lines) } });
  const state = await session.examine("INBOX");
  assert.deepEqual([state?.messages, state?.uidValidity, state?.highestModseq], [2, 7, null]);
});

test("a mailbox without UIDVALIDITY is refused: its UIDs would mean nothing tomorrow", async (t) => {
  const { session } = await opened(t, { on: { EXAMINE: tell("* 2 EXISTS") } });
  assert.equal((await failureOf(session.examine("INBOX"))).code, "upstream-protocol");
  assert.equal(session.selected, null);
});

test("rows are put together by UID, and those that nobody asked for are left out", async (t) => {
  const lines = [
    "* 2 FETCH (FLAGS (\\Seen))",
    "* 2 FETCH (UID 5 FLAGS (\\Answered))",
    "* 1 FETCH (UID 3 FLAGS (\\Flagged))",
    "* 2 FETCH (RFC822.SIZE 10 UID 5)",
    "* 9 FETCH (UID 0 FLAGS ())",
    "* 9 FETCH (UID 99999999999 FLAGS ())",
    "* 9 FETCH NIL",
    "* FETCH (UID 5 FLAGS (\\Draft))",
  ];
  const { session } = await opened(t, { mailboxes, on: { "UID FETCH": tell(...lines) } });
  await session.examine("INBOX");
  assert.deepEqual(await session.fetch({ uids: [5] }, { flags: true, size: true }), [
    { uid: 5, sequence: 2, flags: ["\\Answered"], size: 10 },
  ]);
  assert.deepEqual(await session.fetch({ uidRange: { from: 4, to: 8 } }, { size: true }), [
    { uid: 5, sequence: 2, size: 10 },
  ]);
});

test("ranges that are empty ask nothing, and those upside down are empty", async (t) => {
  const { server, session } = await opened(t, { mailboxes });
  await session.examine("INBOX");
  const before = server.commands.length;
  assert.deepEqual(await session.fetch({ uids: [] }, { flags: true }), []);
  assert.deepEqual(await session.fetch({ uidRange: { from: 9, to: 3 } }, { flags: true }), []);
  assert.deepEqual(await session.fetch({ sequence: { from: 1, to: 0 } }, { flags: true }), []);
  assert.equal(server.commands.length, before);
});

test("long sets go in several commands, each of a length that every server takes", async (t) => {
  const messages = Array.from({ length: 3_000 }, (_, index) => scriptedMessage(index * 3 + 100_000));
  const { server, session } = await opened(t, { mailboxes: [{ name: "INBOX", messages }] });
  await session.examine("INBOX");
  const uids = messages.map(({ uid }) => uid);
  const rows = await session.fetch({ uids }, { flags: true });
  assert.deepEqual(
    rows.map(({ uid }) => uid),
    uids,
  );
  const lengths = server.commands.filter(({ name }) => name === "UID FETCH").map(({ text }) => text.length);
  assert.ok(lengths.length > 1 && Math.max(...lengths) < 8_000, String(lengths));
});

test("that a message is gone by now is no failure of a FETCH", async (t) => {
  const gone: Behaviour = (connection, { tag }) =>
    connection.say("* 1 FETCH (UID 3 FLAGS ())", `${tag} NO [EXPUNGEISSUED] Some of the messages no longer exist`);
  const { session } = await opened(t, { mailboxes, on: { "UID FETCH": gone } });
  await session.examine("INBOX");
  assert.equal((await session.fetch({ uids: [3, 5] }, { flags: true })).length, 1);
  assert.equal(await session.fetchPiece(5, "", 0, 10), null);
});

test("sections are given by the name they were asked for", async (t) => {
  const lines = [
    '* 1 FETCH (UID 3 BODY[HEADER.FIELDS ("SUBJECT" FROM)]<0> {4}\r\nabcd BODY[1.MIME] NIL BODY[TEXT] {6}\r\nabcdef)',
  ];
  const { session } = await opened(t, { mailboxes, on: { "UID FETCH": tell(...lines) } });
  await session.examine("INBOX");
  const [row] = await session.fetch(
    { uids: [3] },
    { sections: [{ section: "header.fields (Subject From)" }, { section: "1.mime" }, { section: "TEXT", limit: 3 }] },
  );
  const texts = [...(row?.sections ?? [])].map(([name, octets]) => [name, octets && Buffer.from(octets).toString()]);
  assert.deepEqual(texts, [
    ["header.fields (Subject From)", "abcd"],
    ["1.mime", null],
    ["TEXT", "abc"],
  ]);
});

test("a section that is none is never sent", async (t) => {
  const { server, session } = await opened(t, { mailboxes });
  await session.examine("INBOX");
  for (const section of [
    "1]<0.1> BODY[",
    "0",
    "1.0",
    "1..2",
    ".1",
    "1.",
    "MIME",
    "HEADER.FIELDS ()",
    "TEXT\r\nP9 NOOP",
    "x",
  ]) {
    assert.equal((await failureOf(session.fetchPiece(3, section, 0, 10))).code, "invalid-request", section);
  }
  assert.ok(!server.commands.some(({ name }) => name === "UID FETCH"));
  for (const section of [
    "",
    "1",
    "1.2.3",
    "HEADER",
    "TEXT",
    "2.HEADER",
    "1.MIME",
    "2.TEXT",
    "HEADER.FIELDS (From X-Spam_1)",
  ]) {
    assert.equal(sectionItem(section), `BODY.PEEK[${section}]`);
  }
});

test("a piece is the piece that was asked for, of the message that was asked for", async (t) => {
  const { session } = await opened(t, { mailboxes });
  await session.examine("INBOX");
  const whole = inbox.messages?.[1]?.source ?? "";
  const piece = async (from: number, length: number): Promise<string> =>
    Buffer.from((await session.fetchPiece(5, "", from, length)) ?? []).toString();
  assert.equal(await piece(0, 10), whole.slice(0, 10));
  assert.equal(await piece(10, 10_000), whole.slice(10));
  assert.equal(await piece(whole.length, 10), "");
  assert.equal(await session.fetchPiece(4, "", 0, 10), null);
});

const lies: [what: string, line: string, expected: string | null][] = [
  ["of another message", '* 1 FETCH (UID 5 BODY[]<2> "evil")', null],
  ["without a UID", '* 1 FETCH (BODY[]<2> "evil")', null],
  ["of another section", '* 1 FETCH (UID 3 BODY[TEXT]<2> "evil")', null],
  ["from another place", '* 1 FETCH (UID 3 BODY[]<0> "evil")', "upstream-protocol"],
  ["longer than asked for", '* 1 FETCH (UID 3 BODY[]<2> "abcdefgh")', "abcd"],
  ["whole, from a server that cannot cut", '* 1 FETCH (UID 3 BODY[] "xxabcdefgh")', "abcd"],
  ["that is NIL", "* 1 FETCH (UID 3 BODY[]<2> NIL)", ""],
];
for (const [what, line, expected] of lies) {
  test(`a piece ${what} is ${expected === null ? "none" : JSON.stringify(expected)}`, async (t) => {
    const { session } = await opened(t, { mailboxes, on: { "UID FETCH": tell(line) } });
    await session.examine("INBOX");
    const asked = session.fetchPiece(3, "", 2, 4);
    if (expected === "upstream-protocol") assert.equal((await failureOf(asked)).code, expected);
    else assert.deepEqual(await asked.then((piece) => piece && Buffer.from(piece).toString()), expected);
  });
}

test("SEARCH of old, in one response or several, in any order", async (t) => {
  const { session } = await opened(t, {
    mailboxes,
    on: { "UID SEARCH": tell("* SEARCH 9 3", "* SEARCH", "* SEARCH 5 0 x 4294967296") },
  });
  await session.examine("INBOX");
  assert.deepEqual(await session.search(ALL), [3, 5, 9]);
  assert.equal(await session.searchCount(ALL), 3);
  assert.deepEqual(await session.searchWindow(ALL, { last: 2 }), { uids: [5, 9], total: 3 });
  assert.deepEqual(await session.searchWindow(ALL, { from: 1, to: 2 }), { uids: [3, 5], total: 3 });
  assert.deepEqual(await session.searchWindow(ALL, { from: 4, to: 9 }), { uids: [], total: 3 });
});

test("an ESEARCH is read, whatever its order and correlator", () => {
  const correlator = ["TAG", "P1"];
  const read = (values: (string | null | string[])[]): unknown => readExtended(values);
  assert.deepEqual(read([correlator, "UID", "COUNT", "3", "ALL", "5,3"]), { count: 3, all: [5, 3], partial: [] });
  assert.deepEqual(read(["uid", "partial", ["1:2", "7:8"], "count", "9"]), { count: 9, all: [], partial: [7, 8] });
  assert.deepEqual(read([correlator, "UID", "PARTIAL", ["1:2", "NIL"].slice(0, 1), "MODSEQ", "7"]), {
    count: null,
    all: [],
    partial: [],
  });
  assert.deepEqual(read([]), { count: null, all: [], partial: [] });
});

test("no ESEARCH where one was asked for, or one that makes no sense, is not the same as nothing found", async (t) => {
  for (const lines of [[], ["* SEARCH 1 2"], ['* ESEARCH (TAG "x") UID ALL 1:4294967295'], ["* ESEARCH UID ALL *"]]) {
    const { session } = await opened(t, {
      capabilities: ["IMAP4rev1", "ESEARCH"],
      mailboxes,
      on: { "UID SEARCH": tell(...lines) },
    });
    await session.examine("INBOX");
    assert.equal((await failureOf(session.search(ALL))).code, "upstream-protocol");
  }
  const { session } = await opened(t, {
    capabilities: ["IMAP4rev1", "ESEARCH"],
    mailboxes,
    on: { "UID SEARCH": tell("* ESEARCH UID") },
  });
  assert.equal((await failureOf(session.searchCount(ALL))).code, "upstream-protocol");
});

test("a window is cut from the result that the server saved: the search is done once", async (t) => {
  const turns = inTurn(tell("* ESEARCH UID COUNT 100"), tell("* ESEARCH UID PARTIAL (91:100 191:200)"));
  const { server, session } = await opened(t, { capabilities: PARTIAL, mailboxes, on: { "UID SEARCH": turns } });
  const window = await session.searchWindow({ text: "body", value: "x" }, { last: 10 });
  assert.deepEqual([window.total, window.uids.length, window.uids[0]], [100, 10, 191]);
  const sent = server.commands
    .filter(({ name }) => name === "UID SEARCH")
    .map(({ text }) => text.replace(/^P\d+ /, ""));
  assert.deepEqual(sent, ['UID SEARCH RETURN (SAVE COUNT) BODY "x"', "UID SEARCH RETURN (PARTIAL 91:100) UID $"]);
});

test("a server that does not keep the result is asked again", async (t) => {
  const found = tell("* ESEARCH UID ALL 3,5,9");
  const first = inTurn(no("[NOTSAVED] Out of memory"), found);
  const second = inTurn(tell("* ESEARCH UID COUNT 3"), no("[NOTSAVED] Lost it"), found);
  for (const turns of [first, second]) {
    const { session } = await opened(t, { capabilities: PARTIAL, mailboxes, on: { "UID SEARCH": turns } });
    assert.deepEqual(await session.searchWindow(ALL, { last: 2 }), { uids: [5, 9], total: 3 });
  }
});

test("nothing found is not asked for in windows", async (t) => {
  const { server, session } = await opened(t, {
    capabilities: PARTIAL,
    mailboxes,
    on: { "UID SEARCH": tell("* ESEARCH UID COUNT 0") },
  });
  assert.deepEqual(await session.searchWindow(ALL, { last: 10 }), { uids: [], total: 0 });
  assert.equal(server.commands.filter(({ name }) => name === "UID SEARCH").length, 1);
});

test("a charset that the server does not know is replaced by one of its own, if that can hold the text", async (t) => {
  const refuse = no("[BADCHARSET (US-ASCII ISO-8859-1 x-nonsense)] Not that one");
  const { server, session } = await opened(t, {
    mailboxes,
    on: { "UID SEARCH": inTurn(refuse, tell("* SEARCH 3"), refuse) },
  });
  assert.deepEqual(await session.search({ text: "subject", value: "Grüße" }), [3]);
  assert.match(server.commands.at(-1)?.text ?? "", /CHARSET ISO-8859-1 SUBJECT Gr\xfc\xdfe$/);
  const failure = await failureOf(session.search({ text: "subject", value: "日本" }));
  assert.deepEqual([failure.code, failure.upstream?.code], ["upstream-refused", "BADCHARSET"]);
  assert.equal(session.usable, true);
});

test("ASCII alone needs no charset", async (t) => {
  const { server, session } = await opened(t, { mailboxes });
  await session.search({ text: "subject", value: "x".repeat(600) });
  assert.doesNotMatch(server.commands.at(-1)?.text ?? "", /CHARSET/);
});

test("SORT is cut here where the server cannot, and there where it can", async (t) => {
  const plain = await opened(t, {
    capabilities: ["IMAP4rev1", "SORT"],
    mailboxes,
    on: { "UID SORT": tell("* SORT 9 3 5") },
  });
  const by = { by: "size", reverse: true } as const;
  assert.deepEqual(await plain.session.sort(by, ALL, { from: 2, to: 3 }), { uids: [3, 5], total: 3 });
  assert.match(plain.server.commands.at(-1)?.text ?? "", /UID SORT \(REVERSE SIZE\) UTF-8 ALL$/);
  const capabilities = ["IMAP4rev1", "SORT", "ESORT", "CONTEXT=SORT"];
  const partial = await opened(t, {
    capabilities,
    mailboxes,
    on: { "UID SORT": inTurn(tell("* ESEARCH UID COUNT 3 PARTIAL (2:3 3,5)"), tell()) },
  });
  assert.deepEqual(await partial.session.sort(by, ALL, { from: 2, to: 3 }), { uids: [3, 5], total: 3 });
  assert.equal((await failureOf(partial.session.sort(by, ALL, { from: 2, to: 3 }))).code, "upstream-protocol");
});

test("SORT by a text in reverse comes after the same one forward, and again where something arrived in between", async (t) => {
  const { server, session } = await opened(t, {
    capabilities: ["IMAP4rev1", "SORT"],
    mailboxes,
    on: { "UID SORT": inTurn(tell("* SORT 3 5 9"), tell("* SORT 9 11 3 5"), tell("* SORT 9 3 5 11")) },
  });
  const by = { by: "subject", reverse: true } as const;
  assert.deepEqual(await session.sort(by, ALL, { from: 1, to: 4 }), { uids: [9, 3, 5, 11], total: 4 });
  const orders = server.commands.flatMap(({ text }) => /UID SORT \((.*?)\)/.exec(text)?.[1] ?? []);
  assert.deepEqual(orders, ["SUBJECT", "REVERSE SUBJECT", "REVERSE SUBJECT"]);
});

test("quota is read root by root, and nothing is asked of a server without it", async (t) => {
  const lines = [
    '* QUOTAROOT INBOX "User quota" ""',
    '* QUOTA "User quota" (STORAGE 10 512 MESSAGE 2 100)',
    '* QUOTA "" ()',
    "* QUOTA x (STORAGE a 5)",
  ];
  const { session } = await opened(t, { capabilities: ["IMAP4rev1", "QUOTA"], on: { GETQUOTAROOT: tell(...lines) } });
  assert.deepEqual(await session.quota("INBOX"), [
    { root: "User quota", resource: "STORAGE", used: 10, limit: 512 },
    { root: "User quota", resource: "MESSAGE", used: 2, limit: 100 },
  ]);
  const without = await opened(t, { on: { GETQUOTAROOT: bad("What?") } });
  assert.deepEqual(await without.session.quota("INBOX"), []);
});

const keys: [key: SearchKey, text: string][] = [
  [ALL, "ALL"],
  [{ and: [] }, "ALL"],
  [{ and: [{ flag: "\\Seen" }, { not: { flag: "$Forwarded" } }] }, "(SEEN) (NOT (KEYWORD $Forwarded))"],
  [{ or: [{ larger: 5 }, { smaller: 1e15 }] }, "OR (LARGER 5) (SMALLER 4294967295)"],
  [{ header: "X-A", value: "" }, 'HEADER "X-A" ""'],
  [{ text: "body", value: "ü" }, "BODY {ü}"],
  [{ day: "sentsince", date: { year: 2026, month: 2, day: 3 } }, "SENTSINCE 3-Feb-2026"],
  [{ day: "before", date: { year: 12_026, month: 2, day: 3 } }, "BEFORE 31-Dec-9999"],
  [{ uids: [] }, "NOT ALL"],
  [{ uids: [3, 1, 2] }, "UID 1:3"],
  [{ uidRange: { from: 5, to: 4 } }, "NOT ALL"],
  [{ uidRange: { from: 0, to: 1e12 } }, "UID 1:4294967295"],
  [{ flag: "a) (ALL" }, "NOT ALL"],
  [{ flag: "x\r\nP1 DELETE INBOX" }, "NOT ALL"],
  [{ flag: "" }, "NOT ALL"],
];
for (const [key, text] of keys) {
  test(`the key ${JSON.stringify(key)} is written ${text}`, () => assert.equal(written(searchKeyParts(key)), text));
}

test("a system flag that IMAP cannot search for is the caller's mistake", async () => {
  const failure = await failureOf(Promise.resolve().then(() => searchKeyParts({ flag: "\\Nonsense" })));
  assert.equal(failure.code, "invalid-request");
});

test("whatever a search key holds, it is one line of balanced parentheses and its texts arrive whole", () => {
  const text = fc.string({ unit: "binary", maxLength: 30 });
  const key: fc.Arbitrary<SearchKey> = fc.letrec<{ key: SearchKey }>((tie) => ({
    key: fc.oneof(
      { maxDepth: 4 },
      fc.record({ text: fc.constantFrom("from", "subject", "body"), value: text }) as fc.Arbitrary<SearchKey>,
      fc.record({ header: text, value: text }),
      fc.record({ flag: text.map((flag) => flag.replace(/^\\+/, "")) }),
      fc.record({ uids: fc.array(fc.integer()) }),
      fc.record({ larger: fc.double() }),
      fc.record({ not: tie("key") }),
      fc.record({ and: fc.array(tie("key"), { maxLength: 3 }) }),
      fc.record({ or: fc.tuple(tie("key"), tie("key")) }),
    ),
  })).key;
  fc.assert(
    fc.property(key, (any) => {
      const line = searchKeyParts(any)
        .map((part) => (typeof part === "string" ? part : ""))
        .join("");
      assert.match(line, /^[\x20-\x7e]*$/);
      const bare = line.replace(/"(?:[^"\\]|\\.)*"/g, "");
      let depth = 0;
      for (const character of bare) {
        if (character === "(") depth += 1;
        if (character === ")") depth -= 1;
        assert.ok(depth >= 0);
      }
      assert.equal(depth, 0);
    }),
    { numRuns: 1_000 },
  );
});
