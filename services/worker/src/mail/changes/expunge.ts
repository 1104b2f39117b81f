import { Failure } from "@postern/protocol";
import type { Core } from "../core.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import type { Row } from "./admit.ts";

const DELETED = ["\\Deleted"];

/**
 * Takes messages out of the mailbox that is selected, and no others; those that were left because they were changed after
 * `since` are given back. Without UIDPLUS there is only an EXPUNGE of all that is marked `\Deleted` (RFC 4315 section 1):
 * it is not sent where others have marked any, and the marks that were made for it are taken back.
 */
export async function expungeRows(
  core: Core,
  { account, session }: OpenMailbox,
  rows: readonly Row[],
  since?: bigint,
): Promise<{ modified: ReadonlySet<number> }> {
  core.ownership.assertHeld(account.id);
  const stored = await session.store(
    rows.map(({ uid }) => uid),
    { add: DELETED },
    since,
  );
  const modified = new Set(stored.modified);
  const marked = rows.filter(({ uid }) => !modified.has(uid));
  const uids = marked.map(({ uid }) => uid);
  if (uids.length === 0) return { modified };
  core.ownership.assertHeld(account.id);
  if (session.abilities.uidPlus) await session.expunge(uids);
  else await expungeIfAlone(session, marked, uids);
  return { modified };
}

async function expungeIfAlone(
  session: OpenMailbox["session"],
  marked: readonly Row[],
  uids: readonly number[],
): Promise<void> {
  const ours = new Set(uids);
  const others = (await session.search({ flag: "\\Deleted" })).filter((uid) => !ours.has(uid));
  if (others.length === 0) return session.expungeAll();
  const before = marked.filter(({ state }) => !state.flags.some((flag) => flag.toLowerCase() === "\\deleted"));
  await session.store(
    before.map(({ uid }) => uid),
    { remove: DELETED },
  );
  throw new Failure("expunge-withheld", {
    detail: `The mail server expunges all that is marked \\Deleted, and ${others.length} other messages are.`,
    outcome: "none",
  });
}
