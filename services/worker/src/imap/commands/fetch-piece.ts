import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { listOf, octetsOf, type Value } from "../response.ts";
import { findUid, runFetch } from "./fetch.ts";
import { comparable, readSectionName, sectionItem, sectionOctets } from "./section.ts";

/** Part of one section of one message: `BODY.PEEK[section]<offset.length>`. Null: the message is not there (any more). */
export async function fetchPiece(
  connection: Connection,
  uid: number,
  section: string,
  offset: number,
  length: number,
): Promise<Uint8Array | null> {
  let piece: Uint8Array | null = null;
  const wanted = comparable(section);
  const items = `UID ${sectionItem(section, { offset, length })}`;
  await runFetch(connection, `UID FETCH ${uid} (${items})`, (response) => {
    const values = listOf(response.values[0]);
    // Another message's octets must never pass for this one's, whatever the server sends.
    if (findUid(values) !== uid) return;
    for (let at = 0; at + 1 < values.length; at += 2) {
      const name = readSectionName(octetsOf(values[at]) ?? "");
      if (name?.section === wanted) piece = cut(values[at + 1] ?? null, name.origin, offset, length);
    }
  });
  return piece;
}

/** A server that cannot send a part sends the whole; one that sends another part must not be believed. */
function cut(value: Value, origin: number | null, offset: number, length: number): Uint8Array {
  const octets = sectionOctets(value) ?? new Uint8Array(0);
  if (origin === null) return octets.subarray(offset, offset + length);
  if (origin === offset) return octets.subarray(0, length);
  throw new Failure("upstream-protocol", {
    detail: "The mail server sent another part of the message than it was asked for.",
  });
}
