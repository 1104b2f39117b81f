/** Connections that one host may get from this process, over all accounts. */
const PER_HOST = 500;

/** One who takes places of a host: the sessions of an account. */
export interface Tenant {
  /** Gives up something that it does not use at the moment. False: there is none. */
  spare(): boolean;
  /** There may be a place for it now. */
  retry(): void;
}

interface Host {
  taken: number;
  /** Who has how many; who took one last is last. */
  holders: Map<Tenant, number>;
  wanting: Set<Tenant>;
  /** How many are about to be given back for those who want one. */
  promised: number;
}

/** Places that mail hosts have for us, counted over all accounts of this process. */
export class HostPlaces {
  private readonly hosts = new Map<string, Host>();
  private readonly perHost: number;

  constructor(perHost: number = PER_HOST) {
    this.perHost = perHost;
  }

  /** The way to give it back; null: there is none, the others were asked for one, and `retry` will be called. */
  take(written: string, tenant: Tenant): (() => void) | null {
    const name = oneName(written);
    const host = this.hosts.get(name) ?? { taken: 0, holders: new Map(), wanting: new Set(), promised: 0 };
    this.hosts.set(name, host);
    if (host.taken >= this.perHost) {
      if (!host.wanting.has(tenant) && askForOne(host, tenant)) host.promised += 1;
      host.wanting.add(tenant);
      return null;
    }
    host.taken += 1;
    host.wanting.delete(tenant);
    const held = heldBy(host, tenant) + 1;
    host.holders.delete(tenant);
    host.holders.set(tenant, held);
    return () => this.give(name, host, tenant);
  }

  /**
   * Whether one who holds a place is to give it up for another; they have promised it then. Who needs it themselves gives
   * only to one who has less even then, lest it go to and fro.
   */
  isWanted(name: string, tenant: Tenant, isNeeded: boolean): boolean {
    const host = this.hosts.get(oneName(name));
    if (!host) return false;
    const mine = heldBy(host, tenant);
    const others = [...host.wanting].filter((other) => other !== tenant);
    const poorer = isNeeded ? others.filter((other) => heldBy(host, other) + 1 < mine) : others;
    if (poorer.length <= host.promised) return false;
    host.promised += 1;
    return true;
  }

  private give(name: string, host: Host, tenant: Tenant): void {
    host.taken -= 1;
    host.promised = Math.max(0, host.promised - 1);
    const left = heldBy(host, tenant) - 1;
    if (left > 0) host.holders.set(tenant, left);
    else host.holders.delete(tenant);
    // Those who have least come first, otherwise in turn.
    for (const other of [...host.wanting].sort((a, b) => heldBy(host, a) - heldBy(host, b))) {
      if (host.taken >= this.perHost) break;
      host.wanting.delete(other);
      other.retry();
    }
    if (host.taken === 0 && host.wanting.size === 0) this.hosts.delete(name);
  }
}

/** RFC 4343: names are the same whatever their case; a dot at the end says only that they are whole. */
function oneName(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

function heldBy({ holders }: Host, tenant: Tenant): number {
  return holders.get(tenant) ?? 0;
}

/** Of those who have not taken one for longest. */
function askForOne({ holders }: Host, tenant: Tenant): boolean {
  for (const holder of holders.keys()) if (holder !== tenant && holder.spare()) return true;
  return false;
}

/** Half of what the strictest known server lets a user have (Dovecot: 10, Gmail: 15), so that mail clients find room too. */
export const PER_ACCOUNT = 5;

const TRY_ONE_MORE_AFTER_MS = 10 * 60_000;
/** A server that says nothing may have had another reason. */
const DOUBT_AFTER_MS = 60_000;

/** How many connections an account may have: less where its server has said so, and now and then one more, in case it changed. */
export class LearntLimit {
  private limit: number;
  private raiseAt = 0;
  private isSuspicion = false;
  private readonly most: number;
  private readonly now: () => number;

  constructor(most: number, now: () => number) {
    this.most = most;
    this.limit = most;
    this.now = now;
  }

  get current(): number {
    if (this.limit < this.most && this.now() >= this.raiseAt) {
      this.limit += 1;
      this.raiseAt = this.now() + (this.isSuspicion ? DOUBT_AFTER_MS : TRY_ONE_MORE_AFTER_MS);
    }
    return this.limit;
  }

  get isLearnt(): boolean {
    return this.current < this.most;
  }

  /** The server said that one more than `others` is too many. */
  refusedBeyond(others: number): void {
    this.lower(others, false);
  }

  /** It closed one more than `others` without a word, as some do (Courier) at their limit, and all do in trouble. */
  suspectBeyond(others: number): void {
    this.lower(others, true);
  }

  /** It closes the only one as well: it was not the number. */
  clearSuspicion(): void {
    if (!this.isSuspicion) return;
    this.limit = this.most;
    this.isSuspicion = false;
  }

  private lower(others: number, isSuspicion: boolean): void {
    // What was said goes before what is guessed.
    if (isSuspicion && this.isLearnt && !this.isSuspicion && others >= this.limit) return;
    this.limit = Math.max(1, Math.min(this.limit, others));
    this.isSuspicion = isSuspicion;
    this.raiseAt = this.now() + (isSuspicion ? DOUBT_AFTER_MS : TRY_ONE_MORE_AFTER_MS);
  }
}
