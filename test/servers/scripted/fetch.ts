import { atom, inSet, type ScriptedCommand, type Token } from "./command.ts";
import type { ScriptedConnection } from "./connection.ts";
import { literal, quote, type ScriptedMessage } from "./mailbox.ts";

/** FETCH and UID FETCH, as a server answers them. */
export async function fetch(connection: ScriptedConnection, command: ScriptedCommand): Promise<void> {
  const { tag, name, args } = command;
  const messages = connection.selected?.messages ?? [];
  const byUid = name === "UID FETCH";
  const set = atom(args[0]);
  const items = Array.isArray(args[1]) ? args[1] : args.slice(1, 2);
  for (const [index, message] of messages.entries()) {
    const number = byUid ? message.uid : index + 1;
    const highest = byUid ? (messages.at(-1)?.uid ?? 0) : messages.length;
    if (inSet(set, number, highest)) await connection.say(row(index + 1, message, items));
  }
  await connection.say(`${tag} OK ${name} completed`);
}

function row(sequence: number, message: ScriptedMessage, items: Token[]): string {
  return `* ${sequence} FETCH (${items.map((token) => item(message, atom(token))).join(" ")})`;
}

function item(message: ScriptedMessage, name: string): string {
  switch (name.toUpperCase()) {
    case "UID":
      return `UID ${message.uid}`;
    case "FLAGS":
      return `FLAGS (${(message.flags ?? []).join(" ")})`;
    case "MODSEQ":
      return `MODSEQ (${message.modseq ?? 1n})`;
    case "INTERNALDATE":
      return `INTERNALDATE "${message.internalDate ?? "02-Jan-2026 03:04:05 +0000"}"`;
    case "RFC822.SIZE":
      return `RFC822.SIZE ${message.size ?? message.source.length}`;
    case "EMAILID":
      return `EMAILID ${message.guid === undefined ? "NIL" : `(${message.guid})`}`;
    case "X-GM-MSGID":
      return `X-GM-MSGID ${message.guid ?? "0"}`;
    case "THREADID":
      return `THREADID ${message.thread === undefined ? "NIL" : `(${message.thread})`}`;
    case "X-GM-THRID":
      return `X-GM-THRID ${message.thread ?? "0"}`;
    case "ENVELOPE":
      return `ENVELOPE ${message.envelope ?? envelope(message)}`;
    case "BODYSTRUCTURE":
      return `BODYSTRUCTURE ${message.structure ?? structure(message)}`;
    default:
      return section(message, name);
  }
}

function section(message: ScriptedMessage, name: string): string {
  const [, part = "", offset, length] = /^BODY(?:\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?$/i.exec(name) ?? [];
  const octets = sectionOctets(message.source, part.toUpperCase());
  const origin = offset === undefined ? "" : `<${offset}>`;
  if (octets === null) return `BODY[${part}]${origin} NIL`;
  const start = Number(offset ?? 0);
  const piece = length === undefined ? octets : octets.slice(start, start + Number(length));
  return `BODY[${part}]${origin} ${literal(piece)}`;
}

function sectionOctets(source: string, part: string): string | null {
  const end = source.indexOf("\r\n\r\n") + 4;
  if (part === "") return source;
  if (part === "HEADER") return source.slice(0, end);
  const fields = /^HEADER\.FIELDS \((.*)\)$/.exec(part)?.[1]?.split(" ");
  if (fields) return `${linesOf(source.slice(0, end), fields)}\r\n`;
  return part === "TEXT" || part === "1" ? source.slice(end) : null;
}

function linesOf(head: string, names: readonly string[]): string {
  const lines = head.split(/\r\n(?![ \t])/).filter((line) => names.includes(line.replace(/:.*$/s, "").toUpperCase()));
  return lines.map((line) => `${line}\r\n`).join("");
}

function header(message: ScriptedMessage, name: string): string | null {
  return new RegExp(`^${name}: (.*)$`, "im").exec(message.source)?.[1]?.trim() ?? null;
}

function envelope(message: ScriptedMessage): string {
  const text = (name: string): string => quote(header(message, name));
  const people = (name: string): string => {
    const [, display = "", local = "", host = ""] =
      /^(.*?) ?<([^@>]*)@([^>]*)>/.exec(header(message, name) ?? "") ?? [];
    return local === "" ? "NIL" : `((${quote(display === "" ? null : display)} NIL ${quote(local)} ${quote(host)}))`;
  };
  const from = people("From");
  const ids = [text("In-Reply-To"), text("Message-ID")];
  return `(${[text("Date"), text("Subject"), from, from, from, people("To"), people("Cc"), "NIL", ...ids].join(" ")})`;
}

function structure(message: ScriptedMessage): string {
  const text = sectionOctets(message.source, "1") ?? "";
  const lines = text.split("\r\n").length - 1;
  return `("text" "plain" ("charset" "utf-8") NIL NIL "7bit" ${text.length} ${lines} NIL NIL NIL NIL)`;
}
