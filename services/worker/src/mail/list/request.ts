import {
  type Call,
  Failure,
  type ListMessagesOutput,
  type MessageField,
  MessagePage,
  type MessageSort,
  type PageHead,
} from "@postern/protocol";
import { fingerprint } from "../../digest.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { AccountDirectory, Workshop } from "../ports.ts";
import type { ThreadIds } from "../threads/thread-ids.ts";
import type { Needs } from "../rows/needs.ts";
import { type Cursor, packCursor } from "./cursor.ts";
import type { AnyFilterNode } from "./filter-tree.ts";
import { canonical } from "./question.ts";
import type { Span } from "./newest-first.ts";

/** What is asked for, understood and checked. */
export interface ListRequest {
  account: AccountRef;
  /** What cursors are bound to. */
  question: string;
  /** What etags are bound to. */
  pageQuestion: string;
  filter: AnyFilterNode | null;
  sort: MessageSort | null;
  span: Span;
  cursor: Cursor | null;
  ifNoneMatch: ReadonlySet<string>;
  fields: readonly MessageField[];
  needs: Needs;
  threads: ThreadIds;
  accounts: AccountDirectory;
  workshop: Workshop;
  itemCursors: boolean;
  call: Call;
}

export interface Page extends Omit<PageHead, "etag"> {
  /** Each as JSON. */
  items: string[];
}

export interface PageParts {
  /** In order, each with the cursor just after it. */
  items: { json: string; cursor: Cursor }[];
  /** Where the list goes on. */
  end: Cursor | null;
  hasNext: boolean;
  hasPrevious: boolean;
  total: number | null;
}

export async function packPage({ question, itemCursors }: ListRequest, parts: PageParts): Promise<Page> {
  const { items, end, hasNext, hasPrevious, total } = parts;
  return {
    items: items.map(({ json }) => json),
    ...(itemCursors && { itemCursors: await Promise.all(items.map(({ cursor }) => packCursor(question, cursor))) }),
    nextCursor: hasNext && end ? await packCursor(question, end) : null,
    hasNext,
    hasPrevious,
    total,
  };
}

/** Where no mailbox's state tells whether anything has changed, the page itself does. */
export async function pageAsRead(request: ListRequest, page: Page): Promise<ListMessagesOutput> {
  const etag = await contentEtag(request, page);
  if (request.ifNoneMatch.has(etag)) return { notModified: true, etag };
  return pageOf(page, etag);
}

export function contentEtag({ pageQuestion }: ListRequest, page: Page): Promise<string> {
  return fingerprint(canonical({ pageQuestion, page }));
}

export function pageOf({ items, ...head }: Page, etag: string): MessagePage {
  return new MessagePage({ ...head, etag }, encoder.encode(`[${items.join(",")}]`));
}

const encoder = new TextEncoder();

/** The cursor was given under a UIDVALIDITY that is no more. */
export function cursorExpired(): Failure {
  return new Failure("cursor-expired", {
    detail: "A mailbox was reset since the cursor was given. List from the start.",
  });
}
