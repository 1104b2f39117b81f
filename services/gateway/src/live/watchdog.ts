import { Failure } from "@postern/protocol";

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
/** Streams that one gateway holds open. */
const MOST_STREAMS = 20_000;

export interface Watchdog {
  /** Throws `too-many-requests` where there are as many streams as one gateway holds open. */
  refuseTooMany(): void;
  add(stream: Stream): () => void;
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
    refuseTooMany: () => {
      if (streams.size < MOST_STREAMS) return;
      const detail = "This gateway holds as many streams as it may.";
      throw new Failure("too-many-requests", { detail, retryAfter: 5 });
    },
    add: (stream) => {
      streams.add(stream);
      return () => void streams.delete(stream);
    },
    close: () => clearInterval(timer),
  };
}
