import { atom, inSet, type ScriptedCommand, type Token } from "./command.ts";
import type { ScriptedConnection } from "./connection.ts";
import type { ScriptedMessage } from "./mailbox.ts";

type Test = (message: ScriptedMessage) => boolean;

/** UID SEARCH; with RETURN only `ALL` and `COUNT`. Keys that it does not know match everything. */
export async function search(connection: ScriptedConnection, { tag, name, args }: ScriptedCommand): Promise<void> {
  const messages = connection.selected?.messages ?? [];
  const rest = [...args];
  const wanted = atom(rest[0]).toUpperCase() === "RETURN" ? rest.splice(0, 2)[1] : null;
  if (atom(rest[0]).toUpperCase() === "CHARSET") rest.splice(0, 2);
  const test = conjunction(rest, messages.at(-1)?.uid ?? 0);
  const uids = messages.filter((message) => test(message)).map(({ uid }) => uid);
  await connection.say(wanted ? extended(tag, wanted, uids) : `* SEARCH${uids.map((uid) => ` ${uid}`).join("")}`);
  await connection.say(`${tag} OK ${name} completed`);
}

function extended(tag: string, wanted: Token, uids: number[]): string {
  const names = Array.isArray(wanted) ? wanted.map((token) => atom(token).toUpperCase()) : [];
  const all = names.includes("ALL") && uids.length > 0 ? ` ALL ${uids.join(",")}` : "";
  return `* ESEARCH (TAG "${tag}") UID${names.includes("COUNT") ? ` COUNT ${uids.length}` : ""}${all}`;
}

function conjunction(tokens: Token[], highest: number): Test {
  const queue = [...tokens];
  const tests: Test[] = [];
  while (queue.length > 0) tests.push(key(queue, highest));
  return (message) => tests.every((test) => test(message));
}

function key(queue: Token[], highest: number): Test {
  const token = queue.shift() ?? "ALL";
  if (Array.isArray(token)) return conjunction(token, highest);
  const name = token.toUpperCase();
  if (name === "NOT") return inverse(key(queue, highest));
  if (name === "OR") return either(key(queue, highest), key(queue, highest));
  if (name === "UID") return among(atom(queue.shift()), highest);
  if (name === "THREADID" || name === "X-GM-THRID") return ofThread(atom(queue.shift()));
  if (name === "EMAILID" || name === "X-GM-MSGID") return ofGuid(atom(queue.shift()));
  if (name === "HEADER") return hasHeader(atom(queue.shift()), atom(queue.shift()));
  if (name === "SEEN") return seen;
  if (name === "UNSEEN") return inverse(seen);
  if (name === "DELETED") return ({ flags = [] }) => flags.includes("\\Deleted");
  if (name === "SUBJECT" || name === "TEXT" || name === "BODY") return contains(atom(queue.shift()));
  return () => true;
}

const seen: Test = (message) => (message.flags ?? []).includes("\\Seen");

function inverse(test: Test): Test {
  return (message) => !test(message);
}

function either(first: Test, second: Test): Test {
  return (message) => first(message) || second(message);
}

function among(set: string, highest: number): Test {
  return ({ uid }) => inSet(set, uid, highest);
}

function ofThread(id: string): Test {
  return ({ thread }) => thread === id;
}

function ofGuid(id: string): Test {
  return ({ guid }) => guid === id;
}

function hasHeader(name: string, value: string): Test {
  const line = new RegExp(`^${name}:(.*(?:\\r\\n[ \\t].*)*)`, "im");
  return ({ source }) => (line.exec(source)?.[1] ?? "").toLowerCase().includes(value.toLowerCase());
}

function contains(text: string): Test {
  return ({ source }) => source.toLowerCase().includes(text.toLowerCase());
}
