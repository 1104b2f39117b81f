import type { Call } from "@postern/protocol";

interface Cause {
  requestId: string;
  actor: string;
}

/** Which request did what to which message, for as long as it takes until the change is found. What is found later has no cause. */
export interface Causes {
  /** A request is about to change these messages. The way to tell that it has ended, and which others it has made. */
  begin(account: string, ids: readonly string[], call: Call): (made: readonly string[]) => void;
  of(account: string, id: string): Cause | null;
}

/** Mail servers tell of changes half a second later. */
const AFTERWARDS_MS = 3_000;

export function createCauses(now: () => number = Date.now): Causes {
  const known = new Map<string, Cause & { until: number }>();
  const sweep = (): void => {
    for (const [name, { until }] of known) {
      if (until > now()) return;
      known.delete(name);
    }
  };
  const put = (account: string, ids: readonly string[], cause: Cause, until: number): void => {
    for (const id of ids) {
      // At the end, so that what is over first is first.
      known.delete(`${account} ${id}`);
      known.set(`${account} ${id}`, { ...cause, until });
    }
  };
  return {
    begin: (account, ids, { requestId, actor, deadline }) => {
      sweep();
      const cause = { requestId, actor };
      put(account, ids, cause, deadline);
      return (made) => put(account, [...ids, ...made], cause, now() + AFTERWARDS_MS);
    },
    of: (account, id) => {
      const cause = known.get(`${account} ${id}`);
      return cause && cause.until > now() ? { requestId: cause.requestId, actor: cause.actor } : null;
    },
  };
}
