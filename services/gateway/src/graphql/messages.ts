import {
  Failure,
  type ListMessagesInput,
  type Message,
  type MessageFilter,
  messageFilter,
  type MessageSort,
} from "@postern/protocol";
import type { GraphQLResolveInfo } from "graphql";
import { requireAccount } from "../access/index.ts";
import type { Context } from "./context.ts";
import { messageFieldsFor } from "./message-fields.ts";
import { selectedAt } from "./selection.ts";

/** A message and whose it is. */
export interface MessageSource extends Message {
  account: string;
}

export interface ConnectionArguments {
  filter?: GraphqlFilter | null;
  sort?: MessageSort | null;
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

export type GraphqlFilter = Record<string, unknown>;

export interface MessageConnection {
  edges: { cursor: string; node: MessageSource }[];
  nodes: MessageSource[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  totalCount: number | null;
  /** Where to follow the account's changes from; null: the list does not tell. */
  state: string | null;
}

const DEFAULT_LIMIT = 50;

/** A page of an account's or a mailbox's messages: one call, with just the fields that the query selects. */
export async function messageConnection(
  account: string,
  mailbox: string | undefined,
  args: ConnectionArguments,
  { mail, identity, call }: Context,
  info: GraphQLResolveInfo,
): Promise<MessageConnection> {
  requireAccount(identity, account, "read");
  const selected = (...paths: string[][]): Set<string> => selectedAt(info, "MessageConnection", ...paths);
  const fields = messageFieldsFor(selected(["edges", "node"], ["nodes"]));
  const needsCursors = selected(["edges"]).has("cursor") || selected([]).has("pageInfo");
  const filter = filterOf(args.filter);
  const input: ListMessagesInput = {
    account,
    ...(mailbox !== undefined && { mailbox }),
    ...(filter && { filter }),
    ...(args.sort && { sort: args.sort }),
    ...windowOf(args),
    fields,
    itemCursors: needsCursors,
  };
  const page = await mail.listMessages(input, call);
  if (page.notModified) throw new Failure("internal", { cause: new Error("not modified, though no etag was sent") });
  const nodes = page.items.map((message) => ({ ...message, account }));
  const cursors = page.itemCursors ?? [];
  return {
    edges: nodes.map((node, index) => ({ cursor: cursors[index] ?? "", node })),
    nodes,
    pageInfo: {
      hasNextPage: page.hasNext,
      hasPreviousPage: page.hasPrevious,
      startCursor: cursors[0] ?? null,
      endCursor: cursors.at(-1) ?? null,
    },
    totalCount: page.total,
    state: page.state ?? null,
  };
}

function windowOf({
  first,
  after,
  last,
  before,
}: ConnectionArguments): Pick<ListMessagesInput, "limit" | "cursor" | "direction"> {
  if (isGiven(first) && isGiven(last)) throw invalid("last", "give first or last, not both");
  if (isGiven(after) && isGiven(before)) throw invalid("before", "give after or before, not both");
  if (isGiven(last)) {
    if (isGiven(after)) throw invalid("after", "goes with first");
    return { limit: limitOf("last", last), direction: "backward", ...(isGiven(before) && { cursor: before }) };
  }
  if (isGiven(before)) throw invalid("before", "goes with last");
  return { limit: limitOf("first", first), ...(isGiven(after) && { cursor: after }) };
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

export function limitOf(name: string, value: number | null | undefined): number {
  const limit = value ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > 200) throw invalid(name, "must be 1 to 200");
  return limit;
}

/** Headers are a list here and a record within; null means the same as absent. */
export function filterOf(given: GraphqlFilter | null | undefined): MessageFilter | undefined {
  if (!given) return undefined;
  const parsed = messageFilter.safeParse(plain(given));
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: ["filter", ...path].join("."), message }));
  throw new Failure("invalid-request", { detail: "The filter is not as it should be.", errors });
}

function plain(filter: GraphqlFilter): Record<string, unknown> {
  const entries = Object.entries(filter).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (key === "header") return [key, headerRecord(value as { name: string; value: string }[])];
      if (key === "and" || key === "or") return [key, (value as GraphqlFilter[]).map(plain)];
      return [key, key === "not" ? plain(value as GraphqlFilter) : value];
    }),
  );
}

function headerRecord(headers: { name: string; value: string }[]): Record<string, string> {
  const record = Object.fromEntries(headers.map(({ name, value }) => [name, value]));
  if (Object.keys(record).length < headers.length)
    throw invalid("filter.header", "names a header twice; nest such conditions with and");
  return record;
}

export function invalid(path: string, message: string): Failure {
  return new Failure("invalid-request", { detail: `${path} ${message}`, errors: [{ path, message }] });
}
