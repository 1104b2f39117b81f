import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { Failure } from "@postern/protocol";
import type { Workshop } from "../mail/ports.ts";
import { Bench, type BenchOptions } from "./bench.ts";

/** After so long without work a thread ends. */
const IDLE_MS = 30_000;

interface LiveWorkshop extends Workshop {
  close(): void;
}

interface WorkshopOptions extends Partial<BenchOptions> {
  /** Threads. */
  most?: number;
}

/** Threads are made when they are needed, up to one for each processor but no more than four; work waits its turn. */
export function createWorkshop({
  most = Math.min(4, availableParallelism()),
  cpuMs = 2_000,
  memoryMb = 256,
  thread = new URL("./thread.ts", import.meta.url),
}: WorkshopOptions = {}): LiveWorkshop {
  const idle: Bench[] = [];
  const waiting: (() => void)[] = [];
  let busy = 0;
  let idling: NodeJS.Timeout | undefined;

  const enter = async (signal: AbortSignal): Promise<void> => {
    if (busy >= most) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      await promise;
    } else busy += 1;
    if (!signal.aborted) return;
    leave();
    throw new Failure("cancelled", { detail: "Nobody waits for the message any more." });
  };

  /** Whoever waits longest takes the place over. */
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else busy -= 1;
  };

  const endIdle = (): void => {
    for (const bench of idle.splice(0)) bench.end();
  };

  const takeBench = (): Bench => {
    for (let bench = idle.pop(); bench; bench = idle.pop()) if (!bench.isOver) return bench;
    return new Bench({ cpuMs, memoryMb, thread });
  };

  return {
    make: async (makings, signal) => {
      await enter(signal);
      const bench = takeBench();
      try {
        return await bench.make(makings);
      } finally {
        if (!bench.isOver) idle.push(bench);
        clearTimeout(idling);
        idling = setTimeout(endIdle, IDLE_MS).unref();
        leave();
      }
    },
    turn: () => setImmediate(),
    close: () => {
      clearTimeout(idling);
      endIdle();
    },
  };
}
