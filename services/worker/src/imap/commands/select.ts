import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import type { MailboxNames } from "../names.ts";
import type { Abilities, WritableMailbox } from "../session.ts";
import { open } from "./examine.ts";

/** SELECT (RFC 9051 section 6.3.2), for changing what is in the mailbox. Null: there is no such mailbox. */
export async function select(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  path: string,
): Promise<WritableMailbox | null> {
  const opened = await open("SELECT", connection, abilities, names, path);
  if (!opened) return null;
  if (opened.access === "READ-ONLY") {
    const detail = `The mail server opens ${path} for reading only.`;
    throw new Failure("not-permitted", { detail, outcome: "none" });
  }
  return { ...opened.state, permanentFlags: opened.permanentFlags };
}
