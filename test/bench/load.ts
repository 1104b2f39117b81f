import { readFileSync } from "node:fs";
import autocannon from "autocannon";

export interface Rate {
  /** Answers a second. */
  perSecond: number;
  /** Milliseconds: the median, and the one that one in a hundred is slower than. */
  p50: number;
  p99: number;
  /** Milliseconds of CPU that the servers spent on one answer; null where it is not known. */
  cpu: number | null;
}

export interface Target {
  url: string;
  headers?: Record<string, string>;
  /** The only status that counts: a fast error is no answer. */
  status?: number;
  /** Posted as JSON where given. */
  body?: unknown;
  /** The servers' processes, without the mail server. */
  pids?: readonly number[];
}

/** So many clients ask one thing over and over for a while. */
export async function load(target: Target, clients: number, seconds: number): Promise<Rate> {
  const { url, headers = {}, status = 200, body, pids = [] } = target;
  const post = body !== undefined && {
    method: "POST" as const,
    body: JSON.stringify(body),
    headers: { ...headers, "content-type": "application/json" },
  };
  await autocannon({ url, headers, connections: clients, duration: 1, ...post });
  const before = cpuOf(pids);
  const result = await autocannon({ url, headers, connections: clients, duration: seconds, ...post });
  const cpu = cpuOf(pids) - before;
  const answers = result.statusCodeStats?.[`${status}`]?.count ?? 0;
  if (answers === 0 || answers < result.requests.total - clients || result.errors > 0)
    throw new Error(`${url}: ${JSON.stringify(result.statusCodeStats)}, ${result.errors} errors`);
  const { p50, p99 } = result.latency;
  return { perSecond: answers / result.duration, p50, p99, cpu: pids.length > 0 ? cpu / answers : null };
}

/** Milliseconds of user and system time so far (proc(5): clock ticks of 10 ms). */
function cpuOf(pids: readonly number[]): number {
  return pids
    .map((pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [])
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * 10, 0);
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
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
  return { perSecond: times.length / total, p50: at(0.5), p99: at(0.99), cpu: null };
}
