import { Failure, isFailure, unpackThreadId } from "@postern/protocol";
import type { GraphQLResolveInfo } from "graphql";
import { requireAccount } from "../access/index.ts";
import type { Context } from "./context.ts";
import { messageFieldsFor } from "./message-fields.ts";
import { limitOf, type MessageConnection, type MessageSource } from "./messages.ts";
import { selectedAt } from "./selection.ts";

/** A thread and whose it is; its other names only where they were looked up. */
export interface ThreadSource {
  account: string;
  id: string;
  threadIds?: string[];
}

/** Null for one that was never given. */
export async function threadOf(account: string, id: string, context: Context): Promise<ThreadSource | null> {
  requireAccount(context.identity, account, "read");
  if (!unpackThreadId(id)) return null;
  try {
    return { account, id, threadIds: await threadIdsOf({ account, id }, context) };
  } catch (error) {
    if (isFailure(error, "not-found")) return null;
    throw error;
  }
}

export async function threadIdsOf(
  { account, id, threadIds }: ThreadSource,
  { mail, call }: Context,
): Promise<string[]> {
  return threadIds ?? (await mail.getThread({ account, thread: id, fields: ["id"], limit: 0 }, call)).threadIds;
}

export function threadOfMessage({ account, threadId }: MessageSource): ThreadSource {
  if (threadId === undefined) throw new Failure("internal", { cause: new Error("a thread that was not asked for") });
  return { account, id: threadId };
}

export async function threadMessages(
  { account, id }: ThreadSource,
  { first, after }: { first?: number | null; after?: string | null },
  { mail, call }: Context,
  info: GraphQLResolveInfo,
): Promise<MessageConnection> {
  const fields = messageFieldsFor(selectedAt(info, "MessageConnection", ["edges", "node"], ["nodes"]));
  const found = await mail.getThread(
    { account, thread: id, fields, limit: limitOf("first", first), ...(after && { cursor: after }), itemCursors: true },
    call,
  );
  const nodes = found.messages.map((message) => ({ ...message, account }));
  const cursors = found.itemCursors ?? [];
  return {
    edges: nodes.map((node, index) => ({ cursor: cursors[index] ?? "", node })),
    nodes,
    pageInfo: {
      hasNextPage: found.nextCursor !== null,
      hasPreviousPage: found.hasPrevious,
      startCursor: cursors[0] ?? null,
      endCursor: cursors.at(-1) ?? null,
    },
    totalCount: found.total,
    state: null,
  };
}
