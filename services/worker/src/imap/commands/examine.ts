import { setTimeout } from "node:timers/promises";
import { Failure, isFailure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import type { Part } from "../encode.ts";
import type { MailboxNames } from "../names.ts";
import { bigintOf, listOf, numberOf, octetsOf, type StatusResponse, type Value } from "../response.ts";
import { readObjectId } from "../object-id.ts";
import type { Abilities, MailboxNews, SelectedMailbox } from "../session.ts";
import { fetch } from "./fetch.ts";

/** EXAMINE (RFC 9051 section 6.3.3): nothing that follows can change the mailbox. Null: there is no such mailbox. */
export async function examine(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  path: string,
  options?: OpenOptions,
): Promise<SelectedMailbox | null> {
  return (await open("EXAMINE", connection, abilities, names, path, options))?.state ?? null;
}

export interface Opened {
  state: SelectedMailbox;
  /** The tagged OK's response code: `READ-ONLY` or `READ-WRITE`. */
  access: string | null;
  /** PERMANENTFLAGS; null where the server does not tell. */
  permanentFlags: string[] | null;
}

/** SELECT or EXAMINE. Null: there is no such mailbox. */
export async function open(
  command: "SELECT" | "EXAMINE",
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  path: string,
  options: OpenOptions = { since: null, hadSelected: false, onOpen: () => undefined },
): Promise<Opened | null> {
  const asOf = Date.now();
  const attempt = (name: Part): Promise<Selected> => select(command, connection, abilities, name, options);
  const found = await names.use(path, (name) => untilNoticed(() => attempt(name)));
  if (!found) return null;
  const { messages, codes, end } = found;
  const uidValidity = numberOf(codes.get("UIDVALIDITY"));
  if (!uidValidity) throw noUidValidity(path);
  const state = {
    path,
    messages,
    uidValidity,
    uidNext: numberOf(codes.get("UIDNEXT")) || (await learnUidNext(connection, abilities, messages)),
    highestModseq: bigintOf(codes.get("HIGHESTMODSEQ")) || null,
    mailboxId: readObjectId(octetsOf(listOf(codes.get("MAILBOXID"))[0])),
    asOf,
  };
  const flags = codes.get("PERMANENTFLAGS");
  const permanentFlags = Array.isArray(flags) ? flags.flatMap((flag) => octetsOf(flag) ?? []) : null;
  return { state, access: end?.code ?? null, permanentFlags };
}

/** Pauses before the next tries. */
const NOTICING_MS = [0, 10, 40, 100];

/**
 * Dovecot refuses to open what was deleted and made anew until the process behind the connection has noticed, which its
 * refusal is the beginning of; and what another connection is making at this moment, as a new user's INBOX.
 */
async function untilNoticed<T>(select: () => Promise<T>): Promise<T> {
  for (const pause of NOTICING_MS) {
    try {
      return await select();
    } catch (error) {
      if (!isFailure(error, "upstream-refused") || !isPassing(error)) throw error;
      await setTimeout(pause);
    }
  }
  return select();
}

const isPassing = ({ upstream }: Failure): boolean =>
  upstream?.code === "ALREADYEXISTS" || /deleted under us/i.test(upstream?.text ?? "");

export interface OpenOptions {
  /** With QRESYNC enabled: the server tells with the answer what of these UIDs has changed since (RFC 7162 section 3.2.5). */
  since: MailboxNews["since"];
  /** Whether another mailbox is left by this. */
  hadSelected: boolean;
  /** From here on untagged responses are of the new mailbox. */
  onOpen: () => void;
}

interface Selected {
  messages: number;
  codes: Map<string, Value | undefined>;
  end: StatusResponse | null;
}

async function select(
  command: "SELECT" | "EXAMINE",
  connection: Connection,
  abilities: Abilities,
  name: Part,
  { since, hadSelected, onOpen }: OpenOptions,
): Promise<Selected> {
  const selected: Selected = { messages: 0, codes: new Map(), end: null };
  // Only a server that tells of changes with the opening has anything to say of both mailboxes that must be told apart.
  if (!hadSelected || since === null) onOpen();
  selected.end = await connection.run({
    name: command,
    parts: [`${command} `, name, parameters(abilities, since)],
    onData: (response) => {
      if (response.name === "EXISTS") selected.messages = response.number ?? 0;
    },
    onStatus: (response) => {
      // What came before was of the mailbox that was selected until now (RFC 9051 section 7.1).
      if (response.code === "CLOSED") {
        Object.assign(selected, { messages: 0, codes: new Map() });
        onOpen();
      } else if (response.code !== null) selected.codes.set(response.code, response.codeValues[0]);
    },
  });
  return selected;
}

/** Some servers miss the highest UIDs where the range ends in `*`: the highest that there can be is written out. */
function parameters({ condstore }: Abilities, since: MailboxNews["since"]): string {
  if (since) return ` (QRESYNC (${since.uidValidity} ${since.modseq} ${since.from}:4294967295))`;
  return condstore ? " (CONDSTORE)" : "";
}

/** Without UIDVALIDITY (RFC 9051 section 7.1: "a server that does not keep UIDs") no id could be trusted to mean one message. */
function noUidValidity(path: string): Failure {
  return new Failure("upstream-protocol", { detail: `The mail server gives no lasting UIDs in ${path}.` });
}

/** Some servers (Courier) do not tell UIDNEXT: it is above the last message's UID. */
async function learnUidNext(connection: Connection, abilities: Abilities, messages: number): Promise<number> {
  if (messages === 0) return 1;
  const last = await fetch(connection, abilities, { sequence: { from: messages, to: messages } }, {});
  return (last[0]?.uid ?? 0) + 1;
}
