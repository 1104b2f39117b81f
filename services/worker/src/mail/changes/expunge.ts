import { type Call, Failure } from "@postern/protocol";
import type { Core } from "../core.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { hasFlag, type Row } from "./admit.ts";

const DELETED = ["\\Deleted"];

type Expunging = Pick<Row, "uid" | "state">;

export interface Expunged {
  /** Left as they were, because they were changed after `since`. */
  modified: ReadonlySet<number>;
  /** Why nothing was expunged; others may have expunged some in the meantime. */
  withheld: Failure | null;
}

/** Without UIDPLUS, two of our own would take each other's marks for those of others: what marks and expunges takes turns. */
export function inTurnToExpunge<T>(
  core: Core,
  { session, account, record }: OpenMailbox,
  call: Call,
  work: () => Promise<T>,
): Promise<T> {
  return session.abilities.uidPlus ? work() : core.expunging.take(`expunge ${account.key} ${record.key}`, work, call);
}

/**
 * Takes messages out of the mailbox that is selected, and no others. Without UIDPLUS there is only an EXPUNGE of all that is
 * marked `\Deleted` (RFC 4315 section 1): it is not sent where others have marked any, and the marks that were made for it
 * are taken back.
 */
export function expungeRows(
  core: Core,
  open: OpenMailbox,
  rows: readonly Expunging[],
  call: Call,
  since?: bigint,
): Promise<Expunged> {
  return inTurnToExpunge(core, open, call, () => markAndExpunge(core, open, rows, since));
}

/** Why these could not be expunged without others; null: they could, for all that is known now. */
export async function whyWithheld({ session }: OpenMailbox, rows: readonly { uid: number }[]): Promise<Failure | null> {
  if (session.abilities.uidPlus) return null;
  const ours = new Set(rows.map(({ uid }) => uid));
  const others = (await session.search({ flag: "\\Deleted" })).filter((uid) => !ours.has(uid));
  return others.length > 0 ? expungeWithheld(others.length) : null;
}

/** As `expungeRows`, within a turn that was taken already. */
export async function markAndExpunge(
  core: Core,
  open: OpenMailbox,
  rows: readonly Expunging[],
  since?: bigint,
): Promise<Expunged> {
  const { account, session } = open;
  core.ownership.assertHeld(account.id);
  const stored = await session.store(
    rows.map(({ uid }) => uid),
    { add: DELETED },
    since,
  );
  const modified = new Set(stored.modified);
  const marked = rows.filter(({ uid }) => !modified.has(uid));
  if (marked.length === 0) return { modified, withheld: null };
  if (!session.abilities.uidPlus) return { modified, withheld: await expungeIfAlone(core, open, marked) };
  core.ownership.assertHeld(account.id);
  await session.expunge(marked.map(({ uid }) => uid));
  return { modified, withheld: null };
}

async function expungeIfAlone(core: Core, open: OpenMailbox, marked: readonly Expunging[]): Promise<Failure | null> {
  const { account, session } = open;
  const withheld = await whyWithheld(open, marked);
  core.ownership.assertHeld(account.id);
  if (!withheld) {
    await session.expungeAll();
    return null;
  }
  const before = marked.filter(({ state }) => !hasFlag(state, "\\deleted"));
  await session.store(
    before.map(({ uid }) => uid),
    { remove: DELETED },
  );
  return withheld;
}

function expungeWithheld(others: number): Failure {
  return new Failure("expunge-withheld", {
    detail: `The mail server expunges all that is marked \\Deleted, and ${others} other messages are.`,
    outcome: "none",
  });
}
