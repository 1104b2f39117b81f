/**
 * One logged-in IMAP connection, as the rest of the worker sees it. Behind it: imapflow, and typed commands of our own.
 * Every method throws a `Failure`; none answers with a bare `false`. After a failure that leaves the connection unsure
 * (time-out, protocol error, BYE) `usable` is false and the pool throws the session away.
 */
export interface ImapSession {
  readonly abilities: Abilities;
  /** False once the connection is closed, closing or in doubt. Looked at after every command. */
  readonly usable: boolean;
  /** The path that is selected, by EXAMINE or SELECT, or null. */
  readonly selected: string | null;
  /** Whether it was opened by SELECT. */
  readonly writable: boolean;
  /** All mailboxes, with counters from one LIST-STATUS where offered, else STATUS for each selectable one when `counters`. */
  list(options: { counters: boolean }): Promise<ListedMailbox[]>;
  /** Null: there is no such mailbox. */
  status(path: string): Promise<MailboxStatus | null>;
  /** The server's own id of the mailbox (RFC 8474 section 4); null: it tells none. */
  mailboxId(path: string): Promise<string | null>;
  /**
   * EXAMINE, sent even if it is selected already: the answer is proof of the mailbox's state now. Null: no such mailbox.
   * `news` is told from then on what the server says about it.
   */
  examine(path: string, news?: MailboxNews): Promise<SelectedMailbox | null>;
  /** UIDVALIDITY of the selected mailbox as it was opened. */
  readonly selectedUidValidity: number | null;
  /** Who is told what the server says about the selected mailbox. */
  readonly news: MailboxNews | null;
  /** Messages that are gone are told by UID instead of by number (RFC 7162 section 3.2.10), and flags always with a UID. */
  readonly tellsByUid: boolean;
  /**
   * The selected mailbox as it is after a NOOP, which makes all that others did to it known here; null: another is selected.
   * No proof that the mailbox is still the one of this name.
   */
  refresh(path: string): Promise<SelectedMailbox | null>;
  /** Of the selected mailbox. Chunks long sets. Rows in no promised order; those that are gone are missing. */
  fetch(range: FetchRange, items: FetchItems): Promise<FetchedMessage[]>;
  /** `BODY.PEEK[section]<offset.length>` of one message. Null: the message is gone. Shorter than `length`: the end. */
  fetchPiece(uid: number, section: string, offset: number, length: number): Promise<Uint8Array | null>;
  /** UIDs in ascending order. */
  search(key: SearchKey): Promise<number[]>;
  /** How many match. One number over the wire with ESEARCH. */
  searchCount(key: SearchKey): Promise<number>;
  /** The `from`th to `to`th (1-based, ascending by UID, inclusive) of what matches, and how many match at all.
   *  O(window) over the wire with ESEARCH and PARTIAL (RFC 5267 or 9394); otherwise cut from the whole here. */
  searchWindow(
    key: SearchKey,
    window: { last: number } | { from: number; to: number },
  ): Promise<{ uids: number[]; total: number }>;
  /** Sequence number of the highest UID at or below `uid` in the selected mailbox: how many UIDs are ≤ uid. */
  countUpTo(uid: number): Promise<number>;
  /** Only with `abilities.sort`. UIDs in the order asked; `from`/`to` 1-based, inclusive, by ESORT PARTIAL where offered. */
  sort(by: SortKey, key: SearchKey, window: { from: number; to: number }): Promise<{ uids: number[]; total: number }>;
  /** Only with `abilities.threads` of that name. The UIDs of each conversation among what matches. */
  thread(algorithm: ThreadAlgorithm, key: SearchKey): Promise<number[][]>;
  /** Empty where the server has no quota. */
  quota(path: string): Promise<{ root: string; resource: string; used: number; limit: number }[]>;
  noop(): Promise<void>;
  /** UID and flags of the selected mailbox's messages that came or were changed since. Only with `abilities.condstore`. */
  changedSince(modseq: bigint): Promise<FetchedMessage[]>;
  /** UIDs up to `upTo` that are gone from the selected mailbox since, and maybe others that are gone. Null: the server cannot tell. */
  vanishedSince(modseq: bigint, upTo: number): Promise<number[] | null>;
  /**
   * IDLE until `until` aborts: tells of whatever the server says meanwhile of the selected mailbox, and with `notify` of any.
   * Throws when the server falls silent: it is asked for a sign of life at the end.
   */
  listen(onNews: () => void, until: AbortSignal, answerMs?: number): Promise<void>;
  /**
   * Has the server tell of all mailboxes beside the selected one (RFC 5465), or no more. False: it does not. While it does,
   * the session is good for listening alone.
   */
  notify(isOn: boolean): Promise<boolean>;
  /**
   * SELECT, sent even if it is selected already, as `examine`. Throws `not-permitted` where the server opens it for reading
   * only. Null: no such mailbox.
   */
  select(path: string): Promise<WritableMailbox | null>;
  /** UID STORE in the mailbox that `select` opened. */
  store(uids: readonly number[], change: FlagChange, unchangedSince?: bigint): Promise<Stored>;
  /** UID COPY. Throws `not-found` where there is no mailbox at `path`. Null: the server does not tell the new UIDs. */
  copy(uids: readonly number[], path: string): Promise<Copied | null>;
  /** UID MOVE, only with `abilities.move`. As `copy`; who is not among the UIDs was gone. */
  move(uids: readonly number[], path: string): Promise<Copied | null>;
  /** UID EXPUNGE of those that are marked `\Deleted`, only with `abilities.uidPlus`. */
  expunge(uids: readonly number[]): Promise<void>;
  /** EXPUNGE of all that is marked `\Deleted`, by whomever. */
  expungeAll(): Promise<void>;
  /** Null: there is no such mailbox. `payload-too-large` where the server's limit is known. */
  append(path: string, items: AppendItems): Promise<Appended | null>;
  /** As `append`, all of them or none (RFC 3502), in their order; only with `abilities.multiAppend`. */
  appendAll(path: string, messages: readonly AppendItems[]): Promise<AppendedAll | null>;
  /** As `append`, in the place of a message of the mailbox at `path`, which `select` opened; only with `abilities.replace`. */
  replace(path: string, uid: number, items: AppendItems): Promise<Appended | null>;
  /** CREATE. `role` marks it where the server takes such marks. Throws `mailbox-exists`. */
  create(path: string, role?: string): Promise<void>;
  subscribe(path: string): Promise<void>;
  unsubscribe(path: string): Promise<void>;
  /** RENAME, which takes what is below along. Throws `not-found` where there is nothing at `from`. */
  rename(from: string, to: string): Promise<void>;
  /** DELETE, with all messages. Throws `not-found` where there is nothing. */
  remove(path: string): Promise<void>;
  /** Where the user's own mailboxes are: what a path at the top begins with, and what separates its segments (RFC 2342). */
  readonly personal: Namespace;
}

