import { type ByteStream, type Call, Failure, type Input } from "@postern/protocol";
import type { FetchedMessage } from "../imap/session.ts";
import type { Core } from "./core.ts";
import { type Located, locateMessage, messageGone } from "./locate-message.ts";
import { endedEarly, readPieces } from "./pieces.ts";
import { satisfy } from "./range.ts";

/** What comes with the head: whole for most messages, whose true size is known then, whatever RFC822.SIZE says. */
const FIRST_PIECE = 64 << 10;

/** The message's octets as they are on the server. */
export async function readRaw(core: Core, input: Input<"readRaw">, call: Call): Promise<ByteStream> {
  const { account, message, range } = input;
  const beginning = range === undefined;
  const row = await locateMessage(core, { account, message, lane: "interactive", call }, (located) =>
    readHead(located, beginning),
  );
  const first = row.sections?.get("") ?? null;
  const isWhole = first !== null && first.length < FIRST_PIECE;
  const size = isWhole ? first.length : (row.size ?? 0);
  if (first !== null && first.length > size) throw wrongSize();
  const octets = range === undefined ? null : satisfy(range, size);
  const wanted = {
    account,
    message,
    section: "",
    first: octets?.first ?? first?.length ?? 0,
    last: octets?.last ?? size - 1,
  };
  return {
    head: {
      size,
      range: octets,
      contentType: "message/rfc822",
      filename: null,
      etag: `raw-${message}`,
      lastModified: row.internalDate?.toISOString() ?? null,
    },
    body: octets === null ? withFirst(first, size, readPieces(core, wanted, call)) : readPieces(core, wanted, call),
  };
}

async function readHead({ session, uid }: Located, beginning: boolean): Promise<FetchedMessage> {
  const sections = beginning ? [{ section: "", limit: FIRST_PIECE }] : [];
  const rows = await session.fetch({ uids: [uid] }, { size: true, internalDate: true, sections });
  const row = rows.find((found) => found.uid === uid);
  if (!row) throw messageGone();
  return row;
}

async function* withFirst(
  first: Uint8Array | null,
  size: number,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first === null && size > 0) throw endedEarly();
  if (first !== null && first.length > 0) yield first;
  yield* rest;
}

function wrongSize(): Failure {
  return new Failure("upstream-protocol", { detail: "The message is longer than the mail server says." });
}
