import { answerFetch, tell } from "../servers/scripted.ts";
import { append, flag, list, move, quota, raw, text } from "./asking.ts";
import {
  away,
  mailboxes,
  broken,
  isAll,
  isSome,
  anything,
  on,
  inFetch,
  beforeFetch,
  fetchWith,
  withMessage,
  envelope,
  taken,
  flapping,
  type Hostility,
} from "./hostility.ts";

/** It says what is not so. */
export const lies: Hostility[] = [
  {
    what: "messages that nobody asked for",
    script: beforeFetch(
      '* 9 FETCH (UID 900 FLAGS () ENVELOPE (NIL "Foreign" NIL NIL NIL NIL NIL NIL NIL NIL) RFC822.SIZE 1)',
    ),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "another message's octets",
    script: fetchWith((connection, command) =>
      command.text.includes("BODY.PEEK[]")
        ? connection.say('* 2 FETCH (UID 2 RFC822.SIZE 7 BODY[] "Foreign")', `${command.tag} OK done`)
        : answerFetch(connection, command),
    ),
    ask: raw,
    fails: [...broken, "message-gone"],
  },
  {
    what: "another message's text",
    script: fetchWith((connection, command) =>
      /BODY\.PEEK\[[1T]/.test(command.text)
        ? connection.say('* 2 FETCH (UID 200 BODY[1] "Foreign")', `${command.tag} OK done`)
        : answerFetch(connection, command),
    ),
    ask: text,
    fails: [...broken, "message-gone"],
    answers: (answer) => !answer.join().includes("Foreign"),
  },
  {
    what: "every message many times",
    script: fetchWith(async (connection, command) => {
      const quiet = new Proxy(connection, {
        get: (target, name) =>
          name === "say"
            ? (...lines: string[]) =>
                target.say(...lines.flatMap((line) => (line.startsWith("*") ? [line, line, line] : [line])))
            : Reflect.get(target, name, target),
      });
      await answerFetch(quiet, command);
    }),
    ask: list,
    answers: isAll,
    fails: broken,
  },
  {
    what: "parentheses 100,000 deep for a structure",
    script: withMessage({ structure: `${"(".repeat(100_000)}${")".repeat(100_000)}` }),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "parentheses that never close",
    script: inFetch(`* 1 FETCH (UID 1 ENVELOPE ${"(".repeat(100_000)}`),
    ask: list,
    fails: broken,
    answers: isSome,
  },
  {
    what: "parentheses 100,000 deep for an envelope",
    script: withMessage({ envelope: `${"(".repeat(100_000)}${")".repeat(100_000)}` }),
    ask: list,
    fails: broken,
    answers: anything,
  },
  {
    what: "NUL in a subject",
    script: withMessage({ envelope: envelope('"a\0b"') }),
    ask: list,
    fails: broken,
    answers: anything,
  },
  {
    what: "a line end in a literal subject",
    script: withMessage({ envelope: envelope("{8}\r\na\r\nX: b\0") }),
    ask: list,
    fails: broken,
    answers: (answer) => answer.every((subject) => !/[\r\n]/.test(subject)),
  },
  {
    what: "100,000 senders",
    script: withMessage({ envelope: envelope('"Many"', `(${'("A" NIL "a" "example.org")'.repeat(100_000)})`) }),
    ask: list,
    fails: broken,
    answers: anything,
  },
  {
    what: "100,000 flags",
    script: beforeFetch(`* 1 FETCH (UID 1 FLAGS (${Array.from({ length: 100_000 }, (_, at) => `k${at}`).join(" ")}))`),
    ask: list,
    fails: broken,
    answers: isSome,
  },
  { what: "a size below nothing", script: withMessage({ size: -5 }), ask: list, fails: broken, answers: isAll },
  { what: "a size beyond all numbers", script: withMessage({ size: 1e30 }), ask: list, fails: broken, answers: isAll },
  {
    what: "a date that is none",
    script: withMessage({ internalDate: "99-Foo-0000 99:99:99 +9999" }),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "UIDs below nothing and beyond 32 bits",
    script: beforeFetch(
      "* 1 FETCH (UID -1 FLAGS ())",
      "* 2 FETCH (UID 99999999999999999999 FLAGS ())",
      "* 0 FETCH (UID 0 FLAGS ())",
    ),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "EXISTS beyond all numbers",
    script: beforeFetch("* 99999999999999999999 EXISTS"),
    ask: list,
    fails: broken,
    answers: isSome,
  },
  { what: "EXISTS below nothing", script: beforeFetch("* -3 EXISTS"), ask: list, fails: broken, answers: isSome },
  {
    what: "EXISTS going down",
    script: beforeFetch("* 2 EXISTS", "* 0 EXISTS"),
    ask: list,
    fails: [...broken, ...away],
    answers: isSome,
  },
  {
    what: "EXPUNGE of what never was",
    script: beforeFetch("* 4000000000 EXPUNGE", "* 0 EXPUNGE"),
    ask: list,
    fails: broken,
    answers: isSome,
  },
  {
    what: "literals where none can be",
    script: beforeFetch("* {6}\r\nEXISTS", "* LIST ({5}\r\n\\Seen) {1}\r\n/ {5}\r\nINBOX", "* OK [{3}\r\nfoo] x"),
    ask: list,
    fails: broken,
    answers: isSome,
  },
  {
    what: "response codes that never end",
    script: beforeFetch("* OK [UIDVALIDITY", "* OK [[[[[[", "* OK ]", "* NO [", "* BAD"),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "untagged NO and BAD",
    script: beforeFetch("* NO Disk is slow", "* BAD What?", "* PREAUTH again"),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "leave to go on that nobody asked for",
    script: beforeFetch("+ go on", "+", "+ {5}"),
    ask: list,
    fails: broken,
    answers: isAll,
  },
  {
    what: "octets that are no text",
    script: withMessage({
      envelope: envelope(`"${String.fromCharCode(...Array.from({ length: 90 }, (_, at) => 160 + at))}"`),
    }),
    ask: list,
    answers: anything,
  },
  {
    what: "another case",
    script: fetchWith(async (connection, command) => {
      const lower = new Proxy(connection, {
        get: (target, name) =>
          name === "say"
            ? (...lines: string[]) =>
                target.say(...lines.map((line) => line.replace(/^(\S+) OK/, "$1 ok").replace(/ FETCH \(/, " fetch (")))
            : Reflect.get(target, name, target),
      });
      await answerFetch(lower, command);
    }),
    ask: list,
    answers: isAll,
  },
  {
    what: "a UIDVALIDITY that is never the same",
    script: flapping(),
    ask: list,
    fails: [...broken, "message-gone", "unavailable", "upstream-refused", ...away],
    answers: isSome,
  },
  {
    what: "abilities that it has not",
    script: {
      mailboxes,
      capabilities: [
        "IMAP4rev1",
        "CONDSTORE",
        "QRESYNC",
        "ENABLE",
        "ESEARCH",
        "SORT",
        "ESORT",
        "LIST-STATUS",
        "LIST-EXTENDED",
        "SPECIAL-USE",
        "MOVE",
        "UIDPLUS",
        "OBJECTID",
        "NOTIFY",
        "PARTIAL",
      ],
    },
    ask: list,
    fails: ["upstream-refused", ...broken],
    answers: isSome,
  },
  {
    what: "100,000 abilities",
    script: { mailboxes, capabilities: ["IMAP4rev1", ...Array.from({ length: 100_000 }, (_, at) => `X-${at}`)] },
    ask: list,
    fails: [...broken, ...away],
    answers: isAll,
  },
  {
    what: "a mailbox that is for reading only",
    script: on({
      SELECT: async (connection, { tag }) => {
        connection.selected = mailboxes[0] ?? null;
        await connection.say(
          "* 3 EXISTS",
          "* OK [UIDVALIDITY 1] x",
          "* OK [UIDNEXT 4] x",
          `${tag} OK [READ-ONLY] done`,
        );
      },
    }),
    ask: flag,
    answers: (answer) => answer.every((each) => each === "not-permitted none"),
  },
  {
    what: "a UID beyond all numbers for what was stored",
    script: on({ APPEND: taken("[APPENDUID 1 99999999999999999999]") }, { capabilities: ["IMAP4rev1", "UIDPLUS"] }),
    ask: append,
    fails: [...broken, "message-gone"],
  },
  {
    what: "more moved messages than were named",
    script: on(
      { "UID MOVE": taken("[COPYUID 1 1:1000000 1:1000000]") },
      { capabilities: ["IMAP4rev1", "UIDPLUS", "MOVE"] },
    ),
    ask: move,
    fails: broken,
    answers: anything,
  },
  {
    what: "quotas below nothing and beyond all numbers",
    script: on(
      { GETQUOTAROOT: tell('* QUOTAROOT INBOX "a" "a"', '* QUOTA "a" (STORAGE -1 99999999999999999999999)') },
      { capabilities: ["IMAP4rev1", "QUOTA"] },
    ),
    ask: quota,
    fails: broken,
    answers: anything,
  },
];
