import { answerFetch, scriptedMessage, tell, type Behaviour, type Script } from "../servers/scripted.ts";
import type { Asking } from "./asking.ts";

/** One way of a server to be no good. */
export interface Hostility {
  what: string;
  script: Script;
  ask: Asking;
  /** Codes of the failures that it may end in; none: it must be answered. */
  fails?: readonly string[];
  /** What may be answered; absent: it must fail. */
  answers?: (answer: string[]) => boolean;
}

export const SUBJECTS = ["Message 3", "Message 2", "Message 1"];
export const three = [1, 2, 3].map((uid) => scriptedMessage(uid));
export const mailboxes = [
  { name: "INBOX", messages: three },
  { name: "Archive", attributes: ["\\Archive"] },
];
export const broken = ["upstream-protocol"];
export const late = ["upstream-timeout"];
export const away = ["upstream-unreachable"];
export const isAll = (answer: string[]): boolean => answer.join() === SUBJECTS.join();
/** Nothing is shown that is not there. */
export const isSome = (answer: string[]): boolean => answer.every((subject) => SUBJECTS.includes(subject));
export const anything = (): boolean => true;

export const on = (commands: Record<string, Behaviour>, rest: Script = {}): Script => ({
  mailboxes,
  ...rest,
  on: commands,
});
export const inFetch = (...lines: string[]): Script => on({ "UID FETCH": tell(...lines), FETCH: tell(...lines) });
/** What it says before it answers as it should. */
export const before = (...lines: string[]): Behaviour => {
  return async (connection, command) => {
    await connection.say(...lines);
    await answerFetch(connection, command);
  };
};
export const beforeFetch = (...lines: string[]): Script =>
  on({ "UID FETCH": before(...lines), FETCH: before(...lines) });
export const fetchWith = (behaviour: Behaviour): Script => on({ "UID FETCH": behaviour, FETCH: behaviour });
/** Lines that are made while they are sent. */
export const many = (count: number, line: (at: number) => string): Behaviour => {
  return async (connection, { tag, name }) => {
    for (let at = 0; at < count && connection.open; ) {
      let lines = "";
      for (; at < count && lines.length < 65_536; at += 1) lines += `${line(at)}\r\n`;
      await connection.write(lines);
      // Others are served by this process, too.
      await new Promise(setImmediate);
    }
    await connection.say(`${tag} OK ${name} completed`);
  };
};
export const withMessage = (change: Partial<(typeof three)[number]>): Script => ({
  mailboxes: [{ name: "INBOX", messages: three.map((message) => ({ ...message, ...change })) }],
});
export const envelope = (subject: string, from = "NIL"): string =>
  `(NIL ${subject} ${from} NIL NIL NIL NIL NIL NIL NIL)`;

/** An OK that says more than is true. */
export function taken(code: string): Behaviour {
  return (connection, { tag, name }) => connection.say(`${tag} OK ${code} ${name} completed`);
}

export function flapping(): Script {
  let value = 0;
  const next = (): number => (value += 1);
  const open: Behaviour = async (connection, { tag }) => {
    connection.selected = mailboxes[0] ?? null;
    await connection.say("* 3 EXISTS", `* OK [UIDVALIDITY ${next()}] x`, "* OK [UIDNEXT 4] x", `${tag} OK done`);
  };
  const status: Behaviour = (connection, { tag }) =>
    connection.say(`* STATUS INBOX (MESSAGES 3 UNSEEN 3 UIDNEXT 4 UIDVALIDITY ${next()})`, `${tag} OK done`);
  return on({ SELECT: open, EXAMINE: open, STATUS: status });
}
