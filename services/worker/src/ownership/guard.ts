import {
  type AnyOperation,
  type ByteStream,
  type Call,
  changing,
  isFailure,
  type Mail,
  mailOf,
  type OperationName,
  operations,
} from "@postern/protocol";
import { Misdirected } from "@postern/wire";
import type { OwnedAccount } from "./account.ts";
import type { LiveOwnership } from "./ownership.ts";

/** What needs no connection and is the same whoever answers. */
const anybodys: ReadonlySet<string> = new Set(["createAccount", "listAccounts", "getAccount"]);

/**
 * The same mail, where calls about an account are let in only while this process acts for it, and what it found out
 * without is not given away. `onMisdirected` is told of each call that is sent to another process.
 */
export function guardMail(
  mail: Mail,
  ownership: LiveOwnership,
  onMisdirected: (operation: OperationName) => void = () => undefined,
): Mail {
  return mailOf((name) => {
    const perform = mail[name] as AnyOperation;
    if (anybodys.has(name)) return perform;
    const { kind } = operations[name];
    const isChanging = changing.has(name);
    return async (input, call, body) => {
      const { account } = input as { account?: unknown };
      if (typeof account !== "string") return perform(input, call, body);
      const owned = await enter(ownership, account, call).catch((error: unknown) => {
        if (error instanceof Misdirected) onMisdirected(name);
        throw isChanging ? undone(error) : error;
      });
      let isStreaming = false;
      try {
        const answer = await perform(input, call, body);
        if (!isChanging && !ownership.isOwned(account, owned)) throw new Misdirected(null);
        // Its lease went with it.
        if (name === "deleteAccount") ownership.lost(account);
        if (kind !== "stream") return answer;
        isStreaming = true;
        return counted(answer as ByteStream, owned);
      } catch (error) {
        // Cut off under it: whoever acts for the account now is to be asked.
        if (!isChanging && !ownership.isOwned(account, owned)) throw new Misdirected(null);
        throw error;
      } finally {
        if (isStreaming) owned.becomesStream();
        else owned.leave();
      }
    };
  });
}

/** Who was not let in has changed nothing; who is sent to somebody else may yet. */
function undone(error: unknown): unknown {
  const isUntold = isFailure(error) && !(error instanceof Misdirected) && error.outcome === undefined;
  return isUntold ? error.withOutcome("none") : error;
}

/** Nobody leaves between the look and the entry. */
async function enter(ownership: LiveOwnership, account: string, call: Call): Promise<OwnedAccount> {
  for (;;) {
    const owned = ownership.owned(account);
    if (owned) {
      owned.enter();
      return owned;
    }
    await ownership.claim(account, call);
  }
}

/** Whoever is given a stream drains it or returns it. */
function counted({ head, body }: ByteStream, owned: OwnedAccount): ByteStream {
  const iterator = body[Symbol.asyncIterator]();
  let isOver = false;
  const over = (): void => {
    if (!isOver) owned.leaveStream();
    isOver = true;
  };
  const step = async (work: Promise<IteratorResult<Uint8Array>>): Promise<IteratorResult<Uint8Array>> => {
    try {
      const result = await work;
      if (result.done) over();
      return result;
    } catch (error) {
      over();
      throw error;
    }
  };
  const next = (): Promise<IteratorResult<Uint8Array>> => step(iterator.next());
  const leave = (): Promise<IteratorResult<Uint8Array>> =>
    step(iterator.return ? iterator.return() : Promise.resolve({ done: true, value: undefined }));
  return { head, body: { [Symbol.asyncIterator]: () => ({ next, return: leave }) } };
}
