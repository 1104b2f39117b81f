import { atom, inSet, type ScriptedCommand } from "./command.ts";
import type { Behaviour, ScriptedConnection } from "./connection.ts";
import { sameName, type ScriptedMailbox, type ScriptedMessage, uidNextOf } from "./mailbox.ts";

/** What a server with UIDPLUS, MOVE and CONDSTORE does with commands that change something. */
export function changes(mailboxes: ScriptedMailbox[]): Record<string, Behaviour> {
  const transfer: Behaviour = async (connection, { tag, name, args }) => {
    const to = mailboxes.find((mailbox) => sameName(mailbox.name, atom(args[1])));
    if (!to) return connection.say(`${tag} NO [TRYCREATE] There is no such mailbox`);
    const moved = named(connection, atom(args[0]));
    const uids = moved.map((message) => put(to, message));
    const code = `[COPYUID ${to.uidValidity ?? 1} ${moved.map(({ uid }) => uid).join(",")} ${uids.join(",")}]`;
    if (moved.length === 0) return connection.say(`${tag} OK ${name} completed`);
    if (name === "UID COPY") return connection.say(`${tag} OK ${code} Copied`);
    await connection.say(`* OK ${code} Moved`);
    await remove(connection, moved);
    return connection.say(`${tag} OK ${name} completed`);
  };
  return {
    "UID STORE": store,
    "UID COPY": transfer,
    "UID MOVE": transfer,
    "UID EXPUNGE": async (connection, { tag, name, args }) => {
      await remove(connection, named(connection, atom(args[0])).filter(isDeleted));
      await connection.say(`${tag} OK ${name} completed`);
    },
    EXPUNGE: async (connection, { tag, name }) => {
      await remove(connection, (connection.selected?.messages ?? []).filter(isDeleted));
      await connection.say(`${tag} OK ${name} completed`);
    },
  };
}

const isDeleted = ({ flags = [] }: ScriptedMessage): boolean => flags.includes("\\Deleted");

function named({ selected }: ScriptedConnection, set: string): ScriptedMessage[] {
  const messages = selected?.messages ?? [];
  return messages.filter(({ uid }) => inSet(set, uid, messages.at(-1)?.uid ?? 0));
}

/** Puts a copy of a message at the end of a mailbox; its UID there. */
export function put(to: ScriptedMailbox, { source, flags = [], internalDate, guid, thread }: ScriptedMessage): number {
  const uid = uidNextOf(to);
  to.messages ??= [];
  to.messages.push({
    uid,
    source,
    flags: [...flags],
    ...(internalDate !== undefined && { internalDate }),
    ...(guid !== undefined && { guid }),
    ...(thread !== undefined && { thread }),
  });
  if (to.highestModseq !== undefined) to.highestModseq += 1n;
  return uid;
}

async function remove(connection: ScriptedConnection, gone: readonly ScriptedMessage[]): Promise<void> {
  const { selected } = connection;
  if (!selected) return;
  for (const message of gone) {
    const messages: ScriptedMessage[] = selected.messages ?? [];
    const at = messages.indexOf(message);
    messages.splice(at, 1);
    if (selected.highestModseq !== undefined) selected.highestModseq += 1n;
    await connection.say(`* ${at + 1} EXPUNGE`);
  }
}

async function store(connection: ScriptedConnection, { tag, name, args }: ScriptedCommand): Promise<void> {
  const { selected } = connection;
  const condition = Array.isArray(args[1]) ? BigInt(atom(args[1][1])) : null;
  const [item, list = []] = condition === null ? args.slice(1) : args.slice(2);
  const asked = Array.isArray(list) ? list.map(atom) : [];
  const modified: number[] = [];
  for (const message of named(connection, atom(args[0]))) {
    if (condition !== null && (message.modseq ?? 1n) > condition) {
      modified.push(message.uid);
      continue;
    }
    message.flags = changed(message.flags ?? [], atom(item).toUpperCase(), asked);
    if (selected?.highestModseq !== undefined) {
      selected.highestModseq += 1n;
      message.modseq = selected.highestModseq;
    }
    const modseq = message.modseq === undefined ? "" : ` MODSEQ (${message.modseq})`;
    const number = (selected?.messages ?? []).indexOf(message) + 1;
    await connection.say(`* ${number} FETCH (UID ${message.uid} FLAGS (${message.flags.join(" ")})${modseq})`);
  }
  const code = modified.length > 0 ? `[MODIFIED ${modified.join(",")}] ` : "";
  await connection.say(`${tag} OK ${code}${name} completed`);
}

function changed(flags: string[], item: string, asked: string[]): string[] {
  if (item.startsWith("+")) return [...new Set([...flags, ...asked])];
  return item.startsWith("-") ? flags.filter((flag) => !asked.includes(flag)) : asked;
}
