import type { MailboxNews } from "../imap/session.ts";
import type { Mirror, MirroredMessage } from "./mirror.ts";

interface Gathered extends MirroredMessage {
  sequence: number;
  isDoubtful: boolean;
}

/**
 * Takes what one connection says about a mailbox into its mirror. `opening`: where messages stand in the connection's count
 * is not known yet; `following`: mirror and connection count alike; `lost`: the connection has said something that does not
 * fit, and the mailbox must be opened anew.
 */
export class Feed implements MailboxNews {
  readonly since: MailboxNews["since"];
  state: "opening" | "following" | "lost" = "opening";
  /** As the connection counts. */
  count = 0;
  /** There are messages that nothing is known of yet. */
  hasNew = false;
  /** Goes up with everything that shifts numbers, or that could not be taken in. */
  moves = 0;
  private readonly mirror: Mirror;
  private byUid = false;
  private resyncs = false;
  private gathered: Map<number, Gathered> | null = null;
  private gathers: "new" | "below" | "all" = "new";

  constructor(mirror: Mirror, since: MailboxNews["since"]) {
    this.mirror = mirror;
    this.since = since;
  }

  opening(byUid: boolean, resyncs: boolean): void {
    this.byUid = byUid;
    this.resyncs = resyncs;
    this.count = 0;
    if (resyncs) this.gather("new");
  }

  get isLost(): boolean {
    return this.state === "lost";
  }

  /** Mirror and connection count alike from here on. */
  follow(): void {
    if (this.state === "opening") this.state = "following";
  }

  lose(): void {
    this.state = "lost";
  }

  /** From here on these are put aside: messages above those that the mirror holds, below them, or all. */
  gather(which: "new" | "below" | "all"): void {
    this.gathered = new Map();
    this.gathers = which;
  }

  /** What was put aside, ascending by UID; those in doubt are to be noted once they are held. */
  takeGathered(): Gathered[] {
    const all = [...(this.gathered?.values() ?? [])];
    this.gathered = null;
    return all.sort((a, b) => a.uid - b.uid);
  }

  exists(count: number): void {
    if (count > this.count) this.hasNew = true;
    else if (count < this.count && this.state === "following") this.lose();
    this.count = count;
    this.moves += 1;
  }

  expunged(sequence: number): void {
    this.count -= 1;
    this.moves += 1;
    // It has promised to tell by UID.
    if (this.byUid && this.state === "following") this.lose();
    if (this.state === "following" && sequence <= this.mirror.total) this.mirror.expunge(sequence);
    this.shift(sequence);
  }

  private shift(sequence: number): void {
    for (const each of this.gathered?.values() ?? []) {
      if (each.sequence === sequence) this.gathered?.delete(each.uid);
      else if (each.sequence > sequence) each.sequence -= 1;
    }
  }

  vanished(from: number, to: number, earlier: boolean): void {
    this.moves += 1;
    if (!this.byUid) return this.lose();
    if (!earlier) this.count -= to - from + 1;
    this.mirror.vanish(from, to);
    if (!earlier && from < this.mirror.floor) this.mirror.touch();
    if (!this.gathered) return;
    for (const uid of this.gathered.keys()) if (uid >= from && uid <= to) this.gathered.delete(uid);
  }

  flags(sequence: number, uid: number | null, flags: readonly string[], modseq: bigint | null): void {
    if (this.state === "lost") return;
    const known = uid ?? this.uidAt(sequence);
    if (known === null) return this.unknown();
    if (this.state === "opening" && !this.resyncs && !this.gathered) return;
    if (this.isToGather(known)) this.put(sequence, known, flags, modseq);
    else this.mirror.setFlags(known, flags, modseq);
  }

  private isToGather(uid: number): boolean {
    const { mirror, gathers } = this;
    if (!this.gathered) return false;
    if (!mirror.isBuilt || gathers === "all") return true;
    return gathers === "new" ? uid >= mirror.uidNext : uid < mirror.floor;
  }

  private put(sequence: number, uid: number, flags: readonly string[], modseq: bigint | null): void {
    const before = this.gathered?.get(uid);
    const isDoubtful = modseq === null && this.mirror.countsChanges;
    if (before && modseq !== null && modseq < (before.modseq ?? 0n)) return;
    this.gathered?.set(uid, { uid, sequence, flags, modseq, isDoubtful });
  }

  private uidAt(sequence: number): number | null {
    for (const each of this.gathered?.values() ?? []) if (each.sequence === sequence) return each.uid;
    return this.state === "following" ? this.mirror.uidAt(sequence) : null;
  }

  /** Of a message below the floor, or of one that is still to be learnt of. */
  private unknown(): void {
    this.mirror.touch();
    if (this.state === "opening") this.moves += 1;
    else if (this.byUid) this.lose();
  }

  ended(): void {
    this.lose();
  }
}
