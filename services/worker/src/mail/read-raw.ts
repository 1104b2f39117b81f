import type { ByteStream, Call, Input } from "@postern/protocol";
import type { Core } from "./core.ts";
import { type Located, locateMessage, messageGone } from "./locate-message.ts";
import { provenSize, readPieces } from "./pieces.ts";
import { satisfy } from "./range.ts";

/** What comes with the head: whole for most messages. */
const FIRST_PIECE = 64 << 10;

interface Head {
  receivedAt: Date | null;
  /** Null: the server tells a wrong one. */
  size: number | null;
  /** The message's beginning, where it was asked for. */
  first: Uint8Array;
}

/** The message's octets as they are on the server. Where their number is not known, a range cannot be made out and all come. */
export async function readRaw(core: Core, input: Input<"readRaw">, call: Call): Promise<ByteStream> {
  const { account, message, range } = input;
  const { first, size, receivedAt } = await locateMessage(
    core,
    { account, message, lane: "interactive", call },
    (located) => readHead(located, range === undefined),
  );
  const octets = range === undefined || size === null ? null : satisfy(range, size);
  const wanted = {
    account,
    message,
    section: "",
    first: octets?.first ?? first.length,
    last: octets?.last ?? (size === null ? null : size - 1),
  };
  const rest = readPieces(core, wanted, call);
  return {
    head: {
      size,
      range: octets,
      contentType: "message/rfc822",
      filename: null,
      etag: `raw-${message}`,
      lastModified: receivedAt?.toISOString() ?? null,
    },
    body: first.length > 0 ? join(first, rest) : rest,
  };
}

async function readHead(located: Located, beginning: boolean): Promise<Head> {
  const { session, uid } = located;
  const sections = beginning ? [{ section: "", limit: FIRST_PIECE }] : [];
  const rows = await session.fetch({ uids: [uid] }, { size: true, internalDate: true, sections });
  const row = rows.find((found) => found.uid === uid);
  if (!row) throw messageGone();
  const first = row.sections?.get("") ?? new Uint8Array(0);
  const told = row.size ?? 0;
  const receivedAt = row.internalDate ?? null;
  if (beginning && first.length < FIRST_PIECE) {
    const size = first.length === told ? told : await provenSize(located, "", first.length);
    return { receivedAt, size, first };
  }
  return { receivedAt, size: first.length > told ? null : await provenSize(located, "", told), first };
}

async function* join(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}
