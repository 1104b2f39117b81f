import { type Call, type ChangeResult, Failure, isFailure, type Target } from "@postern/protocol";
import type { Core } from "../core.ts";
import { follow, noSuchMessage, type Place, placesOf } from "../locate-message.ts";
import type { AccountRef } from "../mailboxes/registry.ts";

/** A message that is to be changed, and where it is. */
export interface Wish {
  target: Target;
  place: Place;
}

/** Messages of one mailbox that are changed together. */
export interface Chunk {
  account: AccountRef;
  /** The mailbox's key. */
  mailbox: number;
  wishes: readonly Wish[];
  results: Results;
  lane: "interactive" | "bulk";
  call: Call;
}

/** What became of each message. What is told twice, such as when a session is replaced, is as told last. */
export class Results {
  private readonly byId = new Map<string, ChangeResult>();

  done(id: string, message: Extract<ChangeResult, { ok: true }>["message"]): void {
    this.byId.set(id, { id, ok: true, message });
  }

  failed(id: string, failure: Failure): void {
    this.byId.set(id, { id, ok: false, failure: failure.toJSON() });
  }

  has(id: string): boolean {
    return this.byId.has(id);
  }

  /** Whether it was found gone before anything was done. */
  isGone(id: string): boolean {
    const result = this.byId.get(id);
    return result?.ok === false && result.failure.code === "message-gone" && result.failure.outcome === "none";
  }

  /** Ids of what messages have become that have others now, such as copies. */
  made(): string[] {
    return [...this.byId.values()].flatMap((each) =>
      each.ok && each.message?.id !== undefined && each.message.id !== each.id ? [each.message.id] : [],
    );
  }

  of(id: string): ChangeResult {
    return this.byId.get(id) ?? { id, ok: false, failure: noSuchMessage().toJSON() };
  }
}

/** Messages that fit into one command line whatever their UIDs are, so that a command is for all of a chunk or for none. */
const CHUNK = 300;

/**
 * Changes messages wherever they are, a mailbox after the other and in chunks: `perform` tells the results of its chunk, or
 * throws what is then the result of all that have none yet. What is wrong with the account or its server ends it.
 */
export async function runChanges(
  core: Core,
  { account, messages, call }: { account: AccountRef; messages: readonly Target[]; call: Call },
  perform: (chunk: Chunk) => Promise<void>,
): Promise<{ results: ChangeResult[] }> {
  const results = new Results();
  const round: Round = { account, call, results, lane: messages.length > 50 ? "bulk" : "interactive" };
  const wishes = await locate(core, round, messages);
  const tellEnd = core.causes.begin(account.id, [...new Set(messages.map(({ id }) => id))], call);
  try {
    const end = await performAll(round, wishes, perform);
    if (!end) await performAll(round, await movedMeanwhile(core, round, wishes), perform);
  } finally {
    tellEnd(results.made());
  }
  return { results: messages.map(({ id }) => results.of(id)) };
}

type Round = Omit<Chunk, "mailbox" | "wishes">;

/** What ended it, if anything did. */
async function performAll(
  round: Round,
  wishes: readonly Wish[],
  perform: (chunk: Chunk) => Promise<void>,
): Promise<Failure | null> {
  const { results } = round;
  let end: Failure | null = null;
  for (const chunk of chunksOf(wishes)) {
    try {
      if (end) throw end;
      await perform({ ...round, ...chunk });
    } catch (error) {
      const failure = Failure.from(error);
      if (failure.code === "internal") throw error;
      for (const { target } of chunk.wishes) if (!results.has(target.id)) results.failed(target.id, outcomeOf(failure));
      if (!isOfMailbox(failure)) end ??= failure;
    }
  }
  return end;
}

/** Those that were gone when they were to be changed, and are found elsewhere: nothing was done to them yet. */
async function movedMeanwhile(core: Core, { account, call, results }: Round, wishes: readonly Wish[]): Promise<Wish[]> {
  const missing = wishes.filter(({ target }) => results.isGone(target.id));
  if (missing.length === 0) return [];
  const asked = missing.map(({ target, place }) => ({ id: target.id, place }));
  const found = await follow(core, account, asked, call);
  return missing.flatMap(({ target }) => {
    const place = found.get(target.id);
    return place ? [{ target, place }] : [];
  });
}

/** What failed before anything was sent that changes something has changed nothing. */
function outcomeOf(failure: Failure): Failure {
  return failure.outcome ? failure : failure.withOutcome("none");
}

const ofMailbox = ["not-found", "message-gone", "not-permitted", "not-possible", "upstream-refused"] as const;

function isOfMailbox(failure: Failure): boolean {
  return ofMailbox.some((code) => isFailure(failure, code));
}

async function locate(core: Core, { account, call, results }: Round, messages: readonly Target[]): Promise<Wish[]> {
  const targets = new Map(messages.toReversed().map((target) => [target.id, target]));
  const places = await placesOf(core, account, [...targets.keys()]);
  const lost = [...places].flatMap(([id, place]) => (isFailure(place, "message-gone") ? [{ id, place: null }] : []));
  for (const [id, place] of lost.length > 0 ? await follow(core, account, lost, call) : []) places.set(id, place);
  return [...targets].toReversed().flatMap(([id, target]): Wish[] => {
    const place = places.get(id) ?? noSuchMessage();
    if (!(place instanceof Failure)) return [{ target, place }];
    results.failed(id, outcomeOf(place));
    return [];
  });
}

function chunksOf(wishes: readonly Wish[]): Pick<Chunk, "mailbox" | "wishes">[] {
  return [...Map.groupBy(wishes, ({ place }) => place.mailbox)].flatMap(([mailbox, group]) =>
    Array.from({ length: Math.ceil(group.length / CHUNK) }, (_, at) => ({
      mailbox,
      wishes: group.slice(at * CHUNK, (at + 1) * CHUNK),
    })),
  );
}
