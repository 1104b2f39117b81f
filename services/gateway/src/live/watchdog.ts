/** A stream that somebody reads. */
export interface Stream {
  /** Who opened it: while this is no longer valid, it is to end. */
  actor: string;
  /** Since when what was written has not been taken (epoch milliseconds); null: it has. */
  stuckSince: () => number | null;
  end(why: "revoked" | "slow"): void;
}

const EVERY_MS = 2_000;
const PATIENCE_MS = 30_000;

export interface Watchdog {
  add(stream: Stream): () => void;
  readonly size: number;
  close(): void;
}

/** Ends streams whose token is valid no longer, and those whose readers do not read. */
export function createWatchdog(isValid: (actor: string) => Promise<boolean>, now: () => number = Date.now): Watchdog {
  const streams = new Set<Stream>();
  const look = async (): Promise<void> => {
    for (const stream of streams) {
      const since = stream.stuckSince();
      if (since !== null && now() - since > PATIENCE_MS) stream.end("slow");
    }
    const byActor = Map.groupBy(streams, ({ actor }) => actor);
    for (const [actor, theirs] of byActor) {
      // While the store is away nobody is cut off by mistake.
      if (await isValid(actor).catch(() => true)) continue;
      for (const stream of theirs) stream.end("revoked");
    }
  };
  const timer = setInterval(() => void look(), EVERY_MS);
  timer.unref();
  return {
    get size() {
      return streams.size;
    },
    add: (stream) => {
      streams.add(stream);
      return () => void streams.delete(stream);
    },
    close: () => clearInterval(timer),
  };
}
