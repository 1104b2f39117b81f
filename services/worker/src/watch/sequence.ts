import {
  type Call,
  comparePositions,
  Failure,
  isFailure,
  type NewEvent,
  newReport,
  type Position,
} from "@postern/protocol";
import type { EventLog, LogStep } from "@postern/store";
import type { Core } from "../mail/core.ts";
import type { AccountRef } from "../mail/mailboxes/registry.ts";
import { accountRef } from "../mail/open-mailbox.ts";
import { GroupCommit } from "../mirror/group-commit.ts";
import { packOpening, readOpening } from "./opening.ts";
import { BEGUN, OPENING, Round, type Seen } from "./round.ts";
import type { SeenMailbox } from "./seen.ts";

/**
 * An account's sequence of changes, and how it is brought up to date: the mail server is asked what every mailbox's state
 * is, what differs from what was seen is looked at, and what has happened is written together with what was seen now.
 * Nothing is told that is not written, and what was written is never found again.
 */
export interface Sequences {
  /** The end of the sequence after everything that the server had acknowledged to anyone before this was called. */
  bringUpToDate(account: string, call: Call): Promise<Position>;
  /**
   * A position from which on nothing is missed. No command but the first time, and even then nothing is read of the messages
   * where the server counts its changes, or where they are many.
   */
  state(account: string, call: Call): Promise<Position>;
  /**
   * The end of the sequence, which begins now if it has not yet. No command where it has. Where the first look takes longer than
   * this, the position from before it: nothing is missed from there on, but where nobody can tell what has changed meanwhile it
   * expires.
   */
  begin(account: string, call: Call, patienceMs?: number): Promise<Position>;
  /** As `state`, where it is at hand; null: it has to be looked up. */
  known(account: string): Position | null;
  /** Tells of the account's state where it is another than was told; nothing where the sequence has not begun. */
  noteState(account: string, state: ToldState, detail: string | null): Promise<void>;
  forget(account: string): void;
}

export type ToldState = "connected" | "authenticationFailed" | "unreachable";

export interface SequencesOptions {
  core: Core;
  log: EventLog;
}

interface Memory extends Seen {
  epoch: number;
  head: Position;
  /** As it was told last. */
  state: string | null;
}

const STATE = "state";
const ACCOUNTS = 5_000;
const DEADLINE_MS = 120_000;
/** Where flags change without being counted, so many messages are looked at at once: nobody could tell later. */
const FEW = 20_000;
/** Nobody waits for longer until an account was seen whole. */
const BEGIN_MS = 5_000;