export interface Namespace {
  /** Empty, or such as `INBOX.`. */
  prefix: string;
  /** Null: nothing nests. */
  delimiter: string | null;
}

export type FlagChange = { add: readonly string[] } | { remove: readonly string[] } | { set: readonly string[] };

export interface Stored {
  /** The messages' state after the change, as far as the server told it. Flags are there; so is MODSEQ with CONDSTORE. */
  rows: FetchedMessage[];
  /** Those that were left as they are, since they were changed after `unchangedSince`. */
  modified: number[];
}

/** COPYUID (RFC 4315 section 3). */
export interface Copied {
  /** Of the destination. */
  uidValidity: number;
  /** From the UID in the source to the one in the destination. */
  uids: Map<number, number>;
}

/** A message on its way in. */
export interface AppendItems {
  flags: readonly string[];
  /** Null: now. */
  internalDate: Date | null;
  size: number;
  /** From the first octet to the last; called once for each name that is tried. */
  octets: () => AsyncIterable<Uint8Array>;
}

/** Where it is now; nulls without UIDPLUS (RFC 4315). */
export type Appended = { uidValidity: number; uid: number } | { uidValidity: null; uid: null };

/** Where they are now, in their order; nulls where it is not told. */
export type AppendedAll = { uidValidity: number; uids: number[] } | { uidValidity: null; uids: null };

/**
 * What a connection says about the mailbox that it has selected, in the order in which it says it, with whatever command
 * it comes. Must not throw.
 */
export interface MailboxNews {
  /** What is known: where the server can, it tells with the opening what of the UIDs from `from` on has changed since. */
  readonly since: { uidValidity: number; modseq: bigint; from: number } | null;
  /** What follows is of the mailbox, from its beginning. `byUid`: as `tellsByUid`; `resyncs`: changes since `since` come. */
  opening(byUid: boolean, resyncs: boolean): void;
  exists(count: number): void;
  expunged(sequence: number): void;
  /** UIDs, both inclusive. `earlier`: gone before the mailbox was opened; of those that were known, and maybe of others. */
  vanished(from: number, to: number, earlier: boolean): void;
  flags(sequence: number, uid: number | null, flags: readonly string[], modseq: bigint | null): void;
  /** Nothing more will be told. */
  ended(): void;
}

