import {
  type Call,
  Failure,
  type Message,
  type MessageField,
  type MessagePage,
  type MessageSort,
} from "@postern/protocol";
import type { AccountRef } from "../mailboxes/registry.ts";
import type { Needs } from "../rows/needs.ts";
import { type Cursor, packCursor } from "./cursor.ts";
import type { FilterNode } from "./filter-tree.ts";
import type { Span } from "./newest-first.ts";

/** What is asked for, understood and checked. */
export interface ListRequest {
  account: AccountRef;
  /** What cursors are bound to. */
  question: string;
  /** What etags are bound to. */
  pageQuestion: string;
  filter: FilterNode | null;
  sort: MessageSort | null;
  span: Span;
  cursor: Cursor | null;
  ifNoneMatch: ReadonlySet<string>;
  fields: readonly MessageField[];
  needs: Needs;
  itemCursors: boolean;
  call: Call;
}

type Page = Omit<MessagePage, "etag">;

/** `etag` null: to be made of the page. */
export type ListAnswer = { notModified: true; etag: string } | { page: Page; etag: string | null };

export interface PageParts {
  /** In order, each with the cursor just after it. */
  items: { message: Message; cursor: Cursor }[];
  /** Where the list goes on. */
  end: Cursor | null;
  hasNext: boolean;
  hasPrevious: boolean;
  total: number | null;
}

export async function packPage({ question, itemCursors }: ListRequest, parts: PageParts): Promise<Page> {
  const { items, end, hasNext, hasPrevious, total } = parts;
  return {
    notModified: false,
    items: items.map(({ message }) => message),
    ...(itemCursors && { itemCursors: await Promise.all(items.map(({ cursor }) => packCursor(question, cursor))) }),
    nextCursor: hasNext && end ? await packCursor(question, end) : null,
    hasNext,
    hasPrevious,
    total,
  };
}

/** The cursor was given under a UIDVALIDITY that is no more. */
export function cursorExpired(): Failure {
  return new Failure("cursor-expired", {
    detail: "A mailbox was reset since the cursor was given. List from the start.",
  });
}
