/** Header sections are shorter than this, and whose Message-ID stands further down does without it. */
const MOST = 256 << 10;

const latin1 = new TextDecoder("latin1");

/** The Message-ID of a message with its angle brackets; null where none can be read. */
export async function messageIdOf(octets: AsyncIterable<Uint8Array>): Promise<string | null> {
  let head = "";
  for await (const chunk of octets) {
    head += latin1.decode(chunk);
    if (head.length > MOST || /\r?\n\r?\n/.test(head)) break;
  }
  const [header = ""] = head.split(/\r?\n\r?\n/, 1);
  return /^message-id:\s*(<[!-;=?-~]{1,900}>)/im.exec(header)?.[1] ?? null;
}
