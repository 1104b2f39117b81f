import { Readable } from "node:stream";
import type { Event, Position } from "@postern/protocol";

const frames = new WeakMap<Event, string>();

/** What an event is on the wire of server-sent events, but for its id; made once for all who listen. */
function frameOf(event: Event): string {
  const known = frames.get(event);
  if (known !== undefined) return known;
  const frame = `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  frames.set(event, frame);
  return frame;
}

export interface SseOptions {
  source: AsyncGenerator<readonly Event[]>;
  wants: (event: Event) => boolean;
  /** What to come back with after this event. */
  idAfter: (event: Event) => string;
  /** What to come back with before any. */
  idNow: string;
  signal: AbortSignal;
}

/** Milliseconds after which a client that was cut off comes back. */
const RETRY_MS = 2_000;

/** A stream of server-sent events (HTML Living Standard section 9.2) that is read only as fast as it is taken. */
export class SseStream {
  readonly body: Readable;
  private readonly options: SseOptions;
  private offeredAt: number | null = null;

  constructor(options: SseOptions) {
    this.options = options;
    this.body = Readable.from(this.chunks(), { objectMode: false, highWaterMark: 16 << 10 });
  }

  /** Since when a chunk waits to be taken; null: none does. */
  stuckSince(): number | null {
    return this.offeredAt;
  }

  private async *chunks(): AsyncGenerator<string> {
    const { source, idNow, signal } = this.options;
    yield* this.offer(`retry: ${RETRY_MS}\nid: ${idNow}\n\n`);
    for await (const events of source) {
      if (signal.aborted) break;
      yield* this.offer(this.text(events));
    }
    // Whoever comes back at once finds another gateway, or this one's successor.
    yield* this.offer(`retry: ${Math.round(Math.random() * RETRY_MS)}\n\n`);
  }

  private text(events: readonly Event[]): string {
    const { wants, idAfter } = this.options;
    let text = "";
    let skipped: Position | null = null;
    for (const event of events) {
      const id = idAfter(event);
      if (wants(event)) text += `id: ${id}\n${frameOf(event)}`;
      skipped = wants(event) ? null : id;
    }
    // An id alone is no event, and is remembered: what was left out is not looked at again.
    if (skipped !== null) text += `id: ${skipped}\n\n`;
    return text === "" ? ": still here\n\n" : text;
  }

  private *offer(chunk: string): Generator<string> {
    this.offeredAt = Date.now();
    yield chunk;
    this.offeredAt = null;
  }
}
