import type { ListMessagesInput } from "@postern/protocol";
import type { AccountRef } from "../mailboxes/registry.ts";

/** What makes a list what it is: cursors hold for it alone. */
export function listQuestion(account: AccountRef, mailbox: number | null, input: ListMessagesInput): string {
  return canonical({ account: account.key, mailbox, filter: input.filter ?? {}, sort: input.sort ?? null });
}

/** What makes an answer what it is, beside the mailboxes' states. */
export function pageQuestion(
  list: string,
  { limit, cursor, direction, fields, itemCursors }: ListMessagesInput,
): string {
  return canonical({
    list,
    limit,
    cursor: cursor ?? null,
    direction: direction ?? "forward",
    fields: [...new Set(fields)].sort(),
    itemCursors: itemCursors ?? false,
  });
}

/** JSON with keys in order, without what is undefined: equal for equal questions however they were written. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : Number(a > b))))
      : inner,
  );
}
