import * as z from "zod";
import { account, accountId, accountInput, accountPatch } from "./account.ts";
import { appendMessageInput, appendMessageOutput, importMessagesInput, importMessagesOutput } from "./append.ts";
import type { Call } from "./call.ts";
import { batchOperations, changeOperations } from "./changes.ts";
import { composeMessageInput, createUploadInput, uploaded } from "./compose.ts";
import { position } from "./events.ts";
import type { FailureJson } from "./failures.ts";
import { messageFilter, messageSort } from "./filter.ts";
import { mailbox, mailboxInput, mailboxPatch, mailboxRef, quota } from "./mailbox.ts";
import { coreField, type Message, message, thread } from "./message.ts";
import type { MessagePage, NotModified } from "./page.ts";

const anId = z.string().min(1).max(128);
const fields = z.array(coreField).min(1);
const nothing = z.object({});

/** A range of octets as HTTP asks for it (RFC 9110 section 14.1.2): `first`–`last`, `first`–, or the last `suffix`. */
export const byteRange = z.union([
  z.strictObject({ first: z.int().min(0), last: z.int().min(0).optional() }),
  z.strictObject({ suffix: z.int().min(1) }),
]);
export type ByteRange = z.infer<typeof byteRange>;

/** What is known of a stream before its first octet. */
export const streamHead = z.object({
  /** Octets of the whole representation; null where counting would mean reading it all and no range asks for it. */
  size: z.int().nullable(),
  /** The octets that the stream carries, both inclusive; null: all of them. */
  range: z.object({ first: z.int(), last: z.int() }).nullable(),
  contentType: z.string(),
  filename: z.string().nullable(),
  /** Strong, of the immutable octets: other than the message's etag, flags do not change it. */
  etag: z.string(),
  lastModified: z.iso.datetime().nullable(),
});
export type StreamHead = z.infer<typeof streamHead>;

export const listMessagesInput = z.strictObject({
  account: accountId,
  /** Absent: all selectable mailboxes. */
  mailbox: mailboxRef.optional(),
  filter: messageFilter.optional(),
  /** Absent: newest arrival first; UID descending in one mailbox, `-receivedAt` over several. */
  sort: messageSort.optional(),
  limit: z.int().min(1).max(200),
  cursor: z.string().max(8192).optional(),
  /** `backward`: the `limit` items before the cursor (without one: the list's last), in the list's own order. */
  direction: z.enum(["forward", "backward"]).optional(),
  fields,
  /** Whether to give a cursor for every item. */
  itemCursors: z.boolean().optional(),
  /** Weak etags the caller holds (opaque parts, without W/ and quotes); a hit answers `notModified`. */
  ifNoneMatch: z.array(z.string()).optional(),
  /** An answer that was true so many milliseconds ago will do, if there is one at hand. */
  maxStaleMs: z.number().min(0).optional(),
});
export type ListMessagesInput = z.infer<typeof listMessagesInput>;

/** Octets are in it, so it crosses the wire in a form of its own. */
const listMessagesOutput = z.custom<MessagePage | NotModified>();
export type ListMessagesOutput = z.infer<typeof listMessagesOutput>;

/** One of many: the message, or why not. In the order asked. */
export type MessageResult = { message: Message } | { failure: FailureJson };
const messageResult = z.union([z.object({ message }), z.object({ failure: z.custom<FailureJson>() })]);

/** A conversation over all mailboxes, oldest arrival first. */
const threadOutput = thread.extend({
  messages: z.array(message),
  itemCursors: z.array(z.string()).optional(),
  hasPrevious: z.boolean(),
});

const ofAccount = { account: accountId };
const ofMessage = { account: accountId, message: anId };

const call = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "call", input, output }) as const;
const page = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "page", input, output }) as const;
const stream = <I extends z.ZodType>(input: I) => ({ kind: "stream", input, output: streamHead }) as const;
const upload = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O) =>
  ({ kind: "upload", input, output }) as const;

/**
 * Everything that can be asked of mail. `call`: one answer; `page`: one with items that are JSON already; `stream`: a head
 * and then octets; `upload`: octets are sent beside the input.
 * Where the input names an `account`, the call belongs to the worker that has the account's connections.
 */