export function createSequences({ core, log }: SequencesOptions): Sequences {
  const memories = new Map<string, Memory>();
  const running = new Map<string, GroupCommit<Position>>();
  const turns = new Map<string, Promise<unknown>>();
  const bereft = new Set<string>();
  /** The latest positions that were written here: more lasting than what is in memory of the rest. */
  const written = new Map<string, Position>();

  const remembered = (account: string, epoch: number): Memory | null => {
    const known = memories.get(account);
    return known?.epoch === epoch ? known : null;
  };

  const load = async (account: string): Promise<Memory> => {
    const epoch = core.ownership.epochOf(account);
    const known = remembered(account, epoch);
    if (known) return known;
    const { head, heads } = await log.heads(account);
    const last = written.get(account);
    // The storage has forgotten what it had taken: positions that were given out must not be given again.
    if (last !== undefined && comparePositions(head, last) < 0) bereft.add(account);
    const begun = heads.delete(BEGUN);
    const state = heads.get(STATE) ?? null;
    heads.delete(STATE);
    const opened = heads.get(OPENING);
    const opening = opened === undefined ? null : readOpening(opened);
    heads.delete(OPENING);
    const mailboxes = [...heads.values()].map((text) => JSON.parse(text) as SeenMailbox);
    const memory = {
      epoch,
      head,
      begun,
      opening,
      state,
      mailboxes: new Map(mailboxes.map((seen) => [seen.key, seen])),
    };
    memories.delete(account);
    memories.set(account, memory);
    const [oldest] = memories.keys();
    if (memories.size > ACCOUNTS && oldest !== undefined) memories.delete(oldest);
    return memory;
  };

  /** Whatever goes wrong: what is in memory may not be what is stored any more. */
  const write = async (account: string, memory: Memory, step: Omit<LogStep, "epoch" | "after">): Promise<void> => {
    core.ownership.assertHeld(account);
    memories.delete(account);
    const after = memory.head;
    const result = await log.append(account, { ...step, epoch: memory.epoch, after, raises: bereft.has(account) });
    if (!result.taken) {
      if (result.because === "after" && comparePositions(result.head, after) < 0) bereft.add(account);
      throw new Failure("unavailable", { detail: "The account's log ends elsewhere.", retryAfter: 1 });
    }
    bereft.delete(account);
    written.set(account, result.head);
    memory.head = result.head;
    memories.set(account, memory);
  };

  /** One after the other: each goes on from where the one before has ended. */
  const inTurn = async <T>(account: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(account) ?? Promise.resolve();
    const mine = before.then(work, work);
    turns.set(account, mine);
    try {
      return await mine;
    } finally {
      if (turns.get(account) === mine) turns.delete(account);
    }
  };

  /** The first position, from before anything was looked at. */
  const openFor = async (account: AccountRef, memory: Memory, call: Call): Promise<Position> => {
    if (memory.begun || memory.opening !== null) return memory.head;
    const opening = packOpening(await core.listings.current(account, "all", call));
    await write(account.id, memory, { events: [], heads: [[OPENING, opening]], begins: true });
    memory.opening = readOpening(opening);
    return memory.head;
  };

  /** What is known of an account of which at least the first position was given. */
  const opened = (id: string): Promise<Memory> =>
    inTurn(id, async () => {
      const memory = await load(id);
      await openFor(await accountRef(core, id), memory, ownCall());
      return memory;
    });

  const compare = async (id: string): Promise<Position> => {
    core.ownership.assertHeld(id);
    const begunAt = Date.now();
    const call = ownCall();
    const account = await accountRef(core, id);
    const memory = await load(id);
    await openFor(account, memory, call);
    const round = new Round(core, log, account, memory, call);
    await round.look();
    for await (const step of round.steps()) await write(id, memory, step);
    core.causes.found(id, begunAt);
    return memory.head;
  };

  /** Once more where what it went on from had changed meanwhile. */
  const compareTwice = (id: string): Promise<Position> =>
    inTurn(id, async () => {
      try {
        return await compare(id);
      } catch (error) {
        memories.delete(id);
        if (!isFailure(error, "unavailable")) throw error;
        return compare(id);
      }
    });

  const bringUpToDate = async (account: string, call: Call): Promise<Position> => {
    const commit = running.get(account) ?? new GroupCommit(() => compareTwice(account));
    running.set(account, commit);
    try {
      return await within(call, commit.ask());
    } finally {
      if (commit.isIdle && running.get(account) === commit) running.delete(account);
    }
  };

  const begin = async (account: string, call: Call, patienceMs = BEGIN_MS): Promise<Position> => {
    const { begun, opening, head } = await load(account);
    if (begun) return head;
    const first = opening === null ? opened(account) : Promise.resolve({ head });
    first.catch(() => undefined);
    try {
      const deadline = Math.min(call.deadline, Date.now() + patienceMs);
      return await bringUpToDate(account, { ...call, deadline });
    } catch (error) {
      if (!isFailure(error, "upstream-timeout")) throw error;
      return (await within(call, first)).head;
    }
  };

  return {
    bringUpToDate,
    begin,
    state: async (account, call) => {
      const known = await load(account);
      const memory = known.begun || known.opening ? known : await within(call, opened(account));
      return canBeFollowed(memory) ? memory.head : begin(account, call);
    },
    known: (account) => {
      const memory = remembered(account, core.ownership.epochOf(account));
      return memory && canBeFollowed(memory) ? memory.head : null;
    },
    noteState: (account, state, detail) =>
      inTurn(account, async () => {
        const memory = await load(account);
        if (!memory.begun || memory.state === state) return;
        memory.state = state;
        const time = new Date().toISOString();
        const event: NewEvent = { type: `account.${state}`, time, cause: null, account: { state, detail } };
        await write(account, memory, { events: [event], heads: [[STATE, state]] });
      }),
    forget: (account) => void memories.delete(account),
  };
}

/** Whether what happens after its position can be told later; where it never can, nothing is gained by looking now. */
function canBeFollowed({ begun, opening }: Memory): boolean {
  return begun || (opening !== null && (opening.isCounted || opening.messages > FEW));
}

const neverAborts = new AbortController().signal;

function ownCall(): Call {
  const call = { requestId: "watch", actor: "postern", signal: neverAborts, report: newReport() };
  return { ...call, deadline: Date.now() + DEADLINE_MS };
}

/** Waits no longer than the caller does. */
async function within<T>(call: Call, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const detail = "What has changed could not be found out within the time that the request had.";
  const timer = setTimeout(
    () => late.reject(new Failure("upstream-timeout", { detail })),
    Math.max(0, Math.min(call.deadline - Date.now(), 0x7fffffff)),
  );
  const giveUp = (): void => late.reject(new Failure("cancelled"));
  call.signal.addEventListener("abort", giveUp, { once: true });
  if (call.signal.aborted) giveUp();
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    call.signal.removeEventListener("abort", giveUp);
  }
}
