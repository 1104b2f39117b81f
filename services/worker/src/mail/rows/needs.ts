import type { MessageField } from "@postern/protocol";
import type { FactKind } from "./facts.ts";

/** What has to be fetched for the fields that were asked for, and nothing beside it. */
export interface Needs {
  /** FLAGS, and MODSEQ where there is CONDSTORE. */
  flags: boolean;
  facts: FactKind[];
  /** `list`: REFERENCES alone; `whole`: the header section. */
  header: "none" | "references" | "whole";
  /** The fields that are made of it. */
  headerFields: HeaderField[];
  /** The fields that have parts. */
  partFields: PartField[];
  thread: boolean;
  snippet: boolean;
  text: boolean;
  html: boolean;
  markedHtml: boolean;
  replyText: boolean;
  /** Both are made of a few header fields. */
  authentication: boolean;
  listUnsubscribe: boolean;
  calendarInvites: boolean;
}

const factOf: Partial<Record<MessageField, FactKind>> = {
  messageId: "envelope",
  subject: "envelope",
  from: "envelope",
  to: "envelope",
  cc: "envelope",
  bcc: "envelope",
  replyTo: "envelope",
  sentAt: "envelope",
  inReplyTo: "envelope",
  receivedAt: "internalDate",
  size: "size",
  hasAttachments: "structure",
  attachments: "structure",
  parts: "structure",
  text: "structure",
  replyText: "structure",
  calendarInvites: "structure",
  html: "structure",
  markedHtml: "structure",
};

/** What a message is known again by costs nothing where it is fetched with the rest. */
function factsOf(fields: readonly MessageField[]): FactKind[] {
  if (fields.includes("identity"))
    return [...new Set([...fields.flatMap((field) => factOf[field] ?? []), ...evidence])];
  const facts = new Set(fields.flatMap((field) => factOf[field] ?? []));
  return facts.size === 0 ? [] : [...facts, "guid"];
}

const evidence = ["envelope", "internalDate", "size", "guid"] as const;

type HeaderField = "headers" | "rawHeaders" | "references";
const headerFields: readonly HeaderField[] = ["headers", "rawHeaders", "references"];

type PartField = "attachments" | "parts";
const partFields: readonly PartField[] = ["attachments", "parts"];

export function needsOf(fields: readonly MessageField[]): Needs {
  const asked = new Set(fields);
  const whole = asked.has("headers") || asked.has("rawHeaders");
  return {
    flags: asked.has("flags") || asked.has("modseq") || asked.has("etag"),
    facts: factsOf(fields),
    header: whole ? "whole" : asked.has("references") ? "references" : "none",
    headerFields: headerFields.filter((field) => asked.has(field)),
    partFields: partFields.filter((field) => asked.has(field)),
    thread: asked.has("threadId"),
    snippet: asked.has("snippet"),
    text: asked.has("text"),
    html: asked.has("html"),
    markedHtml: asked.has("markedHtml"),
    replyText: asked.has("replyText"),
    authentication: asked.has("authentication"),
    listUnsubscribe: asked.has("listUnsubscribe"),
    calendarInvites: asked.has("calendarInvites"),
  };
}
