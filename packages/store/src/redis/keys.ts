/**
 * Every key starts with `postern:`. What must change together shares a hash tag, so that it lies in one slot of a Redis
 * Cluster: all that is kept of an account under `{acct:ID}`, all tokens under `{tokens}`, all workers under `{workers}`.
 * Durable keys never have a time to live, so that a Redis that evicts those that have one (`volatile-*`) can be used for both.
 */
const plainId = /^[A-Za-z0-9_-]+$/;

/** Ids that Postern takes are plain; any other is spelled so that it can neither end the tag nor look like another key. */
const spelled = (id: string): string => (plainId.test(id) ? id : `~${Buffer.from(id).toString("base64url")}`);

const ofAccount = (id: string, rest: string): string => `postern:{acct:${spelled(id)}}:${rest}`;

export const keys = {
  version: "postern:version",
  account: (id: string) => ofAccount(id, "record"),
  mailboxes: (id: string) => ofAccount(id, "mailboxes"),
  /** Hash of `holder`, where there is one, and `epoch`. */
  lease: (id: string) => ofAccount(id, "lease"),
  threads: (id: string) => ofAccount(id, "threads"),
  /** What the names of its small hashes of links begin with. */
  threadLinks: (id: string) => ofAccount(id, "thread-links:"),
  threadLink: (id: string, link: string) => [ofAccount(id, `thread-links:${link.slice(0, 3)}`), link.slice(3)] as const,
  /** Where the account's sequence of changes ends, and from where it can be read. */
  logEnd: (id: string) => ofAccount(id, "log-end"),
  log: (id: string) => ofAccount(id, "log"),
  /** Hash of what was uploaded, by its id. Its pieces expire by themselves. */
  uploads: (id: string) => ofAccount(id, "uploads"),
  uploadPiece: (id: string, upload: string, piece: number) => ofAccount(id, `upload:${spelled(upload)}:${piece}`),
  seenHeads: (id: string) => ofAccount(id, "seen-heads"),
  seenRows: (id: string) => ofAccount(id, "seen-rows"),
  /** Channel on which ids of accounts are told whose log has grown. */
  growth: "postern:growth",
  /** Hash: birthplace to present place, of messages that were moved. */
  moves: (id: string) => ofAccount(id, "moves"),
  /** Hash: present place to birthplace, of the same. */
  arrivals: (id: string) => ofAccount(id, "arrivals"),
  /** What the names of its small hashes of evidence begin with. */
  evidence: (id: string) => ofAccount(id, "evidence:"),
  /** Set of mailboxes, each after `from ` or `to `. */
  travelled: (id: string) => ofAccount(id, "travelled"),
  /** Sorted set of the account's jobs by the time until which they are kept. */
  jobs: (id: string) => ofAccount(id, "jobs"),
  /** What the names of jobs' hashes begin with. */
  jobPrefix: (id: string) => ofAccount(id, "job:"),
  /** Set of `[account, job]`: those that run. */
  openJobs: "postern:jobs",
  /** Hash of the account's own webhooks by id; and of those for all accounts. */
  webhooks: (id: string | null) => (id === null ? "postern:{webhooks}:records" : ofAccount(id, "webhooks")),
  /** Hash: how far webhooks have come in the account, by their ids. */
  webhookCursors: (id: string) => ofAccount(id, "webhook-cursors"),
  /** What the names of lists of deliveries begin with; a webhook's id follows. */
  webhookDeliveries: (id: string) => ofAccount(id, "webhook-deliveries:"),
  /** Set of accounts that have webhooks. */
  webhookAccounts: "postern:webhooks",
  idempotency: "postern:{idempotency}:records",
  idempotencyExpiry: "postern:{idempotency}:expiry",
  /** The number in it is the version of how values are written. */
  cached: (id: string, key: string) => ofAccount(id, `cache:1:${key}`),
  /** Sorted set of the account's cache keys by the time they expire: how they are found to be erased. */
  cacheIndex: (id: string) => ofAccount(id, "cache-index"),
  accountIndex: "postern:accounts",
  accountOfKey: (key: number) => `postern:account-of-key:${key}`,
  tokens: "postern:{tokens}:records",
  tokenIndex: "postern:{tokens}:index",
  tokenExpiry: "postern:{tokens}:expiry",
  audit: "postern:audit",
  workers: "postern:{workers}:entries",
  workerExpiry: "postern:{workers}:expiry",
  /** Processes that may own accounts, by their ids, and until when. */
  holders: "postern:{workers}:holders",
  holderExpiry: "postern:{workers}:holder-expiry",
};
