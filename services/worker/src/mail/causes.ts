import type { Call } from "@postern/protocol";

interface Cause {
  requestId: string;
  actor: string;
}

/**
 * Which request did what, for as long as it takes until the change is found. What is found later has no cause. What is changed
 * has a name: the id of a message or mailbox, `pathName` for a mailbox to come, `insideName` for all that leaves a mailbox.
 */
export interface Causes {
  /** A request is about to change what has these names. The way to tell that it has, and what it has made besides. */
  begin(account: string, names: readonly string[], call: Caller): (made?: readonly string[]) => void;
  /** A request has changed this. */
  note(account: string, names: readonly string[], call: Caller): void;
  of(account: string, name: string): Cause | null;
  /** All changes were found that had ended at that time: what the same things come to later is somebody else's doing. */
  found(account: string, asOf: number): void;
  /** Is told of accounts in which a request has changed something, or may have. */
  listen(listener: (account: string) => void): void;
}

type Caller = Pick<Call, "requestId" | "actor" | "deadline">;

interface Known extends Cause {
  until: number;
  /** Null: it may yet be changed. */
  endedAt: number | null;
}

/** Whoever follows is told long before; where nobody does, it is remembered for no longer. */
const AFTERWARDS_MS = 30_000;

export const pathName = (path: string): string => `path ${path}`;
export const insideName = (mailboxId: string): string => `in ${mailboxId}`;

export function createCauses(now: () => number = Date.now): Causes {
  const accounts = new Map<string, Map<string, Known>>();
  const listeners: ((account: string) => void)[] = [];

  const put = (account: string, names: readonly string[], cause: Known): void => {
    if (names.length === 0) return;
    const known = accounts.get(account) ?? new Map<string, Known>();
    for (const [name, { until }] of known) {
      if (until > now()) break;
      known.delete(name);
    }
    for (const name of names) {
      // At the end, so that what is over first is about first.
      known.delete(name);
      known.set(name, cause);
    }
    accounts.delete(account);
    accounts.set(account, known);
    forgetIdle();
  };
  const forgetIdle = (): void => {
    for (const [account, known] of accounts) {
      const last = [...known.values()].at(-1);
      if (last && last.until > now()) return;
      accounts.delete(account);
    }
  };
  const end = (account: string, names: readonly string[], cause: Cause): void => {
    put(account, names, { ...cause, until: now() + AFTERWARDS_MS, endedAt: now() });
    for (const listener of listeners) listener(account);
  };

  return {
    begin: (account, names, { requestId, actor, deadline }) => {
      const cause = { requestId, actor };
      put(account, names, { ...cause, until: deadline, endedAt: null });
      return (made = []) => end(account, [...names, ...made], cause);
    },
    note: (account, names, { requestId, actor }) => end(account, names, { requestId, actor }),
    of: (account, name) => {
      const cause = accounts.get(account)?.get(name);
      return cause && cause.until > now() ? { requestId: cause.requestId, actor: cause.actor } : null;
    },
    found: (account, asOf) => {
      const known = accounts.get(account);
      for (const [name, { endedAt }] of known ?? []) if (endedAt !== null && endedAt < asOf) known?.delete(name);
    },
    listen: (listener) => void listeners.push(listener),
  };
}
