import * as z from "zod";
import { accountId, accountState } from "./account.ts";
import { address } from "./message.ts";

/**
 * What happened in an account, as it stands in the account's one sequence. An event's `id` is its place in the sequence:
 * `<epoch>-<number>`, rising for ever; whoever reads on from it misses nothing. The same event has the same id however
 * often it is told.
 */
const positionText = /^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})$/;
export const position = z
  .string()
  .regex(positionText)
  .describe("A place in the account's sequence of changes. Opaque to clients.");
export type Position = z.infer<typeof position>;

/** Before everything. */
export const BEGINNING: Position = "0-0";

/** Null for what is no position. */
export function readPosition(text: string): { epoch: number; number: number } | null {
  const match = positionText.exec(text);
  return match && { epoch: Number(match[1]), number: Number(match[2]) };
}

/** Below zero where `one` comes before `other`. Both must be positions. */
export function comparePositions(one: Position, other: Position): number {
  const [a, b] = [readPosition(one), readPosition(other)];
  if (!a || !b) throw new RangeError("no position");
  return a.epoch - b.epoch || a.number - b.number;
}

const flags = z.array(z.string()).describe("As IMAP spells them: `\\Seen`, `$Forwarded`.");
const earlierFlags = flags.nullable().describe("Null where they were not known.");
const time = z.iso.datetime().nullable();

const place = {
  id: z.string().describe("The message's id."),
  mailboxId: z.string().describe("The mailbox that it is in."),
};

/** Enough of a message to tell somebody of it. */
const newMessage = z.object({
  ...place,
  flags,
  subject: z.string().nullable().describe("Decoded to Unicode."),
  from: z.array(address).describe("From."),
  receivedAt: time.describe("INTERNALDATE."),
  snippet: z
    .string()
    .nullable()
    .describe("The text's beginning; null where so much came at once that it was not read."),
});
const flaggedMessage = z.object({ ...place, flags });
const goneMessage = z.object({ ...place, mailboxId: place.mailboxId.describe("The mailbox that it was in.") });

const mailboxPlace = {
  id: z.string().describe("The mailbox's id."),
  path: z.string().describe("Full name on the server, decoded to Unicode."),
};
const plainMailbox = z.object(mailboxPlace);
const resetMailbox = z.object({
  ...mailboxPlace,
  uidValidity: z.int().describe("As it is now."),
  kept: z.int().describe("Messages that were recognized, and keep their ids."),
  lost: z.int().describe("Messages whose ids are gone: each has its `message.deleted`."),
  new: z.int().describe("Messages that were not recognized: each has its `message.created`."),
});

const accountPart = z.object({ state: accountState, detail: z.string().nullable().describe("Why.") });

const cause = z
  .object({
    requestId: z.string().describe("`X-Request-Id` of the request."),
    actor: z.string().describe("`admin`, or the id of the token that asked."),
  })
  .nullable()
  .describe("The request to Postern that did it; null where it was somebody else, or nobody can tell.");

const common = {
  id: position,
  time: z.iso.datetime().describe("When Postern learnt of it."),
  accountId,
  cause,
  historical: z
    .literal(true)
    .optional()
    .describe("It is no news: an old message that Postern sees for the first time, or has to call by another id."),
};

const kind = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ ...common, type: z.literal(type), ...shape });

export const eventKinds = {
  "message.created": kind("message.created", { message: newMessage }),
  "message.updated": kind("message.updated", {
    message: flaggedMessage,
    previous: z.object({ flags: earlierFlags }).describe("As they were before."),
  }),
  "message.moved": kind("message.moved", {
    message: flaggedMessage,
    previous: z.object({ mailboxId: place.mailboxId.describe("Where it was before."), flags: earlierFlags }),
  }),
  "message.deleted": kind("message.deleted", { message: goneMessage }),
  "mailbox.created": kind("mailbox.created", { mailbox: plainMailbox }),
  "mailbox.renamed": kind("mailbox.renamed", {
    mailbox: plainMailbox,
    previous: z.object({ path: mailboxPlace.path.describe("Its name before.") }),
  }),
  "mailbox.deleted": kind("mailbox.deleted", { mailbox: plainMailbox }),
  "mailbox.reset": kind("mailbox.reset", { mailbox: resetMailbox }),
  "account.connected": kind("account.connected", { account: accountPart }),
  "account.authenticationFailed": kind("account.authenticationFailed", { account: accountPart }),
  "account.unreachable": kind("account.unreachable", { account: accountPart }),
} as const;

export type EventType = keyof typeof eventKinds;
export const eventTypes = Object.keys(eventKinds) as EventType[];
export const eventType = z.enum(eventTypes);

export const event = z.discriminatedUnion("type", [
  eventKinds["message.created"],
  eventKinds["message.updated"],
  eventKinds["message.moved"],
  eventKinds["message.deleted"],
  eventKinds["mailbox.created"],
  eventKinds["mailbox.renamed"],
  eventKinds["mailbox.deleted"],
  eventKinds["mailbox.reset"],
  eventKinds["account.connected"],
  eventKinds["account.authenticationFailed"],
  eventKinds["account.unreachable"],
]);
export type Event = z.infer<typeof event>;

/** Without its place in the sequence, which the log gives. */
export type NewEvent = Event extends infer E ? (E extends Event ? Omit<E, "id" | "accountId"> : never) : never;

/** The mailboxes that an event is about: two for a message that moved, none for what is the account's. */
export function mailboxesOf(event: Event): string[] {
  if ("mailbox" in event) return [event.mailbox.id];
  if (event.type === "message.moved") return [event.previous.mailboxId, event.message.mailboxId];
  return "message" in event ? [event.message.mailboxId] : [];
}
