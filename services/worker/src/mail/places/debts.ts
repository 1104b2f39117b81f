import type { MessagePlace } from "@postern/store";
import type { AccountRef } from "../mailboxes/registry.ts";

export interface Move {
  from: MessagePlace;
  to: MessagePlace;
}

const RETRY_MS = 500;
/** After these it is left to whoever asks next: another worker may act for the account. */
const RETRIES = 240;
/** Of an account whose table cannot be written for so long, others find the rest again by what is in the messages. */
const MOST = 10_000;

/**
 * Moves that the mail server has made and that could not be written down, since the store was away. They are written before
 * anything is looked up for their account, and as soon as the store is back: an id that was moved in such a moment must not
 * be taken for one of a message that is gone.
 */
export class Debts {
  private readonly owed = new Map<number, Move[]>();
  private readonly paying = new Map<number, Promise<void>>();
  private readonly write: (account: AccountRef, moves: readonly Move[]) => Promise<void>;

  constructor(write: (account: AccountRef, moves: readonly Move[]) => Promise<void>) {
    this.write = write;
  }

  /** Null: nothing is owed, which needs no waiting. Throws where it still cannot be written. */
  settle(account: AccountRef): Promise<void> | null {
    return this.owed.has(account.key) ? this.pay(account) : null;
  }

  add(account: AccountRef, moves: readonly Move[]): void {
    const owed = this.owed.get(account.key);
    this.owed.set(account.key, [...(owed ?? []), ...moves].slice(-MOST));
    if (!owed) this.later(account);
  }

  private pay(account: AccountRef): Promise<void> {
    const { key } = account;
    const running = this.paying.get(key);
    if (running) return running;
    const paying = this.all(account).finally(() => this.paying.delete(key));
    this.paying.set(key, paying);
    return paying;
  }

  /** In their order; what is added meanwhile comes after. */
  private async all(account: AccountRef): Promise<void> {
    for (let moves = this.owed.get(account.key); moves; moves = this.owed.get(account.key)) {
      await this.write(account, moves);
      const left = (this.owed.get(account.key) ?? []).slice(moves.length);
      if (left.length === 0) this.owed.delete(account.key);
      else this.owed.set(account.key, left);
    }
  }

  private later(account: AccountRef, tries = 1): void {
    if (tries > RETRIES) return;
    const again = setTimeout(() => {
      this.settle(account)?.catch(() => this.later(account, tries + 1));
    }, RETRY_MS);
    // It keeps no process alive. In this room nobody knows which kind of timer it is.
    (again as { unref?: () => void }).unref?.();
  }
}
