import type { Connection } from "../connection.ts";
import { listOf, numberOf, octetsOf } from "../response.ts";
import { sectionOctets } from "./fetch.ts";

/** Part of one section of one message: `BODY.PEEK[section]<offset.length>`. Null: the message is not there (any more). */
export async function fetchPiece(
  connection: Connection,
  uid: number,
  section: string,
  offset: number,
  length: number,
): Promise<Uint8Array | null> {
  let piece: Uint8Array | null = null;
  await connection.run({
    name: "FETCH",
    parts: [`UID FETCH ${uid} (UID BODY.PEEK[${section}]<${offset}.${length}>)`],
    onData: (response) => {
      if (response.name !== "FETCH") return;
      const values = listOf(response.values[0]);
      const names = values.map((value, at) => (at % 2 === 0 ? (octetsOf(value) ?? "").toUpperCase() : ""));
      const bodyAt = names.findIndex((name) => name.startsWith(`BODY[${section.toUpperCase()}]`));
      const uidAt = names.indexOf("UID");
      // Another message's octets must never pass for this one's, whatever the server sends.
      if (bodyAt < 0 || uidAt < 0 || numberOf(values[uidAt + 1]) !== uid) return;
      piece = sectionOctets(values[bodyAt + 1] ?? null) ?? new Uint8Array(0);
    },
  });
  return piece;
}
