import type { Position } from "./events.ts";
import type { Message } from "./message.ts";

/** What belongs to a page beside its items. */
export interface PageHead {
  /** One for each item when asked for. */
  itemCursors?: string[];
  nextCursor: string | null;
  hasNext: boolean;
  hasPrevious: boolean;
  /** Null where counting would cost more than the page. */
  total: number | null;
  /** Opaque part of the weak etag. */
  etag: string;
  /** Where to follow the account's changes from, so that nothing is missed. */
  state?: Position;
}

/**
 * A page of messages whose items are JSON already: it is made once, however often it is sent. Who needs the messages
 * themselves reads them out of it.
 */
export class MessagePage {
  readonly notModified = false;
  readonly head: PageHead;
  private octets: Uint8Array;
  private read: WeakRef<Message[]> | null = null;
  private stated: MessagePage | null = null;
  private frame: { before: string; after: string; whole: Uint8Array } | null = null;

  constructor(head: PageHead, ready: Uint8Array) {
    this.head = head;
    this.octets = ready;
  }

  /** UTF-8 of a JSON array of messages. */
  get ready(): Uint8Array {
    return this.octets;
  }

  /** The items between two texts. Put together once: to copy a page for each answer costs more than all the rest of it. */
  framed(before: string, after: string): Uint8Array {
    if (this.frame?.before === before && this.frame.after === after) return this.frame.whole;
    const head = encoder.encode(before);
    const tail = encoder.encode(after);
    const { length } = this.octets;
    const whole = new Uint8Array(head.length + length + tail.length);
    whole.set(head);
    whole.set(this.octets, head.length);
    whole.set(tail, head.length + length);
    this.frame = { before, after, whole };
    // Held once: the items are a part of what is sent.
    this.octets = whole.subarray(head.length, head.length + length);
    return whole;
  }

  static of(head: PageHead, items: readonly Message[]): MessagePage {
    return new MessagePage(head, encoder.encode(JSON.stringify(items)));
  }

  /** The same page; a position that was given with it before will do as well, but the newest leads to the fewest changes. */
  withState(state: Position): MessagePage {
    if (this.head.state === state) return this;
    if (this.stated?.head.state !== state) this.stated = new MessagePage({ ...this.head, state }, this.octets);
    this.stated.read ??= this.read;
    return this.stated;
  }

  get state(): Position | undefined {
    return this.head.state;
  }

  get items(): Message[] {
    const known = this.read?.deref();
    if (known) return known;
    const items = JSON.parse(decoder.decode(this.ready)) as Message[];
    this.read = new WeakRef(items);
    return items;
  }

  get itemCursors(): string[] | undefined {
    return this.head.itemCursors;
  }

  get nextCursor(): string | null {
    return this.head.nextCursor;
  }

  get hasNext(): boolean {
    return this.head.hasNext;
  }

  get hasPrevious(): boolean {
    return this.head.hasPrevious;
  }

  get total(): number | null {
    return this.head.total;
  }

  get etag(): string {
    return this.head.etag;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface NotModified {
  notModified: true;
  etag: string;
  state?: Position;
}
