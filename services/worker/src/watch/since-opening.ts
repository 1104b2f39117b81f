import type { Call } from "@postern/protocol";
import type { Core } from "../mail/core.ts";
import { inParallel } from "../mail/list/in-parallel.ts";
import type { AccountRef } from "../mail/mailboxes/registry.ts";
import { openMailbox } from "../mail/open-mailbox.ts";
import type { Look } from "./look.ts";
import { type OpenedMailbox, type Opening, type Since, sinceOpening } from "./opening.ts";
import type { Found, Known } from "./reconcile.ts";
import type { SeenMailbox } from "./seen.ts";

/** What has changed in an account since its first position was given. */
export interface SinceOpening {
  found: readonly (Found & { gone: readonly Known[] })[];
  /** What is known of a message that there was at the first position: nothing but that. */
  known: (mailbox: number, uid: number) => Known | null;
  created: readonly SeenMailbox[];
  renamed: readonly { now: SeenMailbox; path: string }[];
  deleted: readonly { key: number; path: string }[];
}

export interface SeenNow {
  /** Keys of all mailboxes that were listed. */
  there: ReadonlySet<number>;
  mailboxes: readonly SeenMailbox[];
  looks: readonly Look[];
}

/** Who has a position from before so many changes reads anew: that is cheaper. */
const MOST = 5_000;

/** Null: nobody can tell, or it is more than is worth telling. */
export async function changesSinceOpening(
  core: Core,
  account: AccountRef,
  opening: Opening,
  now: SeenNow,
  call: Call,
): Promise<SinceOpening | null> {
  // Which messages were in a mailbox that is no more, or cannot be looked into any more, its counters do not say.
  const looked = new Set(now.looks.map(({ mailbox }) => mailbox));
  for (const [key, { counters }] of opening.mailboxes) if (counters?.messages && !looked.has(key)) return null;
  const changed = now.looks.filter((look) => !isUnchanged(opening.mailboxes.get(look.mailbox), look.mailboxNow));
  const since = await inParallel(changed, (look) => {
    const request = { account, mailbox: look.mailbox, lane: "bulk", call } as const;
    const present = new Set(look.present.map(({ uid }) => uid));
    return openMailbox(core, request, async (open) => {
      const what = await sinceOpening(open, opening.mailboxes.get(look.mailbox), present);
      const come = [...present].filter((uid) => what && uid >= what.uidNext);
      // Those that were shown at another place keep their ids.
      if (come.length <= MOST) await open.idsOf(come);
      return what;
    });
  });
  const found = changed.map((look, index) => foundSince(look, since[index] ?? null));
  if (found.some((each) => each === null)) return null;
  const told = found.flatMap((each) => each ?? []);
  if (told.reduce((sum, { present, gone }) => sum + present.length + gone.length, 0) > MOST) return null;
  const uidNexts = new Map(changed.map(({ mailbox }, index) => [mailbox, since[index]?.uidNext ?? 0]));
  return {
    found: told,
    known: (mailbox, uid) => (uid < (uidNexts.get(mailbox) ?? 0) ? unknown(uid) : null),
    created: now.mailboxes.filter(({ key }) => !opening.mailboxes.has(key)),
    renamed: now.mailboxes.flatMap((mailbox) => {
      const path = opening.mailboxes.get(mailbox.key)?.path ?? mailbox.path;
      return path === mailbox.path ? [] : [{ now: mailbox, path }];
    }),
    deleted: [...opening.mailboxes].flatMap(([key, { path }]) => (now.there.has(key) ? [] : [{ key, path }])),
  };
}

function isUnchanged(opened: OpenedMailbox | undefined, now: SeenMailbox): boolean {
  const before = opened?.counters;
  if (!before || before.uidValidity !== now.uidValidity || before.uidNext !== now.uidNext) return false;
  if (before.messages !== now.count) return false;
  return before.highestModseq === null ? now.count === 0 : before.highestModseq.toString() === now.highestModseq;
}

function foundSince(look: Look, since: Since | null): SinceOpening["found"][number] | null {
  if (!since) return null;
  const { mailbox, uidValidity, present } = look;
  return {
    mailbox,
    uidValidity,
    knownValidity: uidValidity,
    present: present.filter(({ uid }) => uid >= since.uidNext || since.changed.has(uid)),
    gone: since.gone.map(unknown),
  };
}

const unknown = (uid: number): Known => ({ uid, flags: null, guid: null, id: null });