export const operations = {
  createAccount: call(z.strictObject({ account: accountInput, verify: z.boolean() }), account),
  listAccounts: call(
    z.strictObject({
      /** Only these, or all when absent. */
      ids: z.array(accountId).optional(),
      limit: z.int().min(1).max(200),
      after: accountId.optional(),
    }),
    z.object({ items: z.array(account), next: accountId.nullable() }),
  ),
  getAccount: call(z.strictObject(ofAccount), account),
  updateAccount: call(z.strictObject({ ...ofAccount, patch: accountPatch, verify: z.boolean() }), account),
  deleteAccount: call(z.strictObject(ofAccount), nothing),

  listMailboxes: call(z.strictObject(ofAccount), z.object({ items: z.array(mailbox) })),
  getMailbox: call(z.strictObject({ ...ofAccount, mailbox: mailboxRef }), mailbox),
  createMailbox: call(z.strictObject({ ...ofAccount, mailbox: mailboxInput }), mailbox),
  updateMailbox: call(z.strictObject({ ...ofAccount, mailbox: mailboxRef, patch: mailboxPatch }), mailbox),
  deleteMailbox: call(
    z.strictObject({ ...ofAccount, mailbox: mailboxRef, onlyEmpty: z.boolean().optional() }),
    nothing,
  ),
  getQuota: call(z.strictObject(ofAccount), z.object({ items: z.array(quota) })),

  listMessages: page(listMessagesInput, listMessagesOutput),
  getMessages: call(
    z.strictObject({ ...ofAccount, ids: z.array(z.string().max(200)).max(1000), fields }),
    z.object({ results: z.array(messageResult) }),
  ),
  appendMessage: upload(appendMessageInput, appendMessageOutput),
  composeMessage: call(composeMessageInput, appendMessageOutput),
  importMessages: call(importMessagesInput, importMessagesOutput),
  createUpload: upload(createUploadInput, uploaded),
  getThread: call(
    z.strictObject({
      ...ofAccount,
      thread: z.string().max(200),
      fields,
      /** 0: only whether there is such a thread. */
      limit: z.int().min(0).max(200),
      cursor: z.string().max(200).optional(),
      /** Whether to give a cursor for every message. */
      itemCursors: z.boolean().optional(),
    }),
    threadOutput,
  ),
  /** Says that somebody follows the account's changes: they are watched for a while from now on. */
  followAccount: call(z.strictObject(ofAccount), z.object({ state: position })),
  getChanges: call(
    z.strictObject({
      ...ofAccount,
      /** Absent: nothing, and the state to go on from. */
      since: z.string().max(40).optional(),
      /** Only of this mailbox's messages. */
      mailbox: mailboxRef.optional(),
      limit: z.int().min(1).max(10_000),
    }),
    z.object({
      created: z.array(z.string()),
      updated: z.array(z.string()),
      destroyed: z.array(z.string()),
      newState: position,
      hasMore: z.boolean(),
    }),
  ),
  readRaw: stream(z.strictObject({ ...ofMessage, range: byteRange.optional() })),
  readPart: stream(z.strictObject({ ...ofMessage, part: z.string().max(200), range: byteRange.optional() })),

  ...changeOperations,
  ...batchOperations,
} as const;

/** Those that change something: whether one was carried out must be known before it is tried again. */
export const changing: ReadonlySet<OperationName> = new Set<OperationName>([
  "createAccount",
  "updateAccount",
  "deleteAccount",
  "appendMessage",
  "importMessages",
  "changeFlags",
  "moveMessages",
  "copyMessages",
  "deleteMessages",
  "composeMessage",
  "createUpload",
  "createMailbox",
  "updateMailbox",
  "deleteMailbox",
  "batchMessages",
  "emptyMailbox",
  "cancelJob",
]);

export type Operations = typeof operations;
export type OperationName = keyof Operations;
export type Input<N extends OperationName> = z.infer<Operations[N]["input"]>;
export type Output<N extends OperationName> = z.infer<Operations[N]["output"]>;

/** Octets behind a head. Pulled: nothing is read from the mail server before it is asked for. Must be drained or returned. */
export interface ByteStream {
  head: StreamHead;
  body: AsyncIterable<Uint8Array>;
}

/** Octets on their way in. Pulled once, from the first to the last, as fast as they are taken. */
export type Octets = AsyncIterable<Uint8Array>;

type Answer<N extends OperationName> = Operations[N]["kind"] extends "stream" ? ByteStream : Output<N>;
type Arguments<N extends OperationName> = Operations[N]["kind"] extends "upload"
  ? [input: Input<N>, call: Call, body: Octets]
  : [input: Input<N>, call: Call];

/** The interface between faces and mail, derived from the table. The worker is one; `connectMail` makes a far one look near. */
export type Mail = { [N in OperationName]: (...args: Arguments<N>) => Promise<Answer<N>> };

export const operationNames = Object.keys(operations) as OperationName[];

/** An operation whose types are known to the table only. `body`: of an `upload`. */
export type AnyOperation = (input: unknown, call: Call, body?: Octets) => Promise<unknown>;

/** Makes a `Mail` by making each operation of the table. */
export function mailOf(make: (name: OperationName) => AnyOperation): Mail {
  const entries = operationNames.map((name) => [name, make(name)] as const);
  return Object.fromEntries(entries) as Record<OperationName, AnyOperation> as Mail;
}
