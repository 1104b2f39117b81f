import { type Address, type Message, type MessageField, packMailboxId, packThreadId } from "@postern/protocol";
import type { EnvelopeAddress, Structure } from "../../imap/session.ts";
import { attachmentsOf, partsOf } from "../content/index.ts";
import { hasAttachments } from "../list/query.ts";
import { identityOf } from "../places/handle.ts";
import type { Body } from "./make-body.ts";
import type { Facts } from "./facts.ts";
import type { FlagState } from "./flags.ts";
import type { Known } from "./known.ts";

/** All that was read of one message. */
export interface Row {
  id: string;
  uid: number;
  facts: Facts;
  flags: FlagState | null;
  etag: string | null;
  thread: number | null;
  body: Body;
}

/** The message with just the fields that were asked for, and its id. */
export function shapeMessage(open: ShownIn, row: Row, fields: readonly MessageField[]): Message {
  const place = { accountKey: open.account.key, mailboxKey: open.record.key };
  const { id } = row;
  const values = fields.map((field) => [field, field === "id" ? id : shapers[field](row, place)] as const);
  return { ...(Object.fromEntries(values) as Partial<Message>), id };
}

/** The same as JSON: what is ready is taken as it is, and the rest is put into the holes between. */
export function messageJson(open: ShownIn, row: KnownRow, fields: readonly MessageField[]): string {
  const place = { accountKey: open.account.key, mailboxKey: open.record.key };
  const id = JSON.stringify(row.id);
  let json = "";
  for (const field of fields) json += `${json === "" ? "{" : ","}"${field}":${field === "id" ? id : value(field)}`;
  return fields.includes("id") ? `${json}}` : `${json},"id":${id}}`;

  function value(field: Exclude<MessageField, "id">): string {
    if (!factFields.has(field)) return JSON.stringify(shapers[field]({ ...row, facts: noFacts }, place));
    return row.known.field(field, (facts) => shapers[field]({ ...row, facts }, place));
  }
}

/** Where messages are that are shown. */
export interface ShownIn {
  account: { key: number };
  record: { key: number };
  state: { uidValidity: number };
}

/** For messages of which no octets were asked for. */
export const noBody: Body = {
  text: null,
  html: null,
  markedHtml: null,
  headers: [],
  rawHeaders: "",
  references: [],
  replyText: null,
  authentication: null,
  listUnsubscribe: null,
  calendarInvites: [],
  truncated: [],
};

export interface KnownRow extends Omit<Row, "facts"> {
  known: Known;
}

const noFacts: Facts = {};

/** What follows from facts alone: it is made once for a message. All else is a hole. */
const factFields: ReadonlySet<MessageField> = new Set<MessageField>([
  "messageId",
  "subject",
  "from",
  "to",
  "cc",
  "bcc",
  "replyTo",
  "sentAt",
  "receivedAt",
  "size",
  "snippet",
  "hasAttachments",
  "attachments",
  "inReplyTo",
  "parts",
  "identity",
]);

type Shapers = {
  [F in Exclude<MessageField, "id">]: (row: Row, place: { accountKey: number; mailboxKey: number }) => Message[F];
};

const shapers: Shapers = {
  mailboxId: (_, place) => packMailboxId(place),
  threadId: ({ thread }, { accountKey }) => packThreadId({ accountKey, thread: thread ?? 0 }),
  messageId: ({ facts }) => facts.envelope?.messageId ?? null,
  subject: ({ facts }) => facts.envelope?.subject ?? null,
  from: ({ facts }) => addresses(facts.envelope?.from),
  to: ({ facts }) => addresses(facts.envelope?.to),
  cc: ({ facts }) => addresses(facts.envelope?.cc),
  bcc: ({ facts }) => addresses(facts.envelope?.bcc),
  replyTo: ({ facts }) => addresses(facts.envelope?.replyTo),
  sentAt: ({ facts }) => time(facts.envelope?.date),
  receivedAt: ({ facts }) => time(facts.internalDate),
  size: ({ facts }) => facts.size ?? 0,
  flags: ({ flags }) => [...(flags?.flags ?? [])],
  modseq: ({ flags }) => flags?.modseq?.toString() ?? null,
  snippet: ({ facts }) => facts.snippet ?? null,
  hasAttachments: ({ facts }) => (facts.structure ? hasAttachments(facts.structure) : false),
  attachments: ({ facts }) => of(facts.structure, attachmentsOf),
  identity: ({ facts }) => identityOf(facts),
  // With its quotes, as the header has it (RFC 9110 section 8.8.3).
  etag: ({ etag }) => `"${etag ?? ""}"`,
  text: ({ body }) => body.text,
  html: ({ body }) => body.html,
  markedHtml: ({ body }) => body.markedHtml,
  headers: ({ body }) => body.headers,
  rawHeaders: ({ body }) => body.rawHeaders,
  references: ({ body }) => body.references,
  inReplyTo: ({ facts }) => facts.envelope?.inReplyTo ?? null,
  replyText: ({ body }) => body.replyText,
  authentication: ({ body }) => body.authentication,
  listUnsubscribe: ({ body }) => body.listUnsubscribe,
  calendarInvites: ({ body }) => body.calendarInvites,
  parts: ({ facts }) => of(facts.structure, partsOf),
  truncated: ({ body }) => body.truncated,
};

function of<T>(structure: Structure | undefined, read: (structure: Structure) => T[]): T[] {
  return structure ? read(structure) : [];
}

function addresses(list: readonly EnvelopeAddress[] | undefined): Address[] {
  return (list ?? []).map(({ name, address }) => ({ name, address }));
}

/** RFC 3339 has years of four digits alone. */
function time(at: number | null | undefined): string | null {
  if (at === null || at === undefined) return null;
  const date = new Date(at);
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : null;
}
