import { arrivals } from "./arrivals.ts";
import { changes } from "./changes.ts";
import { atom, type ScriptedCommand } from "./command.ts";
import type { Behaviour, ScriptedConnection } from "./connection.ts";
import { fetch } from "./fetch.ts";
import { mailboxCommands } from "./mailboxes.ts";
import { quote, sameName, type ScriptedMailbox, uidNextOf } from "./mailbox.ts";
import type { Script } from "./script.ts";
import { search } from "./search.ts";

/** What a server does that behaves. */
export function standard(script: Script): Record<string, Behaviour> {
  const capabilities = (connection: ScriptedConnection): string => capabilityList(script, connection);
  const mailboxes = script.mailboxes ?? [{ name: "INBOX" }];
  const find = (name: string): ScriptedMailbox | undefined => mailboxes.find((mailbox) => sameName(mailbox.name, name));
  const logIn = async (connection: ScriptedConnection, tag: string): Promise<void> => {
    connection.loggedIn = true;
    await connection.say(
      `${tag} OK ${script.capabilityInLogin === false ? "" : `[CAPABILITY ${capabilities(connection)}] `}Logged in`,
    );
  };
  const done = (connection: ScriptedConnection, { tag, name }: ScriptedCommand, ...lines: string[]): Promise<void> =>
    connection.say(...lines, `${tag} OK ${name} completed`);
  const missing = (connection: ScriptedConnection, { tag }: ScriptedCommand): Promise<void> =>
    connection.say(`${tag} NO [NONEXISTENT] There is no such mailbox`);
  const opening = (access: string): Behaviour => {
    return async (connection, command) => {
      const mailbox = find(atom(command.args[0]));
      connection.selected = mailbox ?? null;
      if (!mailbox) return missing(connection, command);
      await connection.say(...examined(mailbox), `${command.tag} OK [${access}] ${command.name} completed`);
    };
  };
  return {
    CAPABILITY: (connection, command) => done(connection, command, `* CAPABILITY ${capabilities(connection)}`),
    NOOP: (connection, command) => done(connection, command),
    ID: (connection, command) => done(connection, command, '* ID ("name" "scripted")'),
    NAMESPACE: (connection, command) => done(connection, command, `* NAMESPACE (("" ${delimiterOf(script)})) NIL NIL`),
    LOGIN: async (connection, { tag, args }) => {
      if (atom(args[1]) === (script.password ?? "secret")) await logIn(connection, tag);
      else await connection.say(`${tag} NO [AUTHENTICATIONFAILED] Wrong user or password`);
    },
    AUTHENTICATE: async (connection, { tag, args }) => {
      const response = atom(args[1]) || (await connection.ask());
      const secret = Buffer.from(response, "base64").toString("utf8");
      if (secret.includes(script.password ?? "secret")) await logIn(connection, tag);
      else await connection.say(`${tag} NO [AUTHENTICATIONFAILED] Wrong user or password`);
    },
    LOGOUT: async (connection, command) => {
      await done(connection, command, "* BYE Until next time");
      connection.end();
    },
    LIST: (connection, command) => done(connection, command, ...lists(script, mailboxes, command)),
    LSUB: (connection, command) => {
      const subscribed = mailboxes.filter((mailbox) => mailbox.subscribed);
      return done(
        connection,
        command,
        ...subscribed.map(({ name }) => `* LSUB () ${delimiterOf(script)} ${quote(name)}`),
      );
    },
    STATUS: (connection, command) => {
      const mailbox = find(atom(command.args[0]));
      return mailbox ? done(connection, command, status(mailbox, command.args[1])) : missing(connection, command);
    },
    EXAMINE: opening("READ-ONLY"),
    SELECT: opening("READ-WRITE"),
    ...changes(mailboxes),
    ...arrivals(mailboxes),
    ...mailboxCommands(mailboxes),
    FETCH: fetch,
    "UID FETCH": fetch,
    "UID SEARCH": search,
  };
}

export function capabilityList(script: Script, connection: ScriptedConnection): string {
  const all = script.capabilities ?? ["IMAP4rev1"];
  const starttls = script.security === "starttls" && !connection.secure ? ["STARTTLS"] : [];
  return [...all, ...starttls].join(" ");
}

function delimiterOf({ delimiter = "/" }: Script): string {
  return delimiter === null ? "NIL" : quote(delimiter);
}

function lists(script: Script, mailboxes: ScriptedMailbox[], { args }: ScriptedCommand): string[] {
  if (atom(args[1]) === "") return [`* LIST (\\Noselect) ${delimiterOf(script)} ""`];
  const options = args.find((_, index) => atom(args[index - 1]).toUpperCase() === "RETURN");
  const items = Array.isArray(options) ? options[options.indexOf("STATUS") + 1] : undefined;
  return mailboxes.flatMap((mailbox) => {
    const subscribed = mailbox.subscribed && options ? ["\\Subscribed"] : [];
    const attributes = [...(mailbox.attributes ?? []), ...subscribed].join(" ");
    const line = `* LIST (${attributes}) ${delimiterOf(script)} ${quote(mailbox.name)}`;
    return Array.isArray(items) ? [line, status(mailbox, items)] : [line];
  });
}

function status(mailbox: ScriptedMailbox, wanted: unknown): string {
  const messages = mailbox.messages ?? [];
  const values: Record<string, number | bigint | string> = {
    MESSAGES: messages.length,
    UNSEEN: messages.filter(({ flags = [] }) => !flags.includes("\\Seen")).length,
    UIDNEXT: uidNextOf(mailbox),
    UIDVALIDITY: mailbox.uidValidity ?? 1,
    HIGHESTMODSEQ: mailbox.highestModseq ?? 1n,
    ...(mailbox.mailboxId !== undefined && { MAILBOXID: `(${mailbox.mailboxId})` }),
  };
  const items = Array.isArray(wanted) ? wanted.map(String) : [];
  return `* STATUS ${quote(mailbox.name)} (${items.map((item) => `${item} ${values[item] ?? 0}`).join(" ")})`;
}

function examined(mailbox: ScriptedMailbox): string[] {
  return [
    `* ${mailbox.messages?.length ?? 0} EXISTS`,
    "* 0 RECENT",
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
    ...(mailbox.permanentFlags === undefined ? [] : [`* OK [PERMANENTFLAGS (${mailbox.permanentFlags})] Kept`]),
    `* OK [UIDVALIDITY ${mailbox.uidValidity ?? 1}] UIDs valid`,
    ...(mailbox.uidNext === null ? [] : [`* OK [UIDNEXT ${uidNextOf(mailbox)}] Predicted`]),
    ...(mailbox.mailboxId === undefined ? [] : [`* OK [MAILBOXID (${mailbox.mailboxId})] Ok`]),
    ...(mailbox.highestModseq === undefined ? [] : [`* OK [HIGHESTMODSEQ ${mailbox.highestModseq}] Highest`]),
  ];
}