export interface Abilities {
  condstore: boolean;
  /** Can be enabled: what has changed is told when a mailbox is opened (RFC 7162 section 3.2). */
  qresync: boolean;
  esearch: boolean;
  /** CONTEXT=SEARCH, PARTIAL */
  searchPartial: boolean;
  searchRes: boolean;
  sort: boolean;
  sortPartial: boolean;
  /** RETURN options in LIST (RFC 5258). */
  listExtended: boolean;
  listStatus: boolean;
  specialUse: boolean;
  /** CREATE with a role (RFC 6154 section 3). */
  createSpecialUse: boolean;
  objectId: boolean;
  /** X-GM-EXT-1: ids and conversations by Gmail's own names. */
  gmail: boolean;
  /** What THREAD (RFC 5256) can do. */
  threads: ReadonlySet<ThreadAlgorithm>;
  /** What the server knows a message by wherever it is: EMAILID, X-GM-MSGID, or Dovecot's X-GUID. */
  guid: "emailId" | "gmail" | "dovecot" | null;
  idle: boolean;
  notify: boolean;
  quota: boolean;
  move: boolean;
  uidPlus: boolean;
  /** Several messages in one APPEND (RFC 3502). */
  multiAppend: boolean;
  /** RFC 8508. */
  replace: boolean;
  binary: boolean;
  utf8: boolean;
  /** Octets that a message may have at most (RFC 7889); null where it is not told for all mailboxes alike. */
  appendLimit: number | null;
}

export interface ListedMailbox {
  /** Decoded to Unicode, INBOX in capitals. */
  path: string;
  delimiter: string | null;
  /** As the server gives them: `\HasChildren`, `\Noselect`, `\NonExistent`, `\Trash`. */
  attributes: string[];
  subscribed: boolean;
  /** Null where not asked for, not selectable, or refused. */
  status: MailboxStatus | null;
}

export interface MailboxStatus {
  messages: number;
  unseen: number | null;
  uidNext: number | null;
  uidValidity: number;
  /** Null without CONDSTORE, or where the mailbox has none (NOMODSEQ). */
  highestModseq: bigint | null;
  mailboxId: string | null;
  /** Epoch milliseconds just before the command was sent. */
  asOf: number;
}

export interface SelectedMailbox extends Omit<MailboxStatus, "unseen" | "uidNext"> {
  path: string;
  /** Where the server does not tell (Courier), learnt from the last message. */
  uidNext: number;
}

export interface WritableMailbox extends SelectedMailbox {
  /** Flags that last, `\*` for any keyword; null: the server does not tell, which means all (RFC 9051 section 7.1). */
  permanentFlags: string[] | null;
}

/** Sequence numbers or UIDs; `uids` as a list, `uidRange` inclusive. */
export type FetchRange =
  | { sequence: { from: number; to: number } }
  | { uids: readonly number[] }
  | { uidRange: { from: number; to: number } };

export interface FetchItems {
  flags?: boolean;
  /** Only of messages that have changed since (RFC 7162 section 3.1.4.1). */
  changedSince?: bigint;
  envelope?: boolean;
  structure?: boolean;
  internalDate?: boolean;
  /** What is the same for a message and its copies, where the server tells: EMAILID (RFC 8474), X-GM-MSGID or X-GUID. */
  guid?: boolean;
  size?: boolean;
  /** The server's own name for the conversation, where it has one: THREADID (RFC 8474) or X-GM-THRID. */
  threadId?: boolean;
  /** Sections for `BODY.PEEK[…]`, such as `HEADER`, `1.MIME`, `2.1`, each with a limit of octets (`<0.limit>`) if given. */
  sections?: readonly { section: string; limit?: number }[];
}

export interface FetchedMessage {
  uid: number;
  sequence: number;
  flags?: string[];
  modseq?: bigint | null;
  envelope?: Envelope;
  structure?: Structure;
  internalDate?: Date | null;
  size?: number;
  /** Null: the server does not tell. */
  threadId?: string | null;
  /** The server's own id of the message after what kind it is, such as `emailId:M1`; the same on copies. Null: it gives none. */
  guid?: string | null;
  /** By section as asked. Null: NIL. */
  sections?: Map<string, Uint8Array | null>;
}

