import { type Call, Failure, type FlagChange as FlagWish, type Input, type Output } from "@postern/protocol";
import type { FlagChange } from "../imap/session.ts";
import { admit, flagState, isConditional, preconditionFailed, type Row, shown } from "./changes/admit.ts";
import { failureOfChange, lookUp, partlyDone, withOutcome } from "./changes/look-up.ts";
import { type Chunk, runChanges } from "./changes/run.ts";
import type { Core } from "./core.ts";
import { messageGone, openForMessages } from "./locate-message.ts";
import { accountRef, type OpenMailbox } from "./open-mailbox.ts";
import { type FlagState, readFlags } from "./rows/flags.ts";

/** Flags of messages, each only in a state that its `ifMatch` names. */
export async function changeFlags(core: Core, input: Input<"changeFlags">, call: Call): Promise<Output<"changeFlags">> {
  const account = await accountRef(core, input.account);
  return runChanges(core, { account, messages: input.messages, call }, (chunk) =>
    changeChunk(core, chunk, input.flags),
  );
}

interface Attempt {
  open: OpenMailbox;
  rows: Row[];
}

export async function changeChunk(core: Core, chunk: Chunk, wish: FlagWish): Promise<void> {
  const begun: { attempt: Attempt | null } = { attempt: null };
  try {
    await openForMessages(core, { ...chunk, write: true }, async (open) => {
      refuseLost(open, wish);
      const rows = await admit(open, chunk);
      if (rows.length === 0) return;
      begun.attempt = { open, rows };
      const [conditional, free] = split(rows, ({ target }) => target.ifMatch !== undefined && isConditional(open));
      await storeAll(core, chunk, open, conditional, wish, highest(open, conditional));
      await storeAll(core, chunk, open, free, wish, undefined);
    });
  } catch (error) {
    if (!begun.attempt) throw error;
    await settle(core, chunk, begun.attempt, wish, failureOfChange(error));
  }
}

/** A keyword that the server does not keep would be gone with the session (RFC 9051 section 7.1, PERMANENTFLAGS). */
function refuseLost({ state }: OpenMailbox, { add = [], set = [] }: FlagWish): void {
  const kept = "permanentFlags" in state ? state.permanentFlags : null;
  if (kept === null) return;
  const names = new Set(kept.map((flag) => flag.toLowerCase()));
  const lost = [...add, ...set].filter((flag) => {
    const isKept = names.has(flag.toLowerCase()) || (names.has("\\*") && !flag.startsWith("\\"));
    return !isKept;
  });
  if (lost.length === 0) return;
  throw new Failure("not-possible", {
    detail: `The mail server does not keep ${lost.join(", ")} in this mailbox.`,
    outcome: "none",
  });
}

/**
 * What every later change of any message is above (RFC 7162 section 3.1): all were seen in the state that they are to be
 * in, and nothing that has happened in the mailbox since can have a MODSEQ as low.
 */
function highest({ state }: OpenMailbox, rows: readonly Row[]): bigint {
  return rows.reduce((most, row) => max(most, row.state.modseq ?? 0n), state.highestModseq ?? 0n);
}

const max = (one: bigint, other: bigint): bigint => (one > other ? one : other);

async function storeAll(
  core: Core,
  chunk: Chunk,
  open: OpenMailbox,
  rows: readonly Row[],
  wish: FlagWish,
  since: bigint | undefined,
): Promise<void> {
  const states = new Map<number, FlagState>();
  let left = rows;
  // Only the first is conditional: what others do between the two comes after this change.
  for (const [at, step] of stepsOf(wish).entries()) {
    if (left.length === 0) return;
    core.ownership.assertHeld(chunk.account.id);
    const uids = left.map(({ uid }) => uid);
    const stored = await open.session.store(uids, step, at === 0 ? since : undefined);
    for (const row of stored.rows) states.set(row.uid, flagState(row));
    const modified = new Set(at === 0 ? stored.modified : []);
    const [stale, fresh] = split(left, ({ uid }) => modified.has(uid));
    await refuseStale(chunk, open, stale);
    left = fresh;
  }
  await tell(chunk, open, left, states);
}

export function stepsOf({ add = [], remove = [], set }: FlagWish): FlagChange[] {
  if (set) return [{ set }];
  return [...(add.length > 0 ? [{ add }] : []), ...(remove.length > 0 ? [{ remove }] : [])];
}

async function refuseStale({ results }: Chunk, open: OpenMailbox, rows: readonly Row[]): Promise<void> {
  const now = await readFlags(
    open.session,
    rows.map(({ uid }) => uid),
  );
  for (const { target, uid } of rows) {
    const state = now.get(uid);
    results.failed(
      target.id,
      state ? await preconditionFailed(open, target.id, uid, state) : messageGone().withOutcome("none"),
    );
  }
}

/** Servers need not tell the flags of what was as it was to be, nor of what others expunged meanwhile. */
async function tell(
  { results }: Chunk,
  open: OpenMailbox,
  rows: readonly Row[],
  told: ReadonlyMap<number, FlagState>,
): Promise<void> {
  const untold = rows.map(({ uid }) => uid).filter((uid) => !told.has(uid));
  const states = new Map([...told, ...(await readFlags(open.session, untold))]);
  for (const { target, uid } of rows) {
    const state = states.get(uid);
    if (state) results.done(target.id, await shown(open, target.id, uid, state));
    else results.failed(target.id, messageGone());
  }
}

/** After a refusal or a lost connection the flags themselves tell what was done. */
async function settle(
  core: Core,
  chunk: Chunk,
  { open, rows }: Attempt,
  wish: FlagWish,
  failure: Failure,
): Promise<void> {
  const left = rows.filter(({ target }) => !chunk.results.has(target.id));
  const uids = left.map(({ uid }) => uid);
  const seen = await lookUp(
    core,
    chunk,
    failure,
    async (session) => {
      const state = await session.examine(open.record.path);
      return state?.uidValidity === open.state.uidValidity ? readFlags(session, uids) : null;
    },
    (found) => found !== null && left.every((row) => holds(wish, (found.get(row.uid) ?? row.state).flags)),
  );
  for (const row of left) {
    const now = seen?.found?.get(row.uid);
    if (now && holds(wish, now.flags))
      chunk.results.done(row.target.id, await shown(open, row.target.id, row.uid, now));
    else if (seen?.found && !now) chunk.results.failed(row.target.id, messageGone());
    else chunk.results.failed(row.target.id, await explain(open, row, now, failure, seen?.isFinal ?? false));
  }
}

async function explain(
  open: OpenMailbox,
  row: Row,
  now: FlagState | undefined,
  failure: Failure,
  isFinal: boolean,
): Promise<Failure> {
  if (!now) return withOutcome(failure, "unknown");
  if (sameFlags(now.flags, row.state.flags)) return withOutcome(failure, isFinal ? "none" : "unknown");
  const current = await shown(open, row.target.id, row.uid, now);
  return partlyDone("The flags were not all changed.", failure, current);
}

/** Whether flags are as the change would leave them. */
export function holds({ add = [], remove = [], set }: FlagWish, flags: readonly string[]): boolean {
  const has = new Set(flags.map((flag) => flag.toLowerCase()));
  if (set) return sameFlags(set, flags);
  return add.every((flag) => has.has(flag.toLowerCase())) && !remove.some((flag) => has.has(flag.toLowerCase()));
}

function sameFlags(one: readonly string[], other: readonly string[]): boolean {
  const folded = (flags: readonly string[]): string =>
    [...new Set(flags.map((flag) => flag.toLowerCase()))].sort().join(" ");
  return folded(one) === folded(other);
}

function split<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
