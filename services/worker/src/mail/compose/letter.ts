import type { Address, Correspondent, Draft, Message } from "@postern/protocol";
import type { Letter, LetterAttachment } from "../ports.ts";
import type { Original } from "./original.ts";
import { forwarded, quoted, type Texts } from "./quote.ts";

/** A header line may hold so many; the oldest but the first make room (RFC 5322 section 3.6.4 sets no bound). */
const MOST_REFERENCES = 100;

/** The draft as a letter: what it says itself, and what follows from the message that it answers or hands on. Pure. */
export function writeLetter(
  draft: Draft,
  attachments: readonly LetterAttachment[],
  original: Original | null,
  now: Date,
): Letter {
  const answered = draft.reply && original ? original.message : null;
  return {
    from: draft.from ?? null,
    ...recipients(draft, answered),
    bcc: draft.bcc ?? [],
    replyTo: draft.replyTo ?? [],
    subject: draft.subject ?? subjectOf(draft, original?.message ?? null),
    ...textsOf(draft, original?.message ?? null),
    sentAt: draft.sentAt === undefined ? now : new Date(draft.sentAt),
    inReplyTo: answered?.messageId ?? null,
    references: answered ? referencesTo(answered) : [],
    headers: draft.headers ?? [],
    attachments: [...attachments, ...(original?.attachments ?? [])],
  };
}

/** An answer goes to Reply-To, or to who wrote; "to all" to the other recipients as well, but not to oneself. */
function recipients(draft: Draft, answered: Message | null): Pick<Letter, "to" | "cc"> {
  const { to, cc, from } = draft;
  if (!answered) return { to: to ?? [], cc: cc ?? [] };
  const author = reachable(answered.replyTo?.length ? answered.replyTo : answered.from);
  if (!draft.reply?.all) return { to: to ?? author, cc: cc ?? [] };
  const taken = new Set([from, ...author].map((each) => each?.address.toLowerCase()));
  const others = reachable([...(answered.to ?? []), ...(answered.cc ?? [])]).filter(({ address }) => {
    const isNew = !taken.has(address.toLowerCase());
    taken.add(address.toLowerCase());
    return isNew;
  });
  return { to: to ?? author, cc: cc ?? others };
}

function reachable(addresses: readonly Address[] | undefined): Correspondent[] {
  return (addresses ?? []).flatMap(({ name, address }) => (address?.includes("@") ? [{ name, address }] : []));
}

function subjectOf(draft: Draft, original: Message | null): string {
  const subject = original?.subject ?? "";
  if (draft.reply) return /^re:/i.test(subject) ? subject : `Re: ${subject}`.trim();
  if (draft.forward) return /^fwd?:/i.test(subject) ? subject : `Fwd: ${subject}`.trim();
  return "";
}

/** RFC 5322 section 3.6.4: the other one's References, or its In-Reply-To where that names one message, and itself. */
function referencesTo({ references = [], inReplyTo, messageId }: Message): string[] {
  const parents = inReplyTo?.match(/<[^<>\s]+>/g) ?? [];
  const before = references.length > 0 ? references : parents.length === 1 ? parents : [];
  const all = messageId === null || messageId === undefined ? before : [...before, messageId];
  return all.length <= MOST_REFERENCES ? all : [...all.slice(0, 1), ...all.slice(1 - MOST_REFERENCES)];
}

function textsOf(draft: Draft, original: Message | null): Texts {
  const own = { text: draft.text ?? null, html: draft.html ?? null };
  if (original && draft.reply?.quote) return quoted(own, original);
  if (original && draft.forward?.as === "inline") return forwarded(own, original);
  return own.text === null && own.html === null ? { text: "", html: null } : own;
}