/** RFC 9051 section 7.5.2, with encoded words decoded. */
export interface Envelope {
  /** Null: missing or not a date. */
  date: Date | null;
  subject: string | null;
  messageId: string | null;
  inReplyTo: string | null;
  from: EnvelopeAddress[];
  sender: EnvelopeAddress[];
  replyTo: EnvelopeAddress[];
  to: EnvelopeAddress[];
  cc: EnvelopeAddress[];
  bcc: EnvelopeAddress[];
  /** Which of them are not whole; absent where all are. */
  cut?: CutField[];
}

export type CutField = "subject" | "from" | "replyTo" | "to" | "cc" | "bcc" | "inReplyTo" | "messageId";

export interface EnvelopeAddress {
  name: string | null;
  address: string | null;
}

/** BODYSTRUCTURE (RFC 9051 section 7.5.2), part numbers given. Text in it is decoded (RFC 2047, RFC 2231). */
export interface Structure {
  /** `TEXT` addressable number: `1`, `2.1`; the number `1` for a message that is no multipart; empty for a multipart root. */
  part: string;
  /** Lower case: `text/plain`, `multipart/mixed`. */
  type: string;
  parameters: Record<string, string>;
  disposition: string | null;
  dispositionParameters: Record<string, string>;
  /** With angle brackets as sent. */
  contentId: string | null;
  /** Lower case. */
  encoding: string;
  /** Encoded octets. 0 for multiparts. */
  size: number;
  description: string | null;
  /** Of a multipart: its parts. Of a message/rfc822: the one structure within. */
  children: Structure[];
}

/** Search keys as IMAP has them (RFC 9051 section 6.4.4), exact: days are dates without time zone. */
export type SearchKey =
  | { all: true }
  | { and: readonly SearchKey[] }
  | { or: readonly [SearchKey, SearchKey] }
  | { not: SearchKey }
  | { text: "from" | "to" | "cc" | "bcc" | "subject" | "body" | "text"; value: string }
  | { header: string; value: string }
  | {
      day: "since" | "before" | "on" | "sentsince" | "sentbefore" | "senton";
      date: { year: number; month: number; day: number };
    }
  | { larger: number }
  | { smaller: number }
  /** `\Seen` and the like, or a keyword; `not` for its absence. */
  | { flag: string }
  /** Only with `abilities.guid`. */
  | { guid: string }
  /** An empty list matches nothing. */
  | { uids: readonly number[] }
  | { uidRange: { from: number; to: number } }
  /** Only with `abilities.objectId` or `abilities.gmail`: of the conversation that `threadId` of FETCH names. */
  | { threadId: string; by: "objectId" | "gmail" }
  /** Only with `abilities.threads` REFS: of a conversation in which something matches (draft-ietf-morg-inthread). */
  | { inThread: SearchKey };

/** REFS is REFERENCES without guesses from the subject. */
export type ThreadAlgorithm = "REFS" | "REFERENCES";

/** RFC 5256 section 3. */
export interface SortKey {
  by: "arrival" | "date" | "from" | "subject" | "size";
  reverse: boolean;
}

/** How a connection is opened. */
export interface ConnectOptions {
  host: string;
  /** The vetted address that is dialled; `host` stays the name for TLS. */
  address: string;
  port: number;
  security: "tls" | "starttls" | "none";
  tls: { ca?: string | undefined; servername?: string | undefined } | null;
  user: string;
  secret: { password: string } | { accessToken: string };
  /** For the whole way from the first packet to the end of the login. */
  timeoutMs: number;
  /** For one command. */
  commandTimeoutMs: number;
  /** Told of every command when its tagged answer is there (or it failed). Never with arguments. */
  onCommand?: ((command: CommandReport) => void) | undefined;
  /** Told once, when the connection is no more. */
  onClose?: (() => void) | undefined;
}

export interface CommandReport {
  /** `FETCH`, `SEARCH` … */
  name: string;
  ms: number;
  /** Octets received during it. */
  bytes: number;
  ok: boolean;
  /** Whether it was sent to change something. */
  changes: boolean;
}

/** A session as the pool holds it: with its end. */
export interface OpenSession extends ImapSession {
  /** LOGOUT, then close. Never throws. */
  logout(): Promise<void>;
  /** At once. */
  close(): void;
}
