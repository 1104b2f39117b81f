import { watch } from "node:fs";
import { dirname } from "node:path";
import { type Call, type Mail, newReport } from "@postern/protocol";
import { type Logger, resolveAll, type Tracing, type Vetting, vetHost } from "@postern/service";
import type { KeyRing, Store, WorkerEntry } from "@postern/store";
import type { Registry } from "prom-client";
import { type Accounts, type AuthservId, createAccounts, syncDeclared } from "./accounts/index.ts";
import { composer } from "./compose/index.ts";
import { connectSession } from "./imap/index.ts";
import { createCore, mailOn } from "./mail/core.ts";
import type { Jobs } from "./mail/jobs/jobs.ts";
import { workerMetrics } from "./metrics.ts";
import { GroupCommit } from "./mirror/group-commit.ts";
import { observeMail } from "./observe.ts";
import {
  createOwnership,
  fenceMailboxes,
  guardMail,
  guardSessions,
  type LiveOwnership,
  underEpoch,
} from "./ownership/index.ts";
import { traceCommand, traceMail } from "./trace.ts";
import { createSpool } from "./spool/index.ts";
import { createSessions, type LiveSessions, type Reach } from "./sessions/index.ts";
import { createWatch, type Watch } from "./watch/index.ts";
import { createWorkshop } from "./workshop/index.ts";

export interface WorkerOptions {
  store: Store;
  ring: KeyRing;
  log: Logger;
  metrics: Registry;
  /** Who is told of calls and commands, if anybody. */
  tracing?: Tracing | null;
  allowedMailHosts: readonly string[];
  authservIds: readonly AuthservId[];
  accountsFile: string | undefined;
  /** Where this process is asked for the accounts that it owns; asked for when it first owns one. */
  self: () => WorkerEntry;
  /** How long others wait before they take over what this process owned; null: there are no others. */
  leaseMs: number | null;
  /** Octets of a message that is stored, at most. */
  maxMessageSize: number;
}

/** Mail, as it is served from here. */
export interface Worker {
  mail: Mail;
  /** Takes on no more accounts, and lets go of each as soon as nothing of it runs. Calls go on being answered. */
  handOver(): Promise<void>;
  /** Finishes what is under way and logs out everywhere. */
  stop(): Promise<void>;
}

const VERIFY_TIMEOUTS = { timeoutMs: 15_000, commandTimeoutMs: 5_000 };
const AWAKEN_MS = 30_000;
/** How soon a job that nobody carries out is looked for. */
const TEND_JOBS_MS = 10_000;

