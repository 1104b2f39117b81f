import {
  type Account,
  accountId,
  Failure,
  isFailure,
  type Mailbox,
  type MailboxRole,
  type RemoteImages,
  unpackMailboxId,
  unpackMessageId,
  unpackThreadId,
} from "@postern/protocol";
import type { GraphQLResolveInfo } from "graphql";
import { canSee, requireAccount, requireScope } from "../access/index.ts";
import { publicPath } from "../http/addresses.ts";
import { appendMutations, importResolvers } from "./append-mutations.ts";
import type { Context } from "./context.ts";
import { messageFieldsFor } from "./message-fields.ts";
import { type ConnectionArguments, invalid, limitOf, messageConnection, type MessageSource } from "./messages.ts";
import { mailboxMutations } from "./mailbox-mutations.ts";
import { changeResolvers, jobById } from "./changes.ts";
import { mutations } from "./mutations.ts";
import { type ThreadSource, threadIdsOf, threadMessages, threadOf, threadOfMessage } from "./threads.ts";
import { subscriptions } from "./subscriptions.ts";
import { selectedAt } from "./selection.ts";

interface MailboxSource extends Mailbox {
  account: string;
}

type NodeSource =
  | ({ __typename: "Account" } & Account)
  | ({ __typename: "Mailbox" } & MailboxSource)
  | ({ __typename: "Thread" } & ThreadSource)
  | ({ __typename: "Message" } & MessageSource);

/** By type and field; what has no resolver is a property of its source. */
export const resolvers = {
  Query: {
    node: (_: unknown, { id }: { id: string }, context: Context, info: GraphQLResolveInfo) => nodeOf(id, context, info),
    account: (_: unknown, { id }: { id: string }, context: Context) => accountOf(id, context),
    job: (_: unknown, { id }: { id: string }, context: Context) => jobById(id, context),
    accounts: async (
      _: unknown,
      args: { first?: number | null; after?: string | null },
      { mail, identity, call }: Context,
    ) => {
      requireScope(identity, "read", "manage");
      if (args.after && !accountId.safeParse(args.after).success)
        throw invalid("after", "is not a cursor of this list");
      const ids = identity.accounts ? [...identity.accounts] : undefined;
      const limit = limitOf("first", args.first);
      const { items, next } = await mail.listAccounts({ ids, limit, after: args.after ?? undefined }, call);
      return {
        edges: items.map((node) => ({ cursor: node.id, node })),
        nodes: items,
        pageInfo: {
          hasNextPage: next !== null,
          hasPreviousPage: Boolean(args.after),
          startCursor: items[0]?.id ?? null,
          endCursor: items.at(-1)?.id ?? null,
        },
      };
    },
  },
  Mutation: { ...mutations, ...mailboxMutations, ...appendMutations },
  ...changeResolvers,
  ...importResolvers,
  Subscription: subscriptions,
  Node: { __resolveType: ({ __typename }: NodeSource) => __typename },
  Account: {
    mailboxes: ({ id }: Account, _: unknown, context: Context) => mailboxesOf(id, context),
    mailbox: ({ id }: Account, args: MailboxArguments, context: Context) => mailboxOf(id, args, context),
    messages: ({ id }: Account, args: ConnectionArguments, context: Context, info: GraphQLResolveInfo) =>
      messageConnection(id, undefined, args, context, info),
    message: ({ id: account }: Account, { id }: { id: string }, context: Context, info: GraphQLResolveInfo) =>
      messageOf(account, id, context, info),
    thread: ({ id: account }: Account, { id }: { id: string }, context: Context) => threadOf(account, id, context),
    quota: async ({ id }: Account, _: unknown, { mail, identity, call }: Context) => {
      requireAccount(identity, id, "read");
      return (await mail.getQuota({ account: id }, call)).items;
    },
  },
  Mailbox: {
    messages: ({ account, id }: MailboxSource, args: ConnectionArguments, context: Context, info: GraphQLResolveInfo) =>
      messageConnection(account, id, args, context, info),
  },
  Thread: {
    threadIds: (thread: ThreadSource, _: unknown, context: Context) => threadIdsOf(thread, context),
    messages: threadMessages,
  },
  Message: {
    mailbox: async ({ account, mailboxId }: MessageSource, _: unknown, context: Context) => {
      const mailboxes = await mailboxesOf(account, context);
      const found = mailboxes.find(({ id }) => id === mailboxId);
      if (!found) throw new Failure("message-gone", { detail: "The message's mailbox is no more." });
      return found;
    },
    html: (
      { account, ...message }: MessageSource,
      { remoteImages }: { remoteImages: RemoteImages },
      context: Context,
    ) => context.showHtml(account, message, remoteImages).html,
    thread: threadOfMessage,
    headers: ({ headers = [] }: MessageSource, { names }: { names?: string[] | null }) => {
      if (!names) return headers;
      const wanted = new Set(names.map((name) => name.toLowerCase()));
      return headers.filter(({ name }) => wanted.has(name.toLowerCase()));
    },
    attachments: ({ attachments = [], ...message }: MessageSource, _: unknown, context: Context) =>
      withUrls(message, attachments, context),
    parts: ({ parts = [], ...message }: MessageSource, _: unknown, context: Context) =>
      withUrls(message, parts, context),
    rawUrl: (message: MessageSource, _: unknown, context: Context) => `${pathOf(message, context)}/raw`,
  },
};

