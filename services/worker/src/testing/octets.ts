import type { ByteStream } from "@postern/protocol";

/** All that is left of a stream. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Reads a stream piece by piece, as its reader has time. */
export function slowly({ body }: ByteStream): {
  next(): Promise<Uint8Array | null>;
  rest(): Promise<Buffer>;
  leave(): Promise<void>;
} {
  const iterator = body[Symbol.asyncIterator]();
  const next = async (): Promise<Uint8Array | null> => {
    const { done, value } = await iterator.next();
    return done ? null : value;
  };
  const rest = async (): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    for (let piece = await next(); piece !== null; piece = await next()) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  return {
    next,
    rest,
    leave: async () => {
      await iterator.return?.();
    },
  };
}

/** Octets that are different everywhere, in lines as mail has them, always the same for one size. */
export function noise(size: number, seed = 1): Buffer {
  const octets = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    octets[at] = at % 80 === 78 ? 13 : at % 80 === 79 ? 10 : 33 + ((state >>> 16) % 94);
  }
  // No half line end at the end, which servers would make a whole one.
  if (size > 0 && octets[size - 1] === 13) octets[size - 1] = 33;
  return octets;
}