/** Who gets what. Throws `ConfigurationError` where the accounts file is not as it should be. */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { store, ring, log, tracing } = options;
  const vetting: Vetting = { allowed: options.allowedMailHosts, resolve: resolveAll };
  let watch: Watch | null = null;
  const metrics = workerMetrics(options.metrics, {
    pools: () => sessions.counts(),
    accounts: () => ({ owned: ownership.size, followed: watch?.size ?? 0 }),
  });
  const accounts: Accounts = createAccounts({
    store,
    ring,
    vet: (host, port) => vetHost(host, port, vetting),
    authservIds: options.authservIds,
    verify: verifyLogin,
    onChange: (account) => {
      sessions.forget(account);
      watch?.settingsChanged(account);
    },
    awaken: (account) => awaken(sessions, ownership, account),
    isOwned: (account) => ownership.owned(account) !== null,
  });
  const sessions = createSessions({
    connect: connectSession,
    reach: accounts.reach,
    onState: (account, generation, state, detail) => {
      log.info({ account, state, detail }, "account state");
      watch?.stateChanged(account, state, detail);
      const write = underEpoch(ownership, account, (epoch) =>
        store.accounts.setState(account, generation, state, detail, Date.now(), epoch),
      );
      write.catch((error: unknown) => {
        log.warn({ err: error, account }, "the account's state could not be kept");
      });
    },
    onCommand: (report) => {
      metrics.command(report);
      if (tracing) traceCommand(tracing, report);
    },
  });
  const ownership = createOwnership({
    leases: store.leases,
    worker: options.self,
    ttlMs: options.leaseMs,
    cut: sessions.cut,
    close: async (account) => {
      await sessions.close(account);
      // Whoever comes next need not fetch again what is known here.
      await flushed.ask();
    },
    onError: (error) => log.warn({ err: error }, "leases could not be renewed"),
  });
  const declared = await followDeclared(options, accounts);
  const workshop = createWorkshop();
  const core = createCore({
    sessions: guardSessions(sessions, ownership),
    accounts,
    mailboxes: fenceMailboxes(store.mailboxes, ownership),
    moved: store.places,
    threadStore: store.threads,
    cache: store.cache,
    ownership,
    composer,
    workshop,
    uploads: store.uploads,
    jobStore: store.jobs,
    spool: createSpool({ most: options.maxMessageSize }),
  });
  const watching = createWatch({
    core,
    log: store.events,
    isWanted: sessions.isWanted,
    isOwned: (account) => ownership.owned(account) !== null,
    onError: (error, account) => log.error({ err: error, account }, "what has changed could not be found out"),
  });
  watch = watching;
  const { flush, ...operations } = mailOn(core);
  const flushed = new GroupCommit(flush);
  const stated = { ...operations, ...watching.operations, listMessages: watching.withState(operations.listMessages) };
  const observed = observeMail({ ...stated, ...operationsOf(accounts) }, log, metrics);
  const mail = guardMail(tracing ? traceMail(observed, tracing) : observed, ownership, (name) =>
    metrics.called(name, "misdirected"),
  );
  const tending = setInterval(() => void takeOverJobs(core.jobs, mail).catch(() => undefined), TEND_JOBS_MS);
  tending.unref();
  return {
    mail,
    handOver: async () => {
      clearInterval(tending);
      await core.jobs.pause();
      await Promise.all([watching.stop(), ownership.handOver()]);
    },
    stop: async () => {
      clearInterval(tending);
      declared.close();
      await core.jobs.pause();
      await watching.stop();
      await sessions.drain();
      workshop.close();
      await flush();
      await ownership.end();
    },
  };
}

function operationsOf({ createAccount, listAccounts, getAccount, updateAccount, deleteAccount }: Accounts) {
  return { createAccount, listAccounts, getAccount, updateAccount, deleteAccount };
}

async function verifyLogin(reach: Reach): Promise<void> {
  const session = await connectSession({ ...(await reach.options()), ...VERIFY_TIMEOUTS });
  await session.logout();
}

/** Jobs whose process is gone, by looking at them as their owners' clients would: whoever has the account goes on with them. */
async function takeOverJobs(jobs: Jobs, mail: Mail): Promise<void> {
  for (const { account, id } of await jobs.orphans()) {
    await mail.getJob({ account, job: id }, backgroundCall("jobs")).catch(() => undefined);
  }
}

function backgroundCall(requestId: string): Call {
  return {
    requestId,
    actor: "postern",
    deadline: Date.now() + AWAKEN_MS,
    signal: AbortSignal.timeout(AWAKEN_MS),
    report: newReport(),
  };
}

/** Connects in the background; what comes of it is told by the account's state. */
function awaken(sessions: LiveSessions, ownership: LiveOwnership, account: string): void {
  const call = backgroundCall("awaken");
  ownership
    .claim(account, call)
    .then(() => sessions.use({ account, lane: "interactive", call }, (session) => session.noop()))
    .catch(() => undefined);
}

/** Kubernetes changes a mounted file by turning a link in its folder: the folder is what tells. */
async function followDeclared(
  { accountsFile, store, ring, log }: WorkerOptions,
  accounts: Accounts,
): Promise<{ close(): void }> {
  if (accountsFile === undefined) return { close: () => undefined };
  let syncing = syncDeclared(accountsFile, store, ring);
  await syncing;
  const again = (): void => {
    syncing = syncing
      .catch(() => [])
      .then(() => syncDeclared(accountsFile, store, ring))
      .then((touched) => {
        for (const account of touched) accounts.forget(account);
        return touched;
      });
    syncing.catch((error: unknown) => log.error({ err: error }, "the accounts file was not taken over"));
  };
  return watch(dirname(accountsFile), again);
}
