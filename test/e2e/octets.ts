import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";

export const MEBI = 1 << 20;

/** Octets that differ everywhere, in lines as mail has them. */
export function noise(size: number): Buffer {
  const octets = Buffer.alloc(size);
  for (let at = 0, state = size; at < size; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    octets[at] = at % 80 === 78 && at < size - 1 ? 13 : at % 80 === 79 ? 10 : 33 + ((state >>> 16) % 94);
  }
  return octets;
}

interface Part {
  headers: string[];
  octets: Buffer | string;
}

export function mixed(subject: string, parts: readonly Part[]): Buffer {
  const head = [
    `Subject: ${subject}`,
    "From: ada@example.org",
    "Date: Fri, 02 Jan 2026 03:04:05 +0000",
    "MIME-Version: 1.0",
  ];
  const pieces = parts.flatMap(({ headers, octets }) => [
    Buffer.from(["--cut-here", ...headers, "", ""].join("\r\n")),
    Buffer.from(octets),
    Buffer.from("\r\n"),
  ]);
  const start = Buffer.from([...head, "Content-Type: multipart/mixed; boundary=cut-here", "", ""].join("\r\n"));
  return Buffer.concat([start, ...pieces, Buffer.from("--cut-here--\r\n")]);
}

export const lines = (octets: Buffer): string => octets.toString("base64").replace(/(.{76})/g, "$1\r\n");
export const base64 = "Content-Transfer-Encoding: base64";

/** An answer of which nothing is read before it is asked for. */
export async function open(url: string, token: string): Promise<IncomingMessage> {
  const request = get(url, { agent: false, headers: { authorization: `Bearer ${token}` } });
  const [answer] = (await once(request, "response")) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
  return answer;
}

/** All that is left of an answer. */
export async function all(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** The next octets, exactly so many. */
export async function take(answer: IncomingMessage, size: number): Promise<void> {
  for (let left = size; left > 0; ) {
    const piece = answer.read(Math.min(left, answer.readableLength || left)) as Buffer | null;
    if (piece === null) await once(answer, "readable");
    else left -= piece.length;
  }
}
