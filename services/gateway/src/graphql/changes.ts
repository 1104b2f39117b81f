import {
  accountId,
  type ChangeResult,
  Failure,
  type FailureJson,
  flagChange,
  type Job,
  mailboxRole,
  MOST_AT_ONCE,
  type Target,
  unpackJobId,
} from "@postern/protocol";
import type { GraphQLResolveInfo } from "graphql";
import { canSee, requireAccount, requireScope } from "../access/index.ts";
import { strongEtagsIn } from "../rest/etags.ts";
import type { Context } from "./context.ts";
import { messageFieldsFor } from "./message-fields.ts";
import { invalid, type MessageSource } from "./messages.ts";
import { selectedAt } from "./selection.ts";

export interface ChangeInput {
  account: string;
  ids: string[];
  ifMatch?: string[] | null | undefined;
}

export interface Flags {
  add?: string[] | null;
  remove?: string[] | null;
  set?: string[] | null;
}

type Input<I> = { input: I };

/** A result, and whose message it is of. */
export interface ResultSource {
  account: string;
  result: ChangeResult;
}

type JobSource = Job;

export const changeMutations = {
  updateMessages: async (_: unknown, { input }: Input<ChangeInput & { flags: Flags }>, context: Context) => {
    const wanted = targetsOf(input, context.identity);
    const flags = flagChange.safeParse(given(input.flags));
    if (!flags.success) {
      const errors = flags.error.issues.map(({ path, message }) => ({
        path: ["input", "flags", ...path].join("."),
        message,
      }));
      throw new Failure("invalid-request", { detail: "The flags are not as they should be.", errors });
    }
    const { results } = await context.mail.changeFlags({ ...wanted, flags: flags.data }, context.call);
    return payload(input.account, results);
  },
  moveMessages: async (_: unknown, { input }: Input<ChangeInput & { mailbox: string }>, context: Context) => {
    const wanted = { ...targetsOf(input, context.identity), mailbox: mailboxOf(input.mailbox) };
    return payload(input.account, (await context.mail.moveMessages(wanted, context.call)).results);
  },
  copyMessages: async (_: unknown, { input }: Input<ChangeInput & { mailbox: string }>, context: Context) => {
    const wanted = { ...targetsOf(input, context.identity), mailbox: mailboxOf(input.mailbox) };
    return payload(input.account, (await context.mail.copyMessages(wanted, context.call)).results);
  },
  deleteMessages: async (
    _: unknown,
    { input }: Input<ChangeInput & { permanent?: boolean | null }>,
    context: Context,
  ) => {
    const wanted = { ...targetsOf(input, context.identity), permanent: input.permanent ?? false };
    return payload(input.account, (await context.mail.deleteMessages(wanted, context.call)).results);
  },
  emptyMailbox: async (_: unknown, { input }: Input<{ account: string; mailbox: string }>, context: Context) => {
    const { mail, identity, call } = context;
    requireAccount(identity, input.account, "write");
    const answer = await mail.emptyMailbox({ account: input.account, mailbox: mailboxOf(input.mailbox) }, call);
    return "job" in answer ? { deleted: null, job: answer.job } : { deleted: answer.deleted, job: null };
  },
  cancelJob: async (_: unknown, { input }: Input<{ id: string }>, context: Context): Promise<{ job: JobSource }> => {
    const account = await accountOfJob(input.id, context);
    if (account === null) throw new Failure("not-found", { detail: "There is no such job." });
    requireScope(context.identity, "write");
    return { job: await context.mail.cancelJob({ account, job: input.id }, context.call) };
  },
};

export const changeResolvers = {
  ChangeResult: {
    id: ({ result }: ResultSource) => result.id,
    ok: ({ result }: ResultSource) => result.ok,
    message: async ({ account, result }: ResultSource, _: unknown, context: Context, info: GraphQLResolveInfo) =>
      result.ok && result.message ? changedMessage(account, result.message.id, context, info) : null,
    problem: ({ result }: ResultSource) => (result.ok ? null : problemOf(result.failure)),
  },
  Job: {
    results: ({ account, results }: JobSource) => results.map((result) => ({ account, result })),
    problem: ({ failure }: JobSource) => failure && problemOf(failure),
  },
};

/** Null: there is none, or it must not be seen. */
export async function jobById(id: string, context: Context): Promise<JobSource | null> {
  const account = await accountOfJob(id, context);
  if (account === null) return null;
  requireScope(context.identity, "read", "write");
  return context.mail.getJob({ account, job: id }, context.call);
}

async function accountOfJob(id: string, { accounts, identity }: Context): Promise<string | null> {
  const key = unpackJobId(id)?.accountKey;
  const account = key === undefined ? null : await accounts.idOfKey(key);
  return account !== null && canSee(identity, account) ? account : null;
}

export function targetsOf(
  { account, ids, ifMatch }: ChangeInput,
  identity: Context["identity"],
  most = MOST_AT_ONCE,
): { account: string; messages: Target[] } {
  requireAccount(identity, account, "write");
  if (!accountId.safeParse(account).success) throw new Failure("not-found", { detail: "There is no such account." });
  if (ids.length < 1 || ids.length > most) throw invalid("input.ids", `must be 1 to ${most}`);
  if (ifMatch && ifMatch.length !== ids.length) throw invalid("input.ifMatch", "goes with ids, one for each");
  const longest = ids.find((id) => id === "" || id.length > 200);
  if (longest !== undefined) throw invalid("input.ids", "holds what is no id");
  const messages = ids.map((id, at) => {
    const etag = ifMatch?.[at];
    return etag === undefined ? { id } : { id, ifMatch: strongEtagsIn(etag) ?? [] };
  });
  return { account, messages };
}

/** Roles are written in capitals elsewhere in GraphQL. */
export function mailboxOf(ref: string, at = "input.mailbox"): string {
  const role = mailboxRole.safeParse(ref.toLowerCase());
  if (role.success) return role.data;
  if (ref === "" || ref.length > 128) throw invalid(at, "is neither an id nor a role");
  return ref;
}

export function given(flags: Flags): Record<string, unknown> {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== null && value !== undefined));
}

export function payload(account: string, results: readonly ChangeResult[]): { results: ResultSource[] } {
  return { results: results.map((result) => ({ account, result })) };
}

/** A message of a result, with what is selected of it. */
export async function changedMessage(
  account: string,
  id: string,
  { identity, loaders }: Context,
  info: GraphQLResolveInfo,
): Promise<MessageSource | null> {
  requireAccount(identity, account, "read");
  const message = await loaders.message.load({
    account,
    id,
    fields: messageFieldsFor(selectedAt(info, "Message", [])),
  });
  return message && { ...message, account };
}

export function problemOf(json: FailureJson) {
  const { code, title, detail, retryable, outcome, upstream, current } = Failure.fromJSON(json);
  return { code, title, detail, retryable, outcome: outcome ?? null, upstream: upstream ?? null, current };
}
