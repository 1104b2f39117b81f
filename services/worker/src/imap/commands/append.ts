import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import type { MailboxNames } from "../names.ts";
import type { Part, Streamed } from "../encode.ts";
import { numberOf, octetsOf, type StatusResponse } from "../response.ts";
import type { Abilities, Appended, AppendedAll, AppendItems } from "../session.ts";
import { unpackSet } from "../uid-set.ts";

/**
 * APPEND (RFC 9051 section 6.3.12), the message as one literal that waits for the server's leave: a server that is full says
 * so before anything is sent. Null: there is no such mailbox.
 */
export async function append(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  path: string,
  items: AppendItems,
): Promise<Appended | null> {
  const appended = await appendAll(connection, abilities, names, path, [items]);
  if (!appended) return null;
  const { uidValidity, uids } = appended;
  return uidValidity === null ? { uidValidity, uid: null } : { uidValidity, uid: uids[0] ?? 0 };
}

/** The same for several messages, all or none of which are stored (RFC 3502). Only the first waits, where the server can do without. */
export async function appendAll(
  connection: Connection,
  { appendLimit }: Abilities,
  names: MailboxNames,
  path: string,
  messages: readonly AppendItems[],
): Promise<AppendedAll | null> {
  if (appendLimit !== null && messages.some(({ size }) => size > appendLimit)) throw tooLarge(appendLimit);
  const done = await names.use(path, (name) =>
    connection.run({
      name: "APPEND",
      parts: ["APPEND ", name, ...messages.flatMap((each, at) => message(each, at > 0))],
      changes: true,
    }),
  );
  return done ? appendedUids(done, messages.length) : null;
}

function message({ flags, internalDate, size, octets }: AppendItems, atOnce: boolean): (Part | Streamed)[] {
  return [` (${flags.join(" ")})${writtenDate(internalDate)} `, { size, octets: octets(), atOnce }];
}

/** As an argument of a command that has it last but one; empty: the server takes the time at which it comes. */
export function writtenDate(internalDate: Date | null): string {
  return internalDate ? ` "${writeInternalDate(internalDate)}"` : "";
}

/** APPENDUID (RFC 9051 section 7.1); nulls where the server does not tell of all. */
export function appendedUids({ code, codeValues }: StatusResponse, count: number): AppendedAll {
  const none = { uidValidity: null, uids: null };
  if (code !== "APPENDUID") return none;
  const uidValidity = numberOf(codeValues[0]);
  const uids = unpackSet(octetsOf(codeValues[1]) ?? "", count) ?? [];
  return uidValidity && uids.length === count ? { uidValidity, uids } : none;
}

/** RFC 7889. */
function tooLarge(limit: number): Failure {
  return new Failure("payload-too-large", {
    detail: `The mail server takes messages of at most ${limit} octets.`,
    outcome: "none",
  });
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** RFC 9051 section 9, date-time. */
export function writeInternalDate(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${two(date.getUTCDate())}-${months[date.getUTCMonth()]}-${String(date.getUTCFullYear()).padStart(4, "0")}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `${day} ${time} +0000`;
}
