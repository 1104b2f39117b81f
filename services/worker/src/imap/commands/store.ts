import { isFailure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { octetsOf, type StatusResponse } from "../response.ts";
import type { Abilities, FetchedMessage, FlagChange, Stored } from "../session.ts";
import { packSets, unpackSet } from "../uid-set.ts";
import { takeRow } from "./fetch.ts";

/** UIDs that one MODIFIED may name. */
const MOST = 1_000_000;

/**
 * UID STORE (RFC 9051 section 6.4.6). With `unchangedSince` (RFC 7162 section 3.1.3) what was changed later is left as it is
 * and told in `modified`, whether the server says so with OK or with NO.
 */
export async function store(
  connection: Connection,
  abilities: Abilities,
  uids: readonly number[],
  change: FlagChange,
  unchangedSince?: bigint,
): Promise<Stored> {
  const rows = new Map<number, FetchedMessage>();
  const modified: number[] = [];
  const asked = new Set(uids);
  const condition = unchangedSince === undefined ? "" : ` (UNCHANGEDSINCE ${unchangedSince})`;
  for (const set of packSets(uids)) {
    const refused: { response: StatusResponse | null } = { response: null };
    try {
      const end = await connection.run({
        name: "STORE",
        parts: [`UID STORE ${set}${condition} ${itemOf(change)}`],
        changes: true,
        onData: (response) => {
          if (response.name === "FETCH") takeRow(rows, response, { flags: true }, (uid) => asked.has(uid));
        },
        onRefused: (response) => {
          refused.response = response;
        },
      });
      modified.push(...modifiedIn(end));
    } catch (error) {
      if (!isFailure(error) || refused.response?.code !== "MODIFIED") throw error;
      modified.push(...modifiedIn(refused.response));
    }
  }
  // A row without MODSEQ, where there should be one, is news of something else that came meanwhile.
  const whole = (row: FetchedMessage): boolean =>
    row.flags !== undefined && (row.modseq != null || !abilities.condstore);
  return { rows: [...rows.values()].filter(whole), modified };
}

function itemOf(change: FlagChange): string {
  if ("add" in change) return `+FLAGS (${change.add.join(" ")})`;
  return "remove" in change ? `-FLAGS (${change.remove.join(" ")})` : `FLAGS (${change.set.join(" ")})`;
}

function modifiedIn({ code, codeValues }: StatusResponse): number[] {
  return code === "MODIFIED" ? (unpackSet(octetsOf(codeValues[0]) ?? "", MOST) ?? []) : [];
}
