import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Client, type Target } from "./sockets.ts";

export interface Rate {
  /** Answers a second. */
  perSecond: number;
  /** Milliseconds: the median, and the one that one in a hundred is slower than. */
  p50: number;
  p99: number;
  /** Milliseconds of CPU that the servers spent on one answer; null where it is not known. */
  cpu: number | null;
}

/** One stretch of measuring. */
export interface Sample {
  times: number[];
  seconds: number;
  cpuMs: number | null;
}

export type Run = (seconds: number) => Promise<Sample>;

/** So many clients ask one thing over and over for a while. */
export function load({ pids, ...target }: Target, clients: number): Run {
  return async (seconds) => {
    const all = Array.from({ length: clients }, () => new Client(target));
    await setTimeout(WARM_MS);
    for (const { times } of all) times.length = 0;
    const before = cpuOf(pids ?? []);
    const started = performance.now();
    await setTimeout(seconds * 1_000);
    const times = all.flatMap((client) => client.times);
    const took = (performance.now() - started) / 1_000;
    const cpuMs = pids ? cpuOf(pids) - before : null;
    await Promise.all(all.map((client) => client.stop()));
    return { times, seconds: took, cpuMs };
  };
}

const WARM_MS = 500;

/** How often work can be done one after another in a while. */
export function repeat(work: () => Promise<void>): Run {
  return async (seconds) => {
    const times: number[] = [];
    const started = performance.now();
    while (performance.now() < started + seconds * 1_000) {
      const begun = performance.now();
      await work();
      times.push(performance.now() - begun);
    }
    return { times, seconds: (performance.now() - started) / 1_000, cpuMs: null };
  };
}

const SLICES = 4;

/** In turns, so that whatever else the machine does is shared by all. */
export async function inTurns<N extends string>(runs: Record<N, Run>, seconds: number): Promise<Record<N, Rate>> {
  const samples = new Map<string, Sample[]>();
  for (let slice = 0; slice < SLICES; slice += 1)
    for (const [name, run] of Object.entries<Run>(runs))
      samples.set(name, [...(samples.get(name) ?? []), await run(seconds / SLICES)]);
  return Object.fromEntries([...samples].map(([name, of]) => [name, rateOf(of)])) as Record<N, Rate>;
}

function rateOf(samples: readonly Sample[]): Rate {
  const times = samples.flatMap((sample) => sample.times).sort((a, b) => a - b);
  const sum = (of: (sample: Sample) => number): number => samples.reduce((total, sample) => total + of(sample), 0);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  const isKnown = samples.every(({ cpuMs }) => cpuMs !== null);
  return {
    perSecond: times.length / sum(({ seconds }) => seconds),
    p50: at(0.5),
    p99: at(0.99),
    cpu: isKnown ? sum(({ cpuMs }) => cpuMs ?? 0) / times.length : null,
  };
}

/** Milliseconds of user and system time so far (proc(5): clock ticks of 10 ms). */
function cpuOf(pids: readonly number[]): number {
  return pids
    .map((pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [])
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * 10, 0);
}
