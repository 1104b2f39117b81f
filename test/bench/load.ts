import { Pool } from "undici";

export interface Rate {
  /** Answers a second. */
  perSecond: number;
  /** Milliseconds: the median, and the one that one in a hundred is slower than. */
  p50: number;
  p99: number;
}

export interface Target {
  url: string;
  headers?: Record<string, string>;
}

/** So many clients ask one thing over and over for a while. Anything but 200 (or 304) ends the run: a fast error is no answer. */
export async function load(target: Target, clients: number, seconds: number): Promise<Rate> {
  const { origin, pathname, search } = new URL(target.url);
  const pool = new Pool(origin, { connections: clients, pipelining: 1 });
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const started = performance.now();
      const response = await pool.request({ method: "GET", path: pathname + search, headers: target.headers ?? null });
      await response.body.dump({ limit: 1 << 30 });
      if (response.statusCode !== 200 && response.statusCode !== 304)
        throw new Error(`${target.url}: ${response.statusCode}`);
      times.push(performance.now() - started);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  const elapsed = (performance.now() - started) / 1_000;
  await pool.close();
  times.sort((a, b) => a - b);
  return { perSecond: times.length / elapsed, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** How often work can be done one after another in a while. */
export async function repeat(work: () => Promise<void>, seconds: number): Promise<Rate> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  const total = times.reduce((sum, time) => sum + time, 0) / 1_000;
  times.sort((a, b) => a - b);
  return { perSecond: times.length / total, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
