import { createHash } from "node:crypto";
import {
  type AnyOperation,
  type Call,
  Failure,
  type Input,
  type Mail,
  mailOf,
  newAccountId,
  type Octets,
  type OperationName,
} from "@postern/protocol";
import type { FarMail, FarWorker } from "./client.ts";
import { Journey } from "./journey.ts";
import { knowPages } from "./known-pages.ts";
import type { WorkerAddress } from "./misdirected.ts";
import { Owners } from "./owners.ts";

export interface RouteOptions {
  /** Who lives, as far as is known now. */
  workers: () => readonly WorkerAddress[];
  connect: (url: string) => FarWorker;
}

/**
 * One `Mail` over many workers. All calls of an account go to the same one, which rendezvous hashing names without
 * anybody having to agree: when a worker comes or goes, only its own accounts move. Where another worker has the account
 * at the moment, the one that is asked says who, and the call goes there.
 */
export function routeMail(options: RouteOptions): FarMail {
  const links = openLinks(options.connect);
  const ranked = rememberRanks();
  const owners = new Owners();
  const operation = (name: OperationName): AnyOperation => {
    const ask = (worker: WorkerAddress, input: unknown, call: Call, body?: Octets): Promise<unknown> =>
      (links.to(worker.url)[name] as AnyOperation)(input, call, body);
    return async (input, call, body) => {
      const named = name === "createAccount" ? withId(input as Input<"createAccount">) : input;
      const key = routingKey(named);
      // Octets can be sent once: who has the account is found out before.
      if (body) await operation("getMessages")({ account: key, ids: [], fields: ["id"] }, call);
      const living = links.keep(options.workers());
      let asked = owners.of(key, living) ?? ranked(living, key)[0];
      if (!asked) throw new Failure("unavailable", { detail: "No worker is ready.", retryAfter: 1 });
      for (let journey: Journey | null = null; ; ) {
        try {
          const answer = await ask(asked, named, journey ? { ...call, askedInVain: journey.inVain } : call, body);
          if (journey) owners.note(key, asked, ranked(links.keep(options.workers()), key)[0]);
          return answer;
        } catch (error) {
          if (call.signal.aborted) throw error;
          journey ??= new Journey(name, () => ranked(links.keep(options.workers()), key), call.deadline);
          asked = await journey.after(asked, error);
          owners.forget(key);
        }
      }
    };
  };
  // Those who wait for a worker that is lost make no calls that would notice.
  const watch = setInterval(() => links.keep(options.workers()), WATCH_MS);
  watch.unref();
  const close = async (): Promise<void> => {
    clearInterval(watch);
    await links.close();
  };
  return { mail: knowPages(mailOf(operation)), close };
}

const WATCH_MS = 1_000;

interface Links {
  to(url: string): Mail;
  /** Lets go of those that left, and hands the list on. */
  keep(living: readonly WorkerAddress[]): readonly WorkerAddress[];
  close(): Promise<void>;
}

function openLinks(connect: (url: string) => FarWorker): Links {
  const links = new Map<string, FarWorker>();
  let last: readonly WorkerAddress[] = [];
  const take = (urls: readonly string[]): FarWorker[] => {
    const taken = urls.flatMap((url) => links.get(url) ?? []);
    for (const url of urls) links.delete(url);
    return taken;
  };
  return {
    to: (url) => {
      const link = links.get(url) ?? connect(url);
      links.set(url, link);
      return link.mail;
    },
    keep: (living) => {
      if (living === last) return living;
      last = living;
      const urls = new Set(living.map((worker) => worker.url));
      for (const link of take([...links.keys()].filter((url) => !urls.has(url)))) void link.retire();
      return living;
    },
    close: async () => {
      await Promise.all(take([...links.keys()]).map((link) => link.close()));
    },
  };
}

/** An account must have its id before it is registered, so that its first call goes where all later ones will. */
function withId(input: Input<"createAccount">): Input<"createAccount"> {
  return { ...input, account: { ...input.account, id: input.account.id ?? newAccountId() } };
}

/** The account of a call, wherever its input names one; calls about no account may go anywhere. */
function routingKey(input: unknown): string {
  const { account } = input as { account?: string | { id?: string | undefined } };
  if (typeof account === "string") return account;
  return account?.id ?? "";
}

/** Ranking takes hashes, and most calls are of accounts that were called a moment ago. */
function rememberRanks(): (workers: readonly WorkerAddress[], key: string) => WorkerAddress[] {
  let of: readonly WorkerAddress[] = [];
  let known = new Map<string, WorkerAddress[]>();
  return (workers, key) => {
    if (workers !== of || known.size >= MOST_RANKS) known = new Map();
    of = workers;
    const ranks = known.get(key) ?? rank(workers, key);
    known.set(key, ranks);
    return ranks;
  };
}

const MOST_RANKS = 100_000;

/** Best first: the order in which the workers' hashes with the key fall (highest random weight). */
export function rank(workers: readonly WorkerAddress[], key: string): WorkerAddress[] {
  if (workers.length < 2) return [...workers];
  return workers
    .map((worker) => ({ worker, weight: weigh(worker.id, key) }))
    .sort((a, b) => b.weight - a.weight || (a.worker.id < b.worker.id ? -1 : 1))
    .map(({ worker }) => worker);
}

function weigh(worker: string, key: string): number {
  return createHash("sha1").update(`${worker}\0${key}`).digest().readUIntBE(0, 6);
}
