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
}

/**
 * A page of messages whose items are JSON already: it is made once, however often it is sent. Who needs the messages
 * themselves reads them out of it.
 */
export class MessagePage {
  readonly notModified = false;
  readonly head: PageHead;
  /** UTF-8 of a JSON array of messages. */
  readonly ready: Uint8Array;
  private read: WeakRef<Message[]> | null = null;

  constructor(head: PageHead, ready: Uint8Array) {
    this.head = head;
    this.ready = ready;
  }

  static of(head: PageHead, items: readonly Message[]): MessagePage {
    return new MessagePage(head, encoder.encode(JSON.stringify(items)));
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
}
