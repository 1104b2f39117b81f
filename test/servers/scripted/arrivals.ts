import { atom, type Token } from "./command.ts";
import type { Behaviour, ScriptedConnection } from "./connection.ts";
import { sameName, type ScriptedMailbox, type ScriptedMessage, uidNextOf } from "./mailbox.ts";

/** What a server with UIDPLUS, MULTIAPPEND and REPLACE does with messages that are brought to it. */
export function arrivals(mailboxes: ScriptedMailbox[]): Record<string, Behaviour> {
  const find = (name: Token | undefined): ScriptedMailbox | undefined =>
    mailboxes.find((mailbox) => sameName(mailbox.name, atom(name)));
  return {
    APPEND: async (connection, { tag, name, args }) => {
      const to = find(args[0]);
      if (!to) return connection.say(`${tag} NO [TRYCREATE] There is no such mailbox`);
      const uids = messagesIn(args.slice(1)).map((message) => arrive(to, message));
      return connection.say(`${tag} OK ${appendUid(to, uids)} ${name} completed`);
    },
    "UID REPLACE": async (connection, { tag, name, args }) => {
      const { selected } = connection;
      const to = find(args[1]);
      const old = selected?.messages?.find(({ uid }) => uid === Number(atom(args[0])));
      if (!to) return connection.say(`${tag} NO [TRYCREATE] There is no such mailbox`);
      if (!selected || !old) return connection.say(`${tag} NO There is no such message`);
      const [message] = messagesIn(args.slice(2));
      if (!message) return connection.say(`${tag} BAD No message`);
      const uid = arrive(to, message);
      await connection.say(`* OK ${appendUid(to, [uid])} Replacement Message ready`);
      await depart(connection, selected, old);
      return connection.say(`${tag} OK ${name} completed`);
    },
  };
}

function appendUid({ uidValidity = 1 }: ScriptedMailbox, uids: number[]): string {
  const [first = 0] = uids;
  return `[APPENDUID ${uidValidity} ${uids.length > 1 ? `${first}:${uids.at(-1)}` : first}]`;
}

type Arriving = Pick<ScriptedMessage, "source" | "flags" | "internalDate">;

/** `(\\Seen) "01-Jan-2026 …" {literal}`, once or more often (RFC 3502). */
function messagesIn(tokens: Token[]): Arriving[] {
  const messages: Arriving[] = [];
  for (let rest = [...tokens]; rest.length > 0; ) {
    const flags = Array.isArray(rest[0]) ? (rest.shift() as Token[]).map(atom) : [];
    const date = /^[ \d]\d-\w{3}-\d{4} /.test(atom(rest[0])) && typeof rest[1] === "string" ? atom(rest.shift()) : null;
    messages.push({ source: atom(rest.shift()), flags, ...(date !== null && { internalDate: date }) });
  }
  return messages;
}

/** The UID that it has from here on. */
export function arrive(to: ScriptedMailbox, message: Arriving): number {
  const uid = uidNextOf(to);
  to.messages ??= [];
  to.messages.push({ ...message, flags: [...(message.flags ?? [])], uid });
  if (to.uidNext !== undefined && to.uidNext !== null) to.uidNext = uid + 1;
  if (to.highestModseq !== undefined) to.highestModseq += 1n;
  return uid;
}

async function depart(connection: ScriptedConnection, from: ScriptedMailbox, message: ScriptedMessage): Promise<void> {
  const at = from.messages?.indexOf(message) ?? -1;
  from.messages?.splice(at, 1);
  if (from.highestModseq !== undefined) from.highestModseq += 1n;
  await connection.say(`* ${at + 1} EXPUNGE`);
}
