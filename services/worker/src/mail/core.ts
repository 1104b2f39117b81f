import type { Mail, MessageResult } from "@postern/protocol";
import type { Cache, JobStore, MailboxStore, PlaceStore, ThreadStore, UploadStore } from "@postern/store";
import { appendMessage } from "./append/append-message.ts";
import { importMessages } from "./append/import-messages.ts";
import { composeMessage } from "./compose/compose-message.ts";
import { createUpload } from "./compose/create-upload.ts";
import { createMailbox } from "./create-mailbox.ts";
import { deleteMailbox } from "./delete-mailbox.ts";
import { type Causes, createCauses } from "./causes.ts";
import { createListings, type Listings } from "./mailboxes/listings.ts";
import { createRegistry, type Registry } from "./mailboxes/registry.ts";
import { batchMessages } from "./batch-messages.ts";
import { cancelJob } from "./cancel-job.ts";
import { changeFlags } from "./change-flags.ts";
import { copyMessages } from "./copy-messages.ts";
import { deleteMessages } from "./delete-messages.ts";
import { emptyMailbox } from "./empty-mailbox.ts";
import { getJob } from "./get-job.ts";
import { getMailbox } from "./get-mailbox.ts";
import { getMessages } from "./get-messages.ts";
import { getThread } from "./get-thread.ts";
import { getQuota } from "./get-quota.ts";
import { listMailboxes } from "./list-mailboxes.ts";
import { type Answers, createAnswers } from "./list/answers.ts";
import { markOf } from "./list/states.ts";
import { listMessages } from "./list-messages.ts";
import { Mirrors } from "../mirror/mirrors.ts";
import { createJobs, type Jobs } from "./jobs/jobs.ts";
import { createProofs, type Proofs } from "../mirror/proofs.ts";
import { Remembered } from "../mirror/remembered.ts";
import { SharedWork } from "../mirror/shared-work.ts";
import { updateMailbox } from "./update-mailbox.ts";
import { newVain, type Vain } from "./places/rematch.ts";
import { createPlaces, type Places } from "./places/places.ts";
import { FactReader } from "./rows/fact-reader.ts";
import { FactStore } from "./rows/fact-store.ts";
import { moveMessages } from "./move-messages.ts";
import { withOutcomes } from "./outcomes.ts";
import type { AccountDirectory, Composer, Ownership, Sessions, Spool, Workshop } from "./ports.ts";
import { createThreadIds, type ThreadIds } from "./threads/thread-ids.ts";
import { createThreads, type Threads } from "./threads/threads.ts";
import { Turns } from "./turns.ts";
import { readPart } from "./read-part.ts";
import { readRaw } from "./read-raw.ts";

/** What the core is given. */
export interface CoreDeps {
  sessions: Sessions;
  accounts: AccountDirectory;
  mailboxes: MailboxStore;
  moved: PlaceStore;
  threadStore: ThreadStore;
  cache: Cache;
  ownership: Ownership;
  spool: Spool;
  composer: Composer;
  workshop: Workshop;
  uploads: UploadStore;
  jobStore: JobStore;
}

/** What every operation of the core works with. */
export interface Core extends CoreDeps {
  registry: Registry;
  places: Places;
  /** Which request did what. */
  causes: Causes;
  /** Where messages were looked for in vain. */
  vain: Vain;
  listings: Listings;
  proofs: Proofs;
  answers: Answers;
  threads: Threads;
  threadIds: ThreadIds;
  /** What is known of messages. */
  facts: FactStore;
  factReader: FactReader;
  mirrors: Mirrors;
  /** Messages by id, as they were read before. */
  read: Remembered<[id: string, MessageResult][]>;
  jobs: Jobs;
  /** Who expunges in a mailbox of a server that expunges all that is marked. */
  expunging: Turns;
  /** Who stores messages that are alike. */
  storing: Turns;
}

export type MailCore = Pick<
  Mail,
  | "listMailboxes"
  | "getMailbox"
  | "getQuota"
  | "listMessages"
  | "getMessages"
  | "getThread"
  | "appendMessage"
  | "composeMessage"
  | "importMessages"
  | "createUpload"
  | "createMailbox"
  | "updateMailbox"
  | "deleteMailbox"
  | "readRaw"
  | "readPart"
  | "changeFlags"
  | "moveMessages"
  | "copyMessages"
  | "deleteMessages"
  | "batchMessages"
  | "emptyMailbox"
  | "getJob"
  | "cancelJob"
>;

const READ_OCTETS = 16 << 20;

/** About: texts are nearly all of it. */
function octetsOf(results: [string, MessageResult][]): number {
  return results.reduce((sum, [, result]) => sum + 2 * JSON.stringify(result).length, 0);
}

/** What the core knows outlives it. */
export interface Keeping {
  /** What was learnt of mailboxes and messages is in the cache, for whoever comes next. */
  flush(): Promise<void>;
}

export function createCore(deps: CoreDeps): Core {
  const registry = createRegistry(deps.mailboxes, (account) => deps.ownership.epochOf(account));
  const shared = new SharedWork();
  const facts = new FactStore(deps.cache);
  const core: Core = {
    ...deps,
    registry,
    causes: createCauses(),
    vain: newVain(),
    places: createPlaces(deps.moved, deps.ownership),
    listings: createListings(deps.sessions, registry, shared),
    proofs: createProofs(deps.sessions, shared),
    answers: createAnswers(),
    facts,
    factReader: new FactReader(deps.sessions, shared, facts),
    mirrors: new Mirrors(deps.sessions, shared, deps.cache, markOf),
    threads: createThreads(),
    threadIds: createThreadIds(deps.threadStore, deps.cache),
    read: new Remembered(octetsOf, READ_OCTETS),
    jobs: createJobs(() => core, deps.jobStore),
    expunging: new Turns(),
    storing: new Turns(),
  };
  return core;
}

/** The operations on mail itself; those on accounts are made by the accounts room. */
export function mailOn(core: Core): MailCore & Keeping {
  return withOutcomes<MailCore & Keeping>({
    flush: async () => void (await Promise.all([core.mirrors.flush(), core.facts.flush()])),
    listMailboxes: (input, call) => listMailboxes(core, input, call),
    getMailbox: (input, call) => getMailbox(core, input, call),
    createMailbox: (input, call) => createMailbox(core, input, call),
    updateMailbox: (input, call) => updateMailbox(core, input, call),
    deleteMailbox: (input, call) => deleteMailbox(core, input, call),
    getQuota: (input, call) => getQuota(core, input, call),
    listMessages: (input, call) => listMessages(core, input, call),
    getMessages: (input, call) => getMessages(core, input, call),
    appendMessage: (input, call, body) => appendMessage(core, input, call, body),
    composeMessage: (input, call) => composeMessage(core, input, call),
    importMessages: (input, call) => importMessages(core, input, call),
    createUpload: (input, call, body) => createUpload(core, input, call, body),
    getThread: (input, call) => getThread(core, input, call),
    readRaw: (input, call) => readRaw(core, input, call),
    readPart: (input, call) => readPart(core, input, call),
    changeFlags: (input, call) => changeFlags(core, input, call),
    moveMessages: (input, call) => moveMessages(core, input, call),
    copyMessages: (input, call) => copyMessages(core, input, call),
    deleteMessages: (input, call) => deleteMessages(core, input, call),
    batchMessages: (input, call) => batchMessages(core, input, call),
    emptyMailbox: (input, call) => emptyMailbox(core, input, call),
    getJob: (input) => getJob(core, input),
    cancelJob: (input) => cancelJob(core, input),
  });
}
