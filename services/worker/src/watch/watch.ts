import {
  type AccountState,
  type Call,
  type Input,
  isFailure,
  type Mail,
  newReport,
  type Output,
} from "@postern/protocol";
import type { EventLog } from "@postern/store";
import type { Core } from "../mail/core.ts";
import { changesIn } from "./changes.ts";
import { createSequences } from "./sequence.ts";
import { Watcher, type WatcherTimes } from "./watcher.ts";

export interface WatchOptions {
  core: Core;
  log: EventLog;
  /** Whether somebody waits for a connection of the account. */
  isWanted: (account: string) => boolean;
  /** Whether this process is the one to act for the account. */
  isOwned: (account: string) => boolean;
  onError: (error: unknown, account: string) => void;
  times?: Partial<WatchTimes>;
}

/** In milliseconds. */
export interface WatchTimes {
  /** For how long somebody follows who says so once. They say it again every 10 seconds. */
  follow: number;
  /** How often those who do no more are looked for. */
  tendEvery: number;
  watcher: Partial<WatcherTimes>;
}

export interface Watch {
  /** How many accounts are followed. */
  readonly size: number;
  operations: Pick<Mail, "followAccount" | "getChanges">;
  /** The same list, with the position to follow from. */
  withState(list: Mail["listMessages"]): Mail["listMessages"];
  /** Its settings are others now: a connection under the old ones is no good. */
  settingsChanged(account: string): void;
  /** The account is in this state now, as far as this process knows. */
  stateChanged(account: string, state: AccountState, detail: string | null): void;
  /** Hears nobody any more. */
  stop(): Promise<void>;
}

interface Followed {
  until: number;
  watcher: Watcher;
}

const FOLLOW_MS = 35_000;
const TEND_EVERY_MS = 5_000;
const POKE_MS = 120_000;

export function createWatch({ core, log, isWanted, isOwned, onError, times = {} }: WatchOptions): Watch {
  const { follow: followMs = FOLLOW_MS, tendEvery = TEND_EVERY_MS, watcher: watcherTimes } = times;
  const sequences = createSequences({ core, log });
  const followed = new Map<string, Followed>();
  let isStopped = false;

  const poke = (account: string): void => {
    const again = sequences.bringUpToDate(account, backgroundCall(POKE_MS));
    again.catch((error: unknown) => {
      if (!isFailure(error)) onError(error, account);
    });
  };

  const newWatcher = (account: string): Watcher =>
    new Watcher({
      account,
      sessions: core.sessions,
      onNews: () => poke(account),
      isWanted: () => isWanted(account),
      times: watcherTimes,
    });

  const follow = (account: string): void => {
    if (isStopped) return;
    const watcher = followed.get(account)?.watcher ?? newWatcher(account);
    followed.set(account, { watcher, until: Date.now() + followMs });
  };

  const end = async (account: string): Promise<void> => {
    const known = followed.get(account);
    followed.delete(account);
    await known?.watcher.stop();
  };

  // What a request of ours has changed is told without waiting for the mail server to say so.
  core.causes.listen((account) => {
    if (followed.has(account)) poke(account);
  });

  const tend = setInterval(() => {
    for (const [account, { until }] of followed) if (until < Date.now() || !isOwned(account)) void end(account);
  }, tendEvery);
  tend.unref();

  return {
    get size() {
      return followed.size;
    },
    settingsChanged: (account) => {
      sequences.forget(account);
      const known = followed.get(account);
      if (!known) return;
      void known.watcher.stop();
      if (!isStopped) known.watcher = newWatcher(account);
    },
    stateChanged: (account, state, detail) => {
      if (state === "connecting" || state === "disabled") return;
      const noting = sequences.noteState(account, state, detail);
      noting.catch((error: unknown) => {
        if (!isFailure(error)) onError(error, account);
      });
    },
    operations: {
      followAccount: async ({ account }: Input<"followAccount">, call) => {
        const head = await sequences.begin(account, call);
        follow(account);
        return { state: head };
      },
      getChanges: async (input: Input<"getChanges">, call): Promise<Output<"getChanges">> => {
        const head = await sequences.bringUpToDate(input.account, call);
        if (input.since === undefined)
          return { created: [], updated: [], destroyed: [], newState: head, hasMore: false };
        return changesIn(log, { ...input, since: input.since });
      },
    },
    withState: (list) => async (input, call) => {
      const position = sequences.known(input.account) ?? (await sequences.state(input.account, call));
      const answer = await list(input, call);
      return answer.notModified ? { ...answer, state: position } : answer.withState(position);
    },
    stop: async () => {
      isStopped = true;
      clearInterval(tend);
      await Promise.all([...followed.keys()].map(end));
    },
  };
}

function backgroundCall(ms: number): Call {
  const signal = new AbortController().signal;
  return { requestId: "watch", actor: "postern", deadline: Date.now() + ms, signal, report: newReport() };
}
