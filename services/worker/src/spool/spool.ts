import { randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@postern/protocol";
import type { Spool, Spooled } from "../mail/ports.ts";

/** What is small stays in memory. */
const IN_MEMORY = 256 << 10;
const CHUNK = 64 << 10;

export interface SpoolOptions {
  /** Octets of one thing. */
  most: number;
  /** Octets of all things that are held at a time. */
  mostInAll?: number;
  folder?: string;
}

/**
 * Holds octets until they are needed, on disk where they are many. A slow sender then keeps no connection to a mail server
 * waiting, and how many there are is known before the first is sent on. Files have no name: whatever becomes of this
 * process, nothing is left of them.
 */
export function createSpool({ most, mostInAll = 32 * most, folder = tmpdir() }: SpoolOptions): Spool {
  let held = 0;
  return {
    take: async (source) => {
      const keeper = new Keeper(folder);
      const release = async (): Promise<void> => {
        held -= keeper.size;
        await keeper.close();
      };
      try {
        for await (const chunk of source) {
          if (keeper.size + chunk.length > most) throw tooLarge(most);
          if (held + chunk.length > mostInAll) throw full();
          held += chunk.length;
          await keeper.add(chunk);
        }
      } catch (error) {
        await release();
        throw error;
      }
      return keeper.spooled(release);
    },
  };
}

class Keeper {
  size = 0;
  private chunks: Uint8Array[] = [];
  private file: FileHandle | null = null;
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.size += chunk.length;
    if (this.file) return writeWhole(this.file, [chunk]);
    this.chunks.push(chunk);
    if (this.size <= IN_MEMORY) return;
    this.file = await openNameless(this.folder);
    await writeWhole(this.file, this.chunks);
    this.chunks = [];
  }

  spooled(release: () => Promise<void>): Spooled {
    const { size, file, chunks } = this;
    return { size, octets: () => (file ? readFrom(file, size) : inMemory(chunks)), release };
  }

  async close(): Promise<void> {
    this.chunks = [];
    await this.file?.close();
  }
}

async function openNameless(folder: string): Promise<FileHandle> {
  const path = join(folder, `postern-spool-${randomUUID()}`);
  const file = await open(path, "wx+", 0o600);
  await unlink(path);
  return file;
}

/** A write may take less than it is given. */
async function writeWhole(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) from += (await file.write(chunk, from)).bytesWritten;
  }
}

async function* readFrom(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < size; ) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw new Error("a spooled file is shorter than it was");
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* inMemory(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function tooLarge(most: number): Failure {
  return new Failure("payload-too-large", {
    detail: `At most ${most} octets are taken.`,
    outcome: "none",
  });
}

function full(): Failure {
  const detail = "Too much is being uploaded at this moment.";
  return new Failure("unavailable", { detail, retryAfter: 5, outcome: "none" });
}
