import type { AccountState, Event, NewEvent, Position, Scope } from "@postern/protocol";

/**
 * What is remembered between calls. Two implementations, embedded (node:sqlite) and Redis, pass one contract suite.
 * A port throws `Failure("unavailable")` when its storage cannot be reached; only the cache never throws: a broken cache is a miss.
 */
export interface Store {
  readonly accounts: AccountStore;
  readonly tokens: TokenStore;
  readonly mailboxes: MailboxStore;
  readonly places: PlaceStore;
  readonly audit: AuditLog;
  readonly cache: Cache;
  readonly workers: WorkerRegistry;
  readonly jobs: JobStore;
  readonly idempotency: IdempotencyStore;
  readonly leases: LeaseStore;
  readonly threads: ThreadStore;
  readonly events: EventLog;
  readonly uploads: UploadStore;
  readonly webhooks: WebhookStore;
  /** For readiness: rejects when the durable storage cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface Endpoint {
  host: string;
  port: number;
  security: "tls" | "starttls" | "none";
  user: string | null;
  tls: { ca?: string | undefined; servername?: string | undefined } | null;
  authentication: "password" | "accessToken" | null;
}

export interface AccountRecord {
  id: string;
  /** 48 random bits, unique among accounts: what packed ids carry. */
  key: number;
  name: string | null;
  /** `file`: declared by the operator, changed only there. */
  source: "api" | "file";
  imap: Endpoint & { user: string };
  smtp: Endpoint | null;
  /** Sealed JSON `{imap, smtp}` of secrets; opened in the worker's accounts room and nowhere else. */
  sealed: string;
  disabled: boolean;
  /** Raised by every change of how to connect or who logs in, so that what was learnt under the old one is void. */
  generation: number;
  /** Raised by every write: what `update` compares. */
  version: number;
  state: AccountState;
  stateDetail: string | null;
  /** Epoch milliseconds, as are the next two. */
  stateAt: number;
  createdAt: number;
  updatedAt: number;
}

