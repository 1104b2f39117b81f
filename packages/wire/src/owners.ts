import type { WorkerAddress } from "./misdirected.ts";

const MOST = 100_000;

/** Who was found to act for an account, where that is not the one whom the ranking names. */
export class Owners {
  private readonly found = new Map<string, WorkerAddress>();

  /** Null: nobody is known who is still listed. */
  of(key: string, living: readonly WorkerAddress[]): WorkerAddress | null {
    if (this.found.size === 0) return null;
    const owner = this.found.get(key);
    if (!owner) return null;
    if (living.some(({ id }) => id === owner.id)) return owner;
    this.found.delete(key);
    return null;
  }

  note(key: string, owner: WorkerAddress, ranked: WorkerAddress | undefined): void {
    if (owner.id === ranked?.id) {
      this.forget(key);
      return;
    }
    if (this.found.size >= MOST) this.found.clear();
    this.found.set(key, owner);
  }

  forget(key: string): void {
    if (this.found.size > 0) this.found.delete(key);
  }
}
