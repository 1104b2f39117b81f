import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import type { MailboxNames } from "../names.ts";
import { numberOf, type StatusResponse, uidOf } from "../response.ts";
import type { Abilities, Appended, AppendItems } from "../session.ts";

/**
 * APPEND (RFC 9051 section 6.3.12), the message as one literal that waits for the server's leave: a server that is full says
 * so before anything is sent. Null: there is no such mailbox.
 */
export async function append(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  path: string,
  { flags, internalDate, size, octets }: AppendItems,
): Promise<Appended | null> {
  if (abilities.appendLimit !== null && size > abilities.appendLimit) throw tooLarge(abilities.appendLimit);
  const date = internalDate ? ` "${writeInternalDate(internalDate)}"` : "";
  const done = await names.use(path, (name) =>
    connection.run({
      name: "APPEND",
      parts: ["APPEND ", name, ` (${flags.join(" ")})${date} `, { size, octets: octets() }],
      changes: true,
    }),
  );
  return done ? appendedUid(done) : null;
}

/** APPENDUID (RFC 9051 section 7.1); nulls where the server does not tell. */
export function appendedUid({ code, codeValues }: StatusResponse): Appended {
  const [uidValidity, uid] = code === "APPENDUID" ? [numberOf(codeValues[0]), uidOf(codeValues[1])] : [null, null];
  return uidValidity && uid ? { uidValidity, uid } : { uidValidity: null, uid: null };
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
