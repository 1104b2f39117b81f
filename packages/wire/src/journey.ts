import { setTimeout as delay } from "node:timers/promises";
import { changing, type OperationName } from "@postern/protocol";
import { Lost, NotReached } from "./client.ts";
import { Misdirected, type WorkerAddress } from "./misdirected.ts";

/** Far more than any account changes hands under one call; then its caller is to decide. */
const MOST_HOPS = 24;
/** When everybody says that it is not them, or is away, the account is on its way from one to another. */
const PAUSE_MS = 200;
/** Longest time in which that is waited for. */
const PATIENCE_MS = 10_000;

/** The way of one call to the worker that acts for its account. */
export class Journey {
  /** Ids of those that could not be reached, or were lost under the call. */
  private readonly unreachable = new Set<string>();
  /** Ids of those that said that they do not act for the account just now. */
  private readonly notNow = new Set<string>();
  /** All of these, ever. */
  private readonly asked = new Set<string>();
  private hops = 0;
  private readonly began = performance.now();
  private readonly name: OperationName;
  /** Those who live, as far as is known now, in the account's own order. */
  private readonly ranked: () => readonly WorkerAddress[];
  private readonly deadline: number;

  constructor(name: OperationName, ranked: () => readonly WorkerAddress[], deadline: number) {
    this.name = name;
    this.ranked = ranked;
    this.deadline = deadline;
  }

  /** Those that were asked in vain: whoever is asked now need not send the call back to them. */
  get inVain(): string[] {
    return [...this.asked];
  }

  /** Who is to be asked after `asked` has failed so. Throws the failure where nobody is, or nobody may be. */
  async after(asked: WorkerAddress, error: unknown): Promise<WorkerAddress> {
    this.hops += 1;
    const next = this.hops < MOST_HOPS && Date.now() < this.deadline ? await this.goOn(asked, error) : null;
    if (next) return next;
    throw changing.has(this.name) ? withOutcome(error) : error;
  }

  private goOn(asked: WorkerAddress, error: unknown): WorkerAddress | Promise<WorkerAddress | null> | null {
    if (error instanceof Misdirected) return this.redirected(asked, error.owner);
    // A dead worker is listed until its entry expires. A call that cannot have arrived goes to the next one, and so does
    // one that changes nothing; whether one that changes something was carried out nobody knows.
    const mayGoOn = error instanceof NotReached || (error instanceof Lost && !changing.has(this.name));
    if (!mayGoOn) return null;
    this.asked.add(asked.id);
    this.unreachable.add(asked.id);
    return this.next() ?? this.again();
  }

  private redirected(asked: WorkerAddress, owner: WorkerAddress | null): WorkerAddress | Promise<WorkerAddress | null> {
    if (owner && owner.id !== asked.id && !this.unreachable.has(owner.id) && !this.notNow.has(owner.id)) return owner;
    if (owner === null) {
      this.asked.add(asked.id);
      this.notNow.add(asked.id);
    }
    return this.next() ?? this.again();
  }

  private next(): WorkerAddress | null {
    return this.ranked().find(({ id }) => !this.unreachable.has(id) && !this.notNow.has(id)) ?? null;
  }

  /** Somebody may be ready in a moment: one that takes over, or a new one. */
  private async again(): Promise<WorkerAddress | null> {
    while (performance.now() - this.began < PATIENCE_MS && this.ranked().length > 0) {
      await delay(PAUSE_MS);
      this.notNow.clear();
      this.unreachable.clear();
      const next = this.next();
      if (next) return next;
    }
    return null;
  }
}

/** For those that change something. */
function withOutcome(error: unknown): unknown {
  if (error instanceof NotReached || error instanceof Misdirected) return error.withOutcome("none");
  return error instanceof Lost ? error.withOutcome("unknown") : error;
}
