import {
  type Call,
  draft,
  Failure,
  flag,
  importMessagesInput,
  type ImportResult,
  type Input as Of,
  type MailboxRole,
  type Message,
  type MessageField,
  type Octets,
} from "@postern/protocol";
import type { GraphQLResolveInfo } from "graphql";
import * as z from "zod";
import { requireAccount } from "../access/index.ts";
import type { Context } from "./context.ts";
import { changedMessage, problemOf } from "./changes.ts";
import { definedOf, type Input, known, parse, withoutNulls } from "./inputs.ts";
import { messageFieldsFor } from "./message-fields.ts";
import { selectedAt } from "./selection.ts";

/** A whole message, or what one is composed of: one of the two. */
interface Source {
  raw?: string | null;
  draft?: Record<string, unknown> | null;
}

interface Storing {
  account: string;
  message: Source;
  flags?: string[] | null;
  receivedAt?: string | null;
}

interface AppendInput extends Storing {
  mailbox?: string | null;
  role?: MailboxRole | null;
}

interface ReplaceInput extends Storing {
  id: string;
  ifMatch?: string | null;
}

interface Payload {
  message: Message & { account: string };
}

const flags = z.object({ flags: z.array(flag).max(100).nullish() });

export const appendMutations = {
  appendMessage: async (
    _: unknown,
    { input }: Input<AppendInput>,
    context: Context,
    info: GraphQLResolveInfo,
  ): Promise<Payload> => {
    const { mailbox, role, message } = input;
    if (mailbox && role) throw invalid("role", "is not given beside mailbox");
    const isDraft = Boolean(message.draft);
    const where = { mailbox: mailbox ?? role ?? (isDraft ? "drafts" : "inbox") };
    return store({ ...input, flags: input.flags ?? (isDraft ? ["\\Draft", "\\Seen"] : []) }, where, context, info);
  },
  replaceMessage: (
    _: unknown,
    { input }: Input<ReplaceInput>,
    context: Context,
    info: GraphQLResolveInfo,
  ): Promise<Payload> => {
    const { id, ifMatch } = input;
    const where = { replaces: id, ...(ifMatch && { ifMatch: [ifMatch.replace(/^"|"$/g, "")] }) };
    return store(input, where, context, info);
  },
  importMessages,
};

async function store(
  input: Storing,
  where: Of<"appendMessage">["where"],
  context: Context,
  info: GraphQLResolveInfo,
): Promise<Payload> {
  const { identity, call } = context;
  requireAccount(identity, input.account, "write");
  const account = known(input.account);
  const { flags: wanted } = parse(flags, { flags: input.flags });
  const fields = messageFieldsFor(selectedAt(info, "MessagePayload", ["message"]));
  const storing = {
    account,
    where,
    fields,
    ...(wanted && { flags: wanted }),
    ...(input.receivedAt && { receivedAt: input.receivedAt }),
  };
  const message = await keep(storing, input.message, context, call);
  return { message: { ...message, account } };
}

async function keep(
  storing: Of<"appendMessage"> & { fields: MessageField[] },
  source: Source,
  { mail }: Context,
  call: Call,
): Promise<Message> {
  if (typeof source.raw === "string") return (await mail.appendMessage(storing, call, octetsOf(source.raw))).message;
  const made = parse(draft, withoutNulls(source.draft ?? {}), "input.message.draft");
  return (await mail.composeMessage({ ...storing, draft: made }, call)).message;
}

interface ImportedInput {
  upload: string;
  mailbox?: string | null;
  role?: MailboxRole | null;
  flags?: string[] | null;
  receivedAt?: string | null;
}

interface ImportInput {
  account: string;
  items: ImportedInput[];
}

interface ImportedSource {
  account: string;
  result: ImportResult;
}

async function importMessages(
  _: unknown,
  { input }: Input<ImportInput>,
  { identity, mail, call }: Context,
): Promise<{ results: ImportedSource[] }> {
  requireAccount(identity, input.account, "write");
  const account = known(input.account);
  const items = input.items.map(({ role, mailbox, ...item }, at) => {
    if (mailbox && role) throw invalid(`items.${at}.role`, "is not given beside mailbox");
    return definedOf({ ...item, mailbox: mailbox ?? role });
  });
  const { results } = await mail.importMessages(parse(importMessagesInput, { account, items }), call);
  return { results: results.map((result) => ({ account, result })) };
}

export const importResolvers = {
  ImportResult: {
    upload: ({ result }: ImportedSource) => result.upload,
    ok: ({ result }: ImportedSource) => result.ok,
    message: async ({ account, result }: ImportedSource, _: unknown, context: Context, info: GraphQLResolveInfo) =>
      result.ok ? changedMessage(account, result.message.id, context, info) : null,
    problem: ({ result }: ImportedSource) => (result.ok ? null : problemOf(result.failure)),
  },
};

function octetsOf(base64: string): Octets {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 !== 0) throw invalid("message.raw", "is no base64");
  async function* read(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(base64, "base64");
  }
  return read();
}

function invalid(path: string, message: string): Failure {
  const errors = [{ path: `input.${path}`, message }];
  return new Failure("invalid-request", { detail: "The input is not as it should be.", errors });
}
