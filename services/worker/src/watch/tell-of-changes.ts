import { type AnyOperation, changing, type Mail, mailOf } from "@postern/protocol";
import type { Causes } from "../mail/causes.ts";
import type { Watch } from "./watch.ts";

/**
 * The same mail, where what a request has changed, or may have, is told to followers without waiting for the mail server to
 * say so, and with the request as its cause.
 */
export function tellOfChanges(mail: Mail, watch: Pick<Watch, "changed">, causes: Causes): Mail {
  return mailOf((name) => {
    const perform = mail[name] as AnyOperation;
    if (!changing.has(name)) return perform;
    return async (input, call, body) => {
      const { account } = input as { account?: unknown };
      if (typeof account !== "string") return perform(input, call, body);
      const end = causes.begin(account, idsIn((input as { messages?: unknown }).messages), call);
      let made: string[] = [];
      try {
        const output = await perform(input, call, body);
        const { results, message } = output as { results?: unknown; message?: unknown };
        made = [...idsIn(results), ...idsIn([message])];
        return output;
      } finally {
        end(made);
        watch.changed(account);
      }
    };
  });
}

/** Of messages, or of results that have one. */
function idsIn(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    const { id, message } = (each ?? {}) as { id?: unknown; message?: unknown };
    return [...(typeof id === "string" ? [id] : []), ...(message === undefined ? [] : idsIn([message]))];
  });
}
