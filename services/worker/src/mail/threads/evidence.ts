import type { FetchRange, ImapSession } from "../../imap/session.ts";
import { referencesOf } from "../content/index.ts";
import { baseSubject } from "../list/base-subject.ts";

/** What a message tells of which conversation it is of. */
export interface Evidence {
  uid: number;
  /** The server's own name for the conversation. */
  server: string | null;
  /** With angle brackets. Null: none, or one that cannot be told from others. */
  messageId: string | null;
  /** What it follows, oldest first. */
  references: string[];
  /** Null: it says nothing. */
  subject: { base: string; isAnswer: boolean } | null;
  /** Everybody's addresses, in small letters, each once and in order. */
  people: string[];
  /** The first sender's address. */
  from: string;
  /** Date header, and arrival: epoch milliseconds. */
  sentAt: number | null;
  receivedAt: number | null;
  size: number;
}

const REFERENCES = "HEADER.FIELDS (REFERENCES)";
/** Some mail programs never leave anything out. */
const REFERENCES_OCTETS = 64 << 10;
/** Of more references these tell enough: the beginnings, and what was answered last. */
const FIRST = 20;
const LAST = 80;
const MOST_PEOPLE = 200;

/** In one FETCH; ENVELOPE lacks References, and that header is asked for beside it. Messages that are gone are missing. */
export async function readEvidence(session: ImapSession, range: FetchRange): Promise<Evidence[]> {
  const { objectId, gmail } = session.abilities;
  const rows = await session.fetch(range, {
    envelope: true,
    internalDate: true,
    size: true,
    ...((objectId || gmail) && { threadId: true }),
    sections: [{ section: REFERENCES, limit: REFERENCES_OCTETS }],
  });
  return rows.flatMap((row) => {
    const { uid, envelope, internalDate, size = 0, threadId = null } = row;
    if (!envelope) return [];
    const { messageId, inReplyTo, date, subject, from, to, cc } = envelope;
    const people = [...from, ...to, ...cc].flatMap(({ address }) => address?.toLowerCase() ?? []);
    const own = idIn(messageId ?? "");
    const references = bounded(referencesOf(row.sections?.get(REFERENCES) ?? new Uint8Array(0)).filter(isTelling));
    return {
      uid,
      server: threadId,
      messageId: own,
      references: (references.length > 0 ? references : answered(inReplyTo, people)).filter((id) => id !== own),
      subject: subjectOf(subject),
      people: [...new Set(people)].sort().slice(0, MOST_PEOPLE),
      from: from[0]?.address?.toLowerCase() ?? "",
      sentAt: date?.getTime() ?? null,
      receivedAt: internalDate?.getTime() ?? null,
      size,
    };
  });
}

/** Where there are no brackets, the whole of it. */
function idIn(text: string): string | null {
  const id = /<[^<>\s]{1,998}>/.exec(text)?.[0] ?? (/^[^<>\s]{1,998}$/.test(text) ? `<${text}>` : null);
  return id !== null && isTelling(id) ? id : null;
}

/** `<>`, `<@>`, `<1>`: too many messages may be called that. */
function isTelling(id: string): boolean {
  const inner = id.slice(1, -1);
  return inner.includes("@") ? /[^@]@[^@]/.test(inner) && inner.length >= 5 : inner.length >= 16;
}

/** In-Reply-To counts where there are no References (RFC 5256 section 3). It may name people, as programs of old had it. */
function answered(inReplyTo: string | null, people: readonly string[]): string[] {
  const ids = (inReplyTo ?? "").slice(0, 8_000).match(/<[^<>\s]{1,998}>/g) ?? [];
  return ids.filter((id) => isTelling(id) && !people.includes(id.slice(1, -1).toLowerCase())).slice(0, FIRST);
}

function bounded(ids: readonly string[]): string[] {
  const each = [...new Set(ids)];
  return each.length <= FIRST + LAST ? each : [...each.slice(0, FIRST), ...each.slice(-LAST)];
}

const ANSWER =
  /^(?:\[[^\]]{0,80}\]\s{0,5})?(?:re|aw|sv|vs|antw|odp|ynt|r|rv|res|enc|tr|wg|fwd?|i)(?:\[\d{1,4}\])?\s{0,3}[:：]/iu;

function subjectOf(subject: string | null): Evidence["subject"] {
  const text = (subject ?? "").slice(0, 1_000).trim();
  const isAnswer = ANSWER.test(text);
  // Of languages other than English the standard knows no marks.
  const base = baseSubject(isAnswer ? text.replace(ANSWER, "") : text).toLowerCase();
  return base.length < 2 ? null : { base, isAnswer };
}
