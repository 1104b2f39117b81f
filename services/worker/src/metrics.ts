import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CommandReport } from "./imap/index.ts";

export interface WorkerMetrics {
  command(report: CommandReport): void;
  /** One operation, and how it failed if it did. */
  called(operation: string, failure: string | undefined): void;
  waited(ms: number): void;
  cache(hits: number, misses: number): void;
}

/** Sessions by the state they are in, and jobs that wait for one. */
export interface PoolCounts {
  states: Readonly<Record<string, number>>;
  waiting: number;
}

/** What is counted when it is asked for. */
export interface Counts {
  pools: () => PoolCounts;
  accounts: () => { owned: number; followed: number };
}

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30];

/** What an operator asks a worker. Never by account: that would be a series for each. */
export function workerMetrics(registry: Registry, { pools, accounts }: Counts): WorkerMetrics {
  const registers = [registry];
  const commands = new Histogram({
    name: "postern_imap_command_seconds",
    help: "Time from an IMAP command to its tagged answer.",
    labelNames: ["command", "ok"],
    buckets: SECONDS,
    registers,
  });
  const bytes = new Counter({
    name: "postern_imap_received_bytes_total",
    help: "Octets received from mail servers.",
    registers,
  });
  const waits = new Histogram({
    name: "postern_session_wait_seconds",
    help: "Time a job waited for an IMAP session.",
    buckets: SECONDS,
    registers,
  });
  const facts = new Counter({
    name: "postern_cache_reads_total",
    help: "Facts of messages looked up in the cache.",
    labelNames: ["found"],
    registers,
  });
  const calls = new Counter({
    name: "postern_calls_total",
    help: "Operations performed, by their outcome.",
    labelNames: ["operation", "outcome"],
    registers,
  });
  watchPools(registers, pools);
  new Gauge({
    name: "postern_accounts",
    help: "Accounts that this process acts for, and those of them that somebody follows.",
    labelNames: ["state"],
    registers,
    collect() {
      for (const [state, count] of Object.entries(accounts())) this.set({ state }, count);
    },
  });
  return {
    command: ({ name, ms, bytes: received, ok }) => {
      commands.observe({ command: name, ok: String(ok) }, ms / 1_000);
      bytes.inc(received);
    },
    called: (operation, failure) => calls.inc({ operation, outcome: failure ?? "ok" }),
    waited: (ms) => waits.observe(ms / 1_000),
    cache: (hits, misses) => {
      if (hits > 0) facts.inc({ found: "true" }, hits);
      if (misses > 0) facts.inc({ found: "false" }, misses);
    },
  };
}

function watchPools(registers: Registry[], pools: () => PoolCounts): void {
  new Gauge({
    name: "postern_sessions",
    help: "IMAP sessions by state.",
    labelNames: ["state"],
    registers,
    collect() {
      this.reset();
      for (const [state, count] of Object.entries(pools().states)) this.set({ state }, count);
    },
  });
  new Gauge({
    name: "postern_session_waiters",
    help: "Jobs waiting for an IMAP session.",
    registers,
    collect() {
      this.set(pools().waiting);
    },
  });
}
