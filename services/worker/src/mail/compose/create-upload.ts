import { type Call, Failure, type Input, type Octets, type Output } from "@postern/protocol";
import type { UploadRecord, UploadStore } from "@postern/store";
import type { Core } from "../core.ts";
import { accountRef } from "../open-mailbox.ts";

/** How long an upload waits to be used. */
const LIVES_MS = 24 * 3_600_000;
/** Of an account's uploads together. */
const MOST_OCTETS = 256 << 20;
const PIECE = 256 << 10;

/** Takes octets in, for messages that are composed within a day. */
export async function createUpload(
  core: Core,
  { account, contentType, filename }: Input<"createUpload">,
  _: Call,
  body: Octets,
): Promise<Output<"createUpload">> {
  await accountRef(core, account);
  const spooled = await core.spool.take(body);
  try {
    const expiresAt = Date.now() + LIVES_MS;
    const record: UploadRecord = { id: newUploadId(), size: spooled.size, contentType, filename, expiresAt };
    if (!(await core.uploads.begin(account, record, MOST_OCTETS))) throw full();
    await fill(core.uploads, account, record, spooled.octets());
    return { ...record, expiresAt: new Date(expiresAt).toISOString() };
  } finally {
    await spooled.release();
  }
}

async function fill(uploads: UploadStore, account: string, record: UploadRecord, octets: Octets): Promise<void> {
  let number = 0;
  try {
    for await (const piece of piecesOf(octets)) {
      await uploads.put(account, record, number, piece);
      number += 1;
    }
    if (!(await uploads.finish(account, record.id))) throw new Failure("not-found", { detail: "The account is gone." });
  } catch (error) {
    await uploads.remove(account, record.id).catch(() => undefined);
    throw error;
  }
}

async function* piecesOf(octets: Octets): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of octets) {
    held.push(chunk);
    size += chunk.length;
    if (size < PIECE) continue;
    yield joined(held, size);
    held = [];
    size = 0;
  }
  if (size > 0) yield joined(held, size);
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** 26 characters, 130 random bits. */
function newUploadId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(26)), (byte) => alphabet.charAt(byte % 32));
  return `upl_${letters.join("")}`;
}

function full(): Failure {
  return new Failure("payload-too-large", {
    detail: `Uploads that wait to be used may take ${MOST_OCTETS} octets together in an account.`,
    outcome: "none",
  });
}
