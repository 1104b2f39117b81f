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

/**
 * Takes messages out of the mailbox that is selected, and no others. Without UIDPLUS there is only an EXPUNGE of all that is
 * marked `\Deleted` (RFC 4315 section 1): it is not sent where others have marked any, and the marks that were made for it
 * are taken back. Two of our own would take each other's marks for those of others, so they take turns.
 */
export function expungeRows(
  core: Core,
  open: OpenMailbox,
  rows: readonly Expunging[],
  call: Call,
  since?: bigint,
): Promise<Expunged> {
  const { session, account, record } = open;
  const work = (): Promise<Expunged> => markAndExpunge(core, open, rows, since);
  return session.abilities.uidPlus ? work() : core.expunging.take(`expunge ${account.key} ${record.key}`, work, call);
}

async function markAndExpunge(
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

async function expungeIfAlone(
  core: Core,
  { account, session }: OpenMailbox,
  marked: readonly Expunging[],
): Promise<Failure | null> {
  const ours = new Set(marked.map(({ uid }) => uid));
  const others = (await session.search({ flag: "\\Deleted" })).filter((uid) => !ours.has(uid));
  core.ownership.assertHeld(account.id);
  if (others.length === 0) {
    await session.expungeAll();
    return null;
  }
  const before = marked.filter(({ state }) => !hasFlag(state, "\\deleted"));
  await session.store(
    before.map(({ uid }) => uid),
    { remove: DELETED },
  );
  return expungeWithheld(others.length);
}

export function expungeWithheld(others: number): Failure {
  return new Failure("expunge-withheld", {
    detail: `The mail server expunges all that is marked \\Deleted, and ${others} other messages are.`,
    outcome: "none",
  });
}
