import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Made, Makings } from "../mail/rows/make-body.ts";

export interface BenchOptions {
  /** Of the thread's own time: a machine that is busy otherwise does not make a message one that takes too long. */
  cpuMs: number;
  /** Of the thread's heap. */
  memoryMb: number;
  /** What runs there. */
  thread: URL;
}

/** Whatever the thread waits for. */
const WALL_MS = 20_000;
const LOOK_MS = 100;

type Answer = { ready: true } | { made: Made };

/** A thread that makes one message at a time. What asks too much of it is its end. */
export class Bench {
  private readonly thread: Worker;
  private readonly cpuMs: number;
  private readonly ready: Promise<unknown>;
  isOver = false;

  constructor({ cpuMs, memoryMb, thread }: BenchOptions) {
    this.cpuMs = cpuMs;
    this.thread = new Worker(thread, { resourceLimits: { maxOldGenerationSizeMb: memoryMb } });
    this.thread.once("exit", () => (this.isOver = true));
    this.ready = once(this.thread, "message");
    this.ready.catch(() => undefined);
  }

  /** Null: too much time, or too much memory. */
  async make(makings: Makings): Promise<Made | null> {
    this.thread.ref();
    await this.ready;
    const looking = new AbortController();
    try {
      const answer = once(this.thread, "message", { signal: looking.signal });
      const { copy, buffers } = handedOver(makings);
      this.thread.postMessage(copy, buffers);
      const first: unknown[] | null = await Promise.race([answer, this.tooLong(looking.signal)]);
      if (first !== null) return madeOf(first[0] as Answer);
      this.end();
      return null;
    } catch (error) {
      this.end();
      if (isOutOfMemory(error)) return null;
      throw error;
    } finally {
      looking.abort();
      this.thread.unref();
    }
  }

  /** Not waited for: a thread at the end of its memory takes its time. */
  end(): void {
    this.isOver = true;
    this.thread.terminate().catch(() => undefined);
  }

  /** Resolves when the thread has used up its time, and never once it is not looked at any more. */
  private tooLong(signal: AbortSignal): Promise<null> {
    return new Promise((resolve) => {
      const wall = setTimeout(() => resolve(null), WALL_MS);
      const before = this.used();
      const look = setInterval(() => {
        void this.hasUsed(before).then((isTooMuch) => isTooMuch && resolve(null));
      }, LOOK_MS);
      signal.addEventListener("abort", () => {
        clearTimeout(wall);
        clearInterval(look);
      });
    });
  }

  private async hasUsed(before: Promise<number>): Promise<boolean> {
    return (await this.used()) - (await before) > this.cpuMs;
  }

  /** Nothing, of a thread that has just ended: that tells by itself. */
  private async used(): Promise<number> {
    try {
      const { user, system } = await this.thread.cpuUsage();
      return (user + system) / 1_000;
    } catch {
      return 0;
    }
  }
}

function madeOf(answer: Answer): Made {
  if ("made" in answer) return answer.made;
  throw new Error("the thread answered what it was not asked");
}

/** Octets in memory of their own: they are parts of what came over the wire, which would be copied whole. */
function handedOver(makings: Makings): { copy: Makings; buffers: ArrayBuffer[] } {
  const octets = new Map([...makings.octets].map(([section, each]) => [section, new Uint8Array(each)]));
  return { copy: { ...makings, octets }, buffers: [...octets.values()].map(({ buffer }) => buffer) };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}
