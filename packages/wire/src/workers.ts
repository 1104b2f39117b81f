import type { WorkerAddress } from "./misdirected.ts";

interface Registry {
  announce(entry: WorkerAddress, ttlMs: number): Promise<void>;
  withdraw(id: string): Promise<void>;
  live(): Promise<WorkerAddress[]>;
}

export interface Announcement {
  /** Rejects when the first announcement could not be made. */
  started: Promise<void>;
  /** Stops announcing and takes the entry back, so that gateways look elsewhere at once. */
  withdraw(): Promise<void>;
}

/** A worker is listed for this long after it was last heard of. */
export const TIME_TO_LIVE_MS = 6_000;
const EVERY_MS = 2_000;

/** Keeps a worker's entry alive until it is withdrawn. A registry that is away for a while is simply told again. */
export function announceWorker(registry: Registry, entry: WorkerAddress): Announcement {
  const announce = (): Promise<void> => registry.announce(entry, TIME_TO_LIVE_MS);
  const timer = setInterval(() => void announce().catch(() => undefined), EVERY_MS);
  return {
    started: announce(),
    withdraw: async () => {
      clearInterval(timer);
      await registry.withdraw(entry.id).catch(() => undefined);
    },
  };
}

export interface WorkerList {
  current(): readonly WorkerAddress[];
  refresh(): Promise<void>;
  close(): void;
}

/** Follows who lives. While the registry is away, those last known are still the best guess. */
export function followWorkers(registry: Registry, everyMs = 1_000): WorkerList {
  let known: readonly WorkerAddress[] = [];
  const refresh = async (): Promise<void> => {
    const living = await registry.live();
    // The same list stays the same object: what others have worked out for it holds on.
    if (JSON.stringify(living) !== JSON.stringify(known)) known = living;
  };
  const timer = setInterval(() => void refresh().catch(() => undefined), everyMs);
  return { current: () => known, refresh, close: () => clearInterval(timer) };
}