export interface AccountStore {
  /** False when the id (or the key) is taken. */
  create(record: AccountRecord): Promise<boolean>;
  get(id: string): Promise<AccountRecord | null>;
  /** The id of the account that has this key; null when there is none. */
  idOfKey(key: number): Promise<string | null>;
  /** Ascending by id, strictly after `after`. `ids` narrows. */
  list(query: {
    ids?: readonly string[] | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<AccountRecord[]>;
  /**
   * Compare-and-set on `version`, which `setState` raises too; the stored record gets `version + 1`. False when another
   * write came first (read again and decide anew) or it is gone. The `key` stays as it was made.
   */
  update(record: AccountRecord): Promise<boolean>;
  /**
   * Ignored when the account has another generation by now: an old login's fate says nothing about the new one. So is that
   * of an owner who is none any more, where an `epoch` is given.
   */
  setState(
    id: string,
    generation: number,
    state: AccountState,
    detail: string | null,
    at: number,
    epoch?: number,
  ): Promise<void>;
  /** Erases the account and everything kept of it: mailboxes, cache, states. False when there was none. */
  remove(id: string): Promise<boolean>;
}

export interface TokenRecord {
  /** `tok_…` */
  id: string;
  /** SHA-256 of the secret, hex. */
  hash: string;
  name: string | null;
  scopes: Scope[];
  /** Null: every account, those to come included. */
  accounts: string[] | null;
  createdAt: number;
  /** Null: never. */
  expiresAt: number | null;
}

export interface TokenStore {
  create(record: TokenRecord): Promise<void>;
  /** An expired token is not there. */
  get(id: string): Promise<TokenRecord | null>;
  /** Ascending by id, strictly after `after`. */
  list(query: { after?: string | undefined; limit: number }): Promise<TokenRecord[]>;
  remove(id: string): Promise<boolean>;
  /**
   * Takes an account out of every token that is bound to it, and removes those that are left with none: what is registered
   * under its id later is another account.
   */
  forgetAccount(accountId: string): Promise<void>;
}

/** What is known for good of a mailbox: the key that its ids carry, and where it is now. */
export interface MailboxRecord {
  key: number;
  path: string;
  /** Null for one never selected, or that cannot be. */
  uidValidity: number | null;
  /** Earlier UIDVALIDITYs: ids made under them are gone, not unknown. */
  formerUidValidities: number[];
  /** The server's own id (RFC 8474 MAILBOXID) where it gives one. */
  mailboxId: string | null;
  /** Highest UIDNEXT seen under the present UIDVALIDITY: an id with a UID at or above it was never issued. */
  uidNext: number | null;
  /** Epoch milliseconds when it was last seen missing from LIST; null while it is there. Its key is never given again. */
  goneAt: number | null;
  /**
   * Since when which UIDNEXT was known, under the present UIDVALIDITY, ascending: what has a UID below it was there by then.
   * Counted by the account: every number is one more than all that its mailboxes had before. The last few are kept.
   */
  sightings: [count: number, uidNext: number][];
}

export interface MailboxChanges {
  /** Keys are given in order, starting after the highest ever given in the account. */
  add: Omit<MailboxRecord, "key">[];
  update: MailboxRecord[];
}

export interface MailboxStore {
  /** All of an account's, those gone included, ascending by key, with the version that `apply` compares (0: none yet). */
  list(accountId: string): Promise<{ version: number; records: MailboxRecord[] }>;
  /**
   * All or nothing. Null when `version` is no longer the stored one: list again and decide anew. Throws `Fenced` where
   * `epoch` is given and the account's lease has another.
   */
  apply(
    accountId: string,
    version: number,
    changes: MailboxChanges,
    epoch?: number,
  ): Promise<{ version: number; added: MailboxRecord[] } | null>;
}

/** Where a message is or was. It names one message for good: UIDs are not given twice (RFC 9051 section 2.3.1.1). */
export interface MessagePlace {
  /** The mailbox's key. */
  mailbox: number;
  uidValidity: number;
  uid: number;
}

/** A mailbox under one UIDVALIDITY. */
export type MailboxEpoch = Omit<MessagePlace, "uid">;

/** Whose places: another account under the same id has another key, and nothing of this one. */
export interface PlacesOwner {
  id: string;
  key: number;
}

/**
 * Where messages are that are no longer where their ids say: a table of moves alone, since an id is the packed place of
 * birth. One message has one entry however often it was moved.
 */
export interface PlaceStore {
  /** One round trip. Where what was born there is now; null: it was never moved. */
  placesOf(accountId: string, births: readonly MessagePlace[]): Promise<(MessagePlace | null)[]>;
  /** One round trip. Where what is there was born; null: right there. */
  birthsAt(accountId: string, places: readonly MessagePlace[]): Promise<(MessagePlace | null)[]>;
  /** Mailboxes out of which and into which messages were ever moved: of all others there is nothing to look up. */
  travelled(accountId: string): Promise<{ from: MailboxEpoch[]; to: MailboxEpoch[] }>;
  /**
   * What was at `from` is at `to`; tells where each was born. All or nothing; twice is as good as once.
   * Throws `not-found` when the account is gone.
   */
  move(account: PlacesOwner, moves: readonly { from: MessagePlace; to: MessagePlace }[]): Promise<MessagePlace[]>;
  /**
   * What is at these places is deleted for good: their ids then lead to where they were born, which is empty, and nothing
   * is known again as one of them. Tells where each was born.
   */
  forget(account: PlacesOwner, places: readonly MessagePlace[]): Promise<MessagePlace[]>;
  /**
   * Takes note of messages that are shown for the first time, each under what it can be known again by. Where others were
   * shown under the same, their births come back and nothing is noted: who asks finds out which of them it is.
   * Bounded: of an account with very many messages those shown long ago may be forgotten.
   */
  show(account: PlacesOwner, shown: readonly Evidence[]): Promise<MessagePlace[][]>;
  /** Takes note whatever else was shown; a birth that was noted before is known by this alone from then on. */
  note(account: PlacesOwner, shown: readonly Evidence[]): Promise<void>;
  /** What births can be known again by; null: never shown, or forgotten. */
  handlesOf(accountId: string, births: readonly MessagePlace[]): Promise<(string | null)[]>;
  /** Messages of which note was taken were seen where they were, at this count of their mailboxes' sightings. */
  saw(account: PlacesOwner, births: readonly MessagePlace[], count: number): Promise<void>;
  /** The highest count at which each was seen; 0: nobody knows. */
  seenAt(accountId: string, births: readonly MessagePlace[]): Promise<number[]>;
}

/** What a message can be known again by when it is not where it was. */
export interface Evidence {
  birth: MessagePlace;
  /** The server's own id of it, or its fingerprint. The same on copies. */
  handle: string;
}

export interface AuditEntry {
  /** Epoch milliseconds. */
  at: number;
  /** `admin`, a token's id, `file` (the accounts file), or `operator` (a command). */
  actor: string;
  /** Such as `account.created`, `token.deleted`. */
  action: string;
  /** The account's or token's id. */
  subject: string;
  requestId: string | null;
  /** Names of what changed; never a secret. */
  detail: string | null;
}

export interface AuditLog {
  append(entry: AuditEntry): Promise<void>;
  /** Newest first. The log is bounded: at least the last 100,000 entries are kept. */
  list(query: { limit: number; subject?: string | undefined }): Promise<AuditEntry[]>;
}

/**
 * Evictable. Never throws, never answers with anything but what was put there under the very same key.
 * An account may be removed and another made under its id while a write is on its way: keys carry the account's `key`
 * and whatever else makes the value what it is.
 */
export interface Cache {
  /** One round trip. Null where there is nothing. */
  getMany(accountId: string, keys: readonly string[]): Promise<(Uint8Array | null)[]>;
  setMany(
    accountId: string,
    entries: readonly (readonly [key: string, value: Uint8Array])[],
    ttlSeconds: number,
  ): Promise<void>;
  dropAccount(accountId: string): Promise<void>;
}

export interface WorkerEntry {
  id: string;
  /** Where gateways reach it. */
  url: string;
}

/** What was uploaded to be used in a message later. */
export interface UploadRecord {
  /** `upl_…` */
  id: string;
  size: number;
  contentType: string;
  filename: string | null;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** Uploads, in pieces that are numbered from 0. What has expired, or is not whole, is not there. */
export interface UploadStore {
  /** False: the account's uploads would then take more than `mostOctets` together. Throws `not-found` without the account. */
  begin(accountId: string, record: UploadRecord, mostOctets: number): Promise<boolean>;
  put(accountId: string, record: UploadRecord, piece: number, octets: Uint8Array): Promise<void>;
  /** From here on it is there. False: it was removed meanwhile. */
  finish(accountId: string, id: string): Promise<boolean>;
  get(accountId: string, id: string): Promise<UploadRecord | null>;
  /** Null where it is not there any more. */
  piece(accountId: string, id: string, piece: number): Promise<Uint8Array | null>;
  remove(accountId: string, id: string): Promise<void>;
}

/** Which workers live. An entry that is not announced again within its time to live is gone. */
export interface WorkerRegistry {
  announce(entry: WorkerEntry, ttlMs: number): Promise<void>;
  withdraw(id: string): Promise<void>;
  live(): Promise<WorkerEntry[]>;
}

/** A process that may own accounts. It is over when it has not renewed in time or has ended, and that for good. */
export interface LeaseHolder {
  /** Used for one holder and never again. */
  id: string;
  /** Where it is to be asked. */
  worker: WorkerEntry;
}

/** Who acts for an account. */
export type Claim = { held: true; epoch: number } | { held: false; owner: WorkerEntry };

/**
 * Each account is owned by one holder at a time. All that a holder owns stands and falls with the holder, so that renewing
 * is one round trip whatever the number of accounts.
 *
 * A lease has an epoch, which rises with every claim and every release of the account, also over its removal. Ports that
 * take an `epoch` write only while it is the account's: what an owner decided who was frozen and has been replaced is
 * refused with `Fenced`.
 */
export interface LeaseStore {
  /** `alone`: whoever else holds anything is over. For a process that has the storage to itself. */
  begin(holder: LeaseHolder, ttlMs: number, alone?: boolean): Promise<void>;
  /** False: it is over, and what it held may be another's by now. */
  renew(holderId: string, ttlMs: number): Promise<boolean>;
  /** All that it holds is free at once. */
  end(holderId: string): Promise<void>;
  /** For a holder that is not over. Holding it already is the same claim. Throws `not-found` where there is no such account. */
  claim(accountId: string, holderId: string): Promise<Claim>;
  /** Ignored when the lease is another's by now. */
  release(accountId: string, holderId: string): Promise<void>;
  /** Null: nobody. */
  ownerOf(accountId: string): Promise<{ owner: WorkerEntry; epoch: number } | null>;
}

/**
 * By what a message tells which conversation it is of. Links are hashes of 72 bits, as 18 hexadecimal digits: two messages
 * that share one are of one conversation.
 */
export interface ThreadWish {
  /** What names the message itself. Its thread is the one under which this was first seen, for good. */
  self: string;
  /** Of the conversation: where they are known under several threads, these are joined. */
  links: readonly string[];
  /** Those of the links that are to be known from now on. */
  keep: readonly string[];
  /** Looked at only where none of the above is known, and one of them counts. */
  weak: readonly string[];
  weakKeep: readonly string[];
  /** By what the thread's messages can be found on the mail server, the best first. */
  seeds: readonly string[];
}

export interface ThreadStore {
  /**
   * The thread of each, in their order; new ones are counted up from 1 within the account. A message keeps the thread that it
   * was given, also when that is joined with another. Throws `not-found` for an account that is not there.
   */
  assign(accountId: string, wishes: readonly ThreadWish[]): Promise<number[]>;
  /** All threads that were joined with this one, itself among them, ascending, and their seeds. Null: never given. */
  find(accountId: string, thread: number): Promise<{ threads: number[]; seeds: string[] } | null>;
}

/** One step of an account's sequence: the events, and what was seen of the account that led to them. */
export interface LogStep {
  /** The writer's right to the account: one that is lower than the highest ever seen is refused. */
  epoch: number;
  /** Where the sequence ends as far as the writer knows: what was seen was compared with what stood there. */
  after: Position;
  /** Begins the sequence here: whatever a reader knew before, they have to read anew. */
  begins?: boolean | undefined;
  /** Goes on under another epoch of the sequence, because the storage has lost what stood after its end. */
  raises?: boolean | undefined;
  events: readonly NewEvent[];
  /** What is kept to compare with, in small texts; null erases. */
  heads?: readonly (readonly [key: string, value: string | null])[] | undefined;
  /** The same, in octets that are read one by one. */
  rows?: readonly (readonly [key: string, value: Uint8Array | null])[] | undefined;
}

export type LogResult =
  | { taken: true; head: Position; events: Event[] }
  /** `epoch`: somebody else has the account by now. `after`: the sequence ends elsewhere. Nothing was written. */
  | { taken: false; because: "epoch" | "after"; head: Position };

/** Where a sequence can be read: from any position that is not before `oldest`, nor after `head`. */
export interface LogSpan {
  oldest: Position;
  head: Position;
}

/**
 * Every account's one sequence of changes, and beside it what is needed to find the next ones. Durable: what a writer was
 * told is taken is there after any crash. The newest 100,000 events of an account are kept at least.
 */
export interface EventLog {
  /** All or nothing. Throws `not-found` when the account is gone. */
  append(accountId: string, step: LogStep): Promise<LogResult>;
  /** Null: the sequence has not begun. */
  span(accountId: string): Promise<LogSpan | null>;
  /** In order, strictly after `after`. Null: that position can no longer be read from, or never could. */
  read(
    accountId: string,
    query: { after: Position; limit: number },
  ): Promise<{ events: Event[]; head: Position } | null>;
  /** All heads, and the end of the sequence that they go with. */
  heads(accountId: string): Promise<{ head: Position; heads: Map<string, string> }>;
  rows(accountId: string, keys: readonly string[]): Promise<(Uint8Array | null)[]>;
  /** Told of accounts whose sequence has grown, soon after; null: any may have. A hint, that may be lost. The way to end it. */
  onGrowth(listener: (accountId: string | null) => void): () => void;
}

/** Work that goes on when its caller has gone. What it does, and in which parts, is for whoever carries it out. */
export interface JobRecord {
  /** `job_…` */
  id: string;
  /** Raised by every write: what `update` compares. */
  version: number;
  /** Whoever asked for it: `admin`, or a token's id. */
  actor: string;
  work: string;
  state: "running" | "done" | "cancelled" | "failed";
  total: number;
  done: number;
  parts: number;
  /** The first part that has no results. */
  nextPart: number;
  /** Whether that part was begun: if its owner is no more, nobody knows how far it came. */
  begun: boolean;
  cancelRequested: boolean;
  /** Serialized: why it failed. */
  failure: string | null;
  createdAt: number;
  updatedAt: number;
  /** Who carries it out, and until when nobody else takes it over. */
  owner: string | null;
  leaseUntil: number;
}

/** Jobs are kept for seven days after they were last changed, and go with their account. */
export interface JobStore {
  /** Throws `not-found` where the account is gone. */
  create(accountId: string, job: JobRecord, parts: readonly string[]): Promise<void>;
  get(accountId: string, id: string): Promise<JobRecord | null>;
  part(accountId: string, id: string, number: number): Promise<string | null>;
  /** Of the parts that have some, in order. */
  results(accountId: string, id: string): Promise<string[]>;
  /** Compare-and-set on `version`; the stored record gets `version + 1`. With it, maybe, the results of a part. */
  update(accountId: string, job: JobRecord, result?: { part: number; text: string }): Promise<boolean>;
  /** Those that run, of all accounts. */
  open(): Promise<{ account: string; id: string }[]>;
}

/** What is known of a request that was sent with an `Idempotency-Key`. */
export interface IdempotencyRecord {
  version: number;
  /** Of method, path and body. Null while the body is still coming in. */
  fingerprint: string | null;
  /** While there is no answer: until when whoever carries it out is heard of again. Epoch milliseconds. */
  leaseUntil: number;
  answer: { status: number; headers: Record<string, string>; body: string } | null;
}

/** Keys are of whoever sends them: `actor` is `admin`, or a token's id. */
export interface IdempotencyStore {
  /** Null: the key was free, and `record` is there now, for `ttlMs`. Else what is there. */
  begin(actor: string, key: string, record: IdempotencyRecord, ttlMs: number): Promise<IdempotencyRecord | null>;
  /** Compare-and-set on `version`; the stored record gets `version + 1`. */
  update(actor: string, key: string, record: IdempotencyRecord, ttlMs: number): Promise<boolean>;
  /** Only while it has this version. */
  remove(actor: string, key: string, version: number): Promise<void>;
}

/** Where events are sent to. */
export interface WebhookRecord {
  /** `whk_…` */
  id: string;
  /** Null: every account, those to come included. */
  account: string | null;
  /** Raised by every write: what `update` compares. */
  version: number;
  name: string | null;
  url: string;
  /** Null: all. */
  types: string[] | null;
  /** Ids; null: all, and what is no mailbox's. */
  mailboxes: string[] | null;
  payload: "full" | "thin";
  /** Null: it is active. */
  disabled: "asked" | "gone" | "failing" | null;
  /** Sealed: what signs. */
  sealed: string;
  /** The one before signs too until then. */
  previous: { sealed: string; until: number } | null;
  /** Epoch milliseconds. */
  createdAt: number;
  updatedAt: number;
}

/** How far a webhook has come in one account's sequence. */
export interface WebhookCursor {
  webhook: string;
  /** Raised by every write: what `putCursor` compares. */
  version: number;
  /** All up to here was delivered, or is not wanted. */
  after: Position;
  /** Attempts at the next event that have failed, when the first was, and when to try again. */
  failures: number;
  failingSince: number | null;
  nextAt: number;
  /** Who delivers at present, and until when nobody else does. */
  owner: string | null;
  leaseUntil: number;
}

/** An event that was sent, and what has become of it. */
export interface WebhookDelivery {
  /** `dlv_…`, made of the account and the event's place: the same however often it is sent. */
  id: string;
  event: Position;
  type: string;
  state: "delivered" | "retrying" | "failed";
  attempts: number;
  /** Of the last attempt; null: there was no answer. */
  status: number | null;
  error: string | null;
  /** Epoch milliseconds. */
  at: number;
  nextAt: number | null;
}

/** Webhooks, and how far each has come. Those of an account go with it, and so do all cursors in it. */
export interface WebhookStore {
  /** Throws `not-found` where its account is gone. */
  create(record: WebhookRecord): Promise<void>;
  get(account: string | null, id: string): Promise<WebhookRecord | null>;
  /** All of an account alone, or all that are of every account; ascending by id. */
  list(account: string | null): Promise<WebhookRecord[]>;
  /** Compare-and-set on `version`; the stored record gets `version + 1`. */
  update(record: WebhookRecord): Promise<boolean>;
  /** With its cursors and deliveries. */
  remove(account: string | null, id: string): Promise<boolean>;
  /** Accounts that have webhooks of their own; maybe some that had. */
  accounts(): Promise<string[]>;
  /** Null: none was put. */
  cursor(account: string, webhook: string): Promise<WebhookCursor | null>;
  /**
   * Compare-and-set on `version`, 0 for one that is not there yet; the stored cursor gets `version + 1`. With it, maybe,
   * what has become of a delivery. False as well when the account is gone.
   */
  putCursor(account: string, cursor: WebhookCursor, delivery?: WebhookDelivery): Promise<boolean>;
  /** Newest first, at most the last 100. */
  deliveries(account: string, webhook: string): Promise<WebhookDelivery[]>;
  /** Takes note of one that was sent once more. Nothing where the webhook has no cursor in the account. */
  noteDelivery(account: string, webhook: string, delivery: WebhookDelivery): Promise<void>;
}