function withUrls<T extends { part: string }>(
  message: Omit<MessageSource, "parts">,
  parts: T[],
  context: Context,
): (T & { url: string })[] {
  return parts.map((part) => ({ ...part, url: `${pathOf(message, context)}/parts/${part.part}` }));
}

function pathOf({ account, id }: Pick<MessageSource, "account" | "id">, { publicUrl }: Context): string {
  return publicPath(publicUrl, `/v1/accounts/${account}/messages/${id}`);
}

async function accountOf(id: string, { mail, identity, call }: Context): Promise<Account | null> {
  if (!accountId.safeParse(id).success || !canSee(identity, id)) return null;
  requireScope(identity, "read", "manage");
  return orNull(mail.getAccount({ account: id }, call));
}

async function mailboxesOf(account: string, { identity, loaders }: Context): Promise<MailboxSource[]> {
  requireAccount(identity, account, "read");
  return (await loaders.mailboxes.load(account)).map((mailbox) => ({ ...mailbox, account }));
}

interface MailboxArguments {
  id?: string | null;
  role?: MailboxRole | null;
  path?: string | null;
}

async function mailboxOf(
  account: string,
  { id, role, path }: MailboxArguments,
  context: Context,
): Promise<MailboxSource | null> {
  const given = [id, role, path].filter((value) => value !== null && value !== undefined);
  if (given.length !== 1) throw invalid("mailbox", "takes exactly one of id, role and path");
  if (typeof path === "string")
    return (await mailboxesOf(account, context)).find((mailbox) => mailbox.path === path) ?? null;
  requireAccount(context.identity, account, "read");
  // Within, a role may stand where an id does.
  if (typeof id === "string" && !unpackMailboxId(id)) return null;
  const found = await orNull(context.mail.getMailbox({ account, mailbox: id ?? role ?? "" }, context.call));
  return found && { ...found, account };
}

async function messageOf(
  account: string,
  id: string,
  { identity, loaders }: Context,
  info: GraphQLResolveInfo,
): Promise<MessageSource | null> {
  requireAccount(identity, account, "read");
  if (!unpackMessageId(id)) return null;
  const message = await loaders.message.load({
    account,
    id,
    fields: messageFieldsFor(selectedAt(info, "Message", [])),
  });
  return message && { ...message, account };
}

/** The kind is told by the id's form, the account by the key in it. */
async function nodeOf(id: string, context: Context, info: GraphQLResolveInfo): Promise<NodeSource | null> {
  const key = (unpackMessageId(id) ?? unpackMailboxId(id) ?? unpackThreadId(id))?.accountKey;
  if (key === undefined) {
    const account = await accountOf(id, context);
    return account && { __typename: "Account", ...account };
  }
  const account = await context.accounts.idOfKey(key);
  if (account === null || !canSee(context.identity, account)) return null;
  if (id.startsWith("mbx_")) {
    const mailbox = await mailboxOf(account, { id }, context);
    return mailbox && { __typename: "Mailbox", ...mailbox };
  }
  if (id.startsWith("thr_")) {
    const thread = await threadOf(account, id, context);
    return thread && { __typename: "Thread", ...thread };
  }
  const message = await messageOf(account, id, context, info);
  return message && { __typename: "Message", ...message };
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (isFailure(error, "not-found")) return null;
    throw error;
  }
}
