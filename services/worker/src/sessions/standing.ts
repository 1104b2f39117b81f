import { type AccountState, Failure } from "@postern/protocol";
import type { Counts } from "../pool/index.ts";
import type { BackOff } from "./back-off.ts";
import type { LearntLimit } from "./limits.ts";
import { reauthRequired, wait } from "./refusals.ts";

/** How an account stands with its server, under one generation of its settings. */
export class Standing {
  readonly limit: LearntLimit;
  readonly backOff: BackOff;
  private refusedHere: Failure | null = null;
  private refusedElsewhere: Failure | null = null;
  /** What came of the latest attempt to connect, if nothing has gone well since. */
  last: Failure | null = null;

  constructor(limit: LearntLimit, backOff: BackOff) {
    this.limit = limit;
    this.backOff = backOff;
  }

  /** Its login was refused: what everybody is told until something changes. */
  get refused(): Failure | null {
    return this.refusedHere ?? this.refusedElsewhere;
  }

  /** What is on record: another process, or an earlier life of this one, was told so. */
  noteRecord(refusal: string | null): void {
    this.refusedElsewhere = refusal === null ? null : reauthRequired(refusal);
  }

  succeeded(): void {
    this.last = null;
    this.backOff.succeeded();
  }

  /** An attempt beside `others` failed. What it makes of the account's state; null: nothing. */
  failed(failure: Failure, others: Counts): { state: AccountState; detail: string | null } | null {
    if (failure.code === "login-refused") {
      const words = failure.upstream?.text ?? failure.detail ?? "";
      this.refusedHere = reauthRequired(words, failure);
      return { state: "authenticationFailed", detail: words };
    }
    this.last = failure;
    // Some of those that are being opened may fail as well: each of them then lowers what is made of it.
    const alive = others.free + others.lent + others.opening;
    if (failure.code === "upstream-connection-limit" && alive > 0) {
      this.limit.refusedBeyond(alive);
      return null;
    }
    this.backOff.failed(failure);
    if (alive === 0) {
      this.limit.clearSuspicion();
      return { state: "unreachable", detail: failure.detail };
    }
    if (failure.code === "upstream-unreachable") this.limit.suspectBeyond(alive);
    return null;
  }

  /** Why nobody may connect just now. */
  resting(): Failure | null {
    const rest = this.backOff.rest();
    return rest && wait(rest.last, rest.ms);
  }

  /** Whether one more may be opened beside so many that are being opened. */
  mayOpen(opening: number): boolean {
    return !this.refused && !this.backOff.rest() && !(this.backOff.isProbing && opening > 0);
  }
}
