import type { ImapSession } from "../../imap/session.ts";
import { fingerprint } from "../../digest.ts";

/** What changes of a message while it stays where it is. */
export interface FlagState {
  flags: readonly string[];
  modseq: bigint | null;
}

/** By UID. A UID without a row is gone. `\Recent` is of a session, not of the message, and left out. */
export async function readFlags(session: ImapSession, uids: readonly number[]): Promise<Map<number, FlagState>> {
  if (uids.length === 0) return new Map();
  const rows = await session.fetch({ uids }, { flags: true });
  const asked = new Set(uids);
  return new Map(
    rows.flatMap(({ uid, flags, modseq }): [number, FlagState][] =>
      flags && asked.has(uid)
        ? [[uid, { flags: flags.filter((flag) => !/^\\recent$/i.test(flag)), modseq: modseq ?? null }]]
        : [],
    ),
  );
}

/** Where messages are whose etags are made. `highestModseq`: null where MODSEQs tell nothing. */
interface Marked {
  record: { key: number };
  state: { uidValidity: number; highestModseq: bigint | null };
}

/** Strong: changes with the flags and the mailbox, and with nothing else. Without CONDSTORE it is made of the flags. */
export async function messageEtag({ record, state }: Marked, uid: number, flags: FlagState): Promise<string> {
  const place = [record.key, state.uidValidity, uid].map((part) => part.toString(36)).join("-");
  const isCounted = flags.modseq !== null && state.highestModseq !== null;
  const change = isCounted
    ? `m${flags.modseq?.toString(36)}`
    : `f${await fingerprint(flags.flags.toSorted().join(" "))}`;
  return `${place}-${change}`;
}
