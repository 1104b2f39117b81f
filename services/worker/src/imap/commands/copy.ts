import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { upstreamOf } from "../failures.ts";
import type { MailboxNames } from "../names.ts";
import { numberOf, octetsOf, type StatusResponse } from "../response.ts";
import type { Copied } from "../session.ts";
import { packSets, unpackSet } from "../uid-set.ts";

/** UID COPY (RFC 9051 section 6.4.7): all of them or none. Null: the server does not tell what became of them. */
export function copy(
  connection: Connection,
  names: MailboxNames,
  uids: readonly number[],
  path: string,
): Promise<Copied | null> {
  return transfer("COPY", connection, names, uids, path);
}

/**
 * UID MOVE (RFC 6851). A message that is gone is passed over without a word: only COPYUID tells which were moved, and it
 * may come before the tagged answer.
 */
export function move(
  connection: Connection,
  names: MailboxNames,
  uids: readonly number[],
  path: string,
): Promise<Copied | null> {
  return transfer("MOVE", connection, names, uids, path);
}

async function transfer(
  name: "COPY" | "MOVE",
  connection: Connection,
  names: MailboxNames,
  uids: readonly number[],
  path: string,
): Promise<Copied | null> {
  const codes: StatusResponse[] = [];
  for (const set of packSets(uids)) {
    const refused: StatusResponse[] = [];
    const end = await names.use(path, (mailbox) =>
      connection.run({
        name,
        parts: [`UID ${name} ${set} `, mailbox],
        changes: true,
        onStatus: (response) => {
          if (response.code === "COPYUID") codes.push(response);
        },
        onRefused: (response) => refused.push(response),
      }),
    );
    if (!end) throw noDestination(path, refused.at(-1));
    if (end.code === "COPYUID") codes.push(end);
  }
  return codes.length === 0 ? null : merge(codes, uids.length);
}

function noDestination(path: string, refusal: StatusResponse | undefined): Failure {
  return new Failure("not-found", {
    detail: `There is no mailbox ${path} on the mail server.`,
    ...(refusal && { upstream: upstreamOf(refusal) }),
    outcome: "none",
  });
}

/** COPYUID (RFC 4315 section 3): UIDVALIDITY of the destination, then old and new UIDs in the same order; no more than were named. */
function merge(codes: readonly StatusResponse[], most: number): Copied | null {
  let uidValidity = 0;
  const uids = new Map<number, number>();
  for (const { codeValues } of codes) {
    const validity = numberOf(codeValues[0]);
    const from = unpackSet(octetsOf(codeValues[1]) ?? "", most);
    const to = unpackSet(octetsOf(codeValues[2]) ?? "", most);
    if (!validity || !from || !to || from.length !== to.length) return null;
    uidValidity = validity;
    for (const [at, uid] of from.entries()) uids.set(uid, to[at] ?? 0);
  }
  return { uidValidity, uids };
}
