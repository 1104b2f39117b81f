import { type ByteStream, type Call, Failure, type Input } from "@postern/protocol";
import type { Structure } from "../imap/session.ts";
import { decodePieces, encodingOf, filenameOf, leavesOf } from "./content/index.ts";
import type { Core } from "./core.ts";
import { type Located, locateMessage, messageGone } from "./locate-message.ts";
import { provenSize, readPieces } from "./pieces.ts";
import { satisfy } from "./range.ts";
import { readFacts } from "./rows/facts.ts";

const SIZE_TTL_SECONDS = 30 * 24 * 3600;

interface Found {
  leaf: Structure;
  /** Of what is not encoded. Null: it is encoded, or the server tells a wrong one. */
  size: number | null;
  receivedAt: number | null;
  /** Under which the decoded size is kept. */
  cacheKey: string;
}

/** One leaf part with its transfer encoding undone, and nothing else. */
export async function readPart(core: Core, input: Input<"readPart">, call: Call): Promise<ByteStream> {
  const { account, message, part, range } = input;
  const found = await locateMessage(core, { account, message, lane: "interactive", call }, (located) =>
    findPart(core, located, part, call),
  );
  const { leaf } = found;
  const last = found.size === null ? null : found.size - 1;
  const section = { account, message, section: part, first: 0, last, ...(isEncoded(leaf) && { least: leaf.size }) };
  const whole = (): AsyncGenerator<Uint8Array> => decodePieces(readPieces(core, section, call), leaf.encoding);
  const size = range === undefined ? await knownSize(core, account, found) : await sizeOf(core, account, found, whole);
  const octets = range === undefined || size === null ? null : satisfy(range, size);
  return {
    head: {
      size,
      range: octets,
      contentType: contentTypeOf(leaf),
      filename: filenameOf(leaf),
      etag: `part-${part}-${message}`,
      lastModified: found.receivedAt === null ? null : new Date(found.receivedAt).toISOString(),
    },
    body: octets === null ? whole() : slice(core, section, leaf, octets, whole, call),
  };
}

async function findPart(core: Core, located: Located, part: string, call: Call): Promise<Found> {
  const { uid, record, state, account } = located;
  const facts = (await readFacts(core.facts, located, [uid], ["structure", "internalDate"], call)).get(uid);
  if (!facts?.structure) throw messageGone();
  const leaf = leavesOf(facts.structure).find(({ structure }) => structure.part === part);
  if (!leaf) throw new Failure("not-found", { detail: "The message has no such part." });
  // What is cached says nothing of whether the message is still there: this does.
  const size = await (isEncoded(leaf.structure) ? present(located) : provenSize(located, part, leaf.structure.size));
  const cacheKey = `size1.${account.key}.${record.key}.${state.uidValidity}.${uid}.${part}`;
  return { leaf: leaf.structure, size, receivedAt: facts.internalDate ?? null, cacheKey };
}

async function present({ session, uid }: Located): Promise<null> {
  if ((await session.fetch({ uids: [uid] }, {})).length === 0) throw messageGone();
  return null;
}

function isEncoded({ encoding }: Structure): boolean {
  return encodingOf(encoding) !== "identity";
}

/** `text/html; charset=koi8-r`: the octets are not converted, so their charset is told. */
function contentTypeOf({ type, parameters }: Structure): string {
  const { charset } = parameters;
  const isToken = charset !== undefined && /^[!#$%&'*+.^_`|~\w-]{1,80}$/.test(charset);
  const safeType = /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}$/.test(type) ? type : "application/octet-stream";
  return isToken && safeType.startsWith("text/") ? `${safeType}; charset=${charset}` : safeType;
}

/** The server's count is of encoded octets: it is the size of what is sent only where nothing is encoded. */
async function knownSize(core: Core, account: string, { size, cacheKey }: Found): Promise<number | null> {
  if (size !== null) return size;
  const [kept] = await core.cache.getMany(account, [cacheKey]);
  const number = kept ? Number(new TextDecoder().decode(kept)) : Number.NaN;
  return Number.isSafeInteger(number) ? number : null;
}

/** A range needs the size of the whole, and the size of what was encoded needs reading it once. It is kept for the next range. */
async function sizeOf(
  core: Core,
  account: string,
  found: Found,
  whole: () => AsyncGenerator<Uint8Array>,
): Promise<number> {
  const known = await knownSize(core, account, found);
  if (known !== null) return known;
  let size = 0;
  for await (const piece of whole()) size += piece.length;
  await core.cache.setMany(account, [[found.cacheKey, new TextEncoder().encode(String(size))]], SIZE_TTL_SECONDS);
  return size;
}

/** What is not encoded is read from where the range begins; what is, from its beginning. */
async function* slice(
  core: Core,
  section: { account: string; message: string; section: string },
  leaf: Structure,
  { first, last }: { first: number; last: number },
  whole: () => AsyncGenerator<Uint8Array>,
  call: Call,
): AsyncGenerator<Uint8Array> {
  if (!isEncoded(leaf)) {
    yield* readPieces(core, { ...section, first, last }, call);
    return;
  }
  let at = 0;
  for await (const piece of whole()) {
    const from = Math.max(0, first - at);
    const to = Math.min(piece.length, last + 1 - at);
    if (from < to) yield piece.subarray(from, to);
    at += piece.length;
    if (at > last) return;
  }
}
