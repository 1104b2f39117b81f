import type { Call, Correspondent } from "@postern/protocol";
import type { ImapSession } from "../imap/session.ts";
import type { Made, Makings } from "./rows/make-body.ts";

/** What the core asks of the rooms around it. */

export interface Borrow {
  account: string;
  /** The path that will be selected: a session that has it already is preferred. */
  mailbox?: string | undefined;
  /** The path that had better not be selected: a connection that has it does not notice that it was made anew. */
  avoid?: string | undefined;
  /** `interactive` is never made to wait by `bulk` (downloads, scans): some sessions are not lent to bulk. */
  lane: "interactive" | "bulk";
  call: Call;
}

/**
 * The only way to a session, which is given back by itself when `work` ends. `work` must not keep it.
 * Adds what was waited, sent and received to `call.report`.
 * Throws `not-found`, `account-disabled`, `account-reauth-required`, `upstream-unreachable`, `upstream-connection-limit`,
 * `upstream-timeout`, `cancelled`. A session that dies under `work` before it has answered is replaced once, unless `work`
 * has sent a command that changes something: none is ever sent twice. From then on it is let finish though its caller has
 * gone; where such a command was sent and not answered, the failure's `outcome` is `unknown`.
 */
export interface Sessions {
  use<T>(borrow: Borrow, work: (session: ImapSession) => Promise<T>): Promise<T>;
}

/**
 * Whether this process is the one that acts for an account. IMAP knows no fencing: what must not be done by two is asked
 * for right before each command that changes something.
 */
export interface Ownership {
  /** Throws `unavailable` with the outcome `none` where it is not certain. */
  assertHeld(account: string): void;
  /** Rises with every change of owner. */
  epochOf(account: string): number;
}

/** Holds octets that are on their way in. */
export interface Spool {
  /** All of a source. Throws `payload-too-large`, `unavailable` (outcome `none`), and what the source throws. */
  take(source: AsyncIterable<Uint8Array>): Promise<Spooled>;
}

export interface Spooled {
  size: number;
  /** From the first octet, as often as it is asked for. */
  octets(): AsyncIterable<Uint8Array>;
  /** Must be called once it is not needed any more. */
  release(): Promise<void>;
}

/** A message in its parts. */
export interface Letter {
  from: Correspondent | null;
  to: readonly Correspondent[];
  cc: readonly Correspondent[];
  bcc: readonly Correspondent[];
  replyTo: readonly Correspondent[];
  subject: string;
  text: string | null;
  html: string | null;
  sentAt: Date;
  /** With angle brackets. */
  inReplyTo: string | null;
  references: readonly string[];
  headers: readonly { name: string; value: string }[];
  attachments: readonly LetterAttachment[];
}

export interface LetterAttachment {
  filename: string | null;
  contentType: string;
  /** Without angle brackets. */
  contentId: string | null;
  inline: boolean;
  octets: () => AsyncIterable<Uint8Array>;
}

/** Writes a message as it goes over the wire (RFC 5322, MIME). */
export interface Composer {
  /** Throws what an attachment's octets throw. */
  compose(letter: Letter): AsyncIterable<Uint8Array>;
}

/** Where messages are read that would keep this thread from everything else. */
export interface Workshop {
  /** Null: it takes more time or memory than any message may. Throws `cancelled`, and whatever goes wrong there. */
  make(makings: Makings, signal: AbortSignal): Promise<Made | null>;
  /** Resolves when everything that waits has had its turn. */
  turn(): Promise<void>;
}

/** An account as the core needs it. Throws `not-found`. */
export interface AccountDirectory {
  keyOf(account: string): Promise<number>;
  /** Names by which the account's own mail server signs what it found out about messages (RFC 8601 section 2.5). */
  authservIdsOf(account: string): Promise<readonly string[]>;
}
