import { comparePositions, type Event, type Position } from "@postern/protocol";
import type { Store, WebhookCursor, WebhookDelivery, WebhookRecord } from "@postern/store";
import { wants } from "../live/index.ts";
import { attempt, type Attempt, type Attempts } from "./attempt.ts";
import { deliveryId } from "./delivery-id.ts";
import { gapOf, type Payload, payloadOf } from "./payload.ts";

export interface LaneOptions extends Attempts {
  store: Pick<Store, "events" | "webhooks">;
  /** This process, under a name that none had before. */
  holder: string;
  /** How long one who is not heard of keeps a cursor to themselves: longer than an attempt may take. */
  leaseMs: number;
  /** Between one attempt and the next; after the last the webhook is disabled. */
  retryMs: readonly number[];
  onError: (error: unknown) => void;
}

const AT_ONCE = 100;
/** Somebody else wrote first. */
const SOON_MS = 50;
const STORE_AWAY_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What is to be sent, and where the cursor is once it was. */
interface Next {
  position: Position;
  payload: Payload | null;
}

/** One webhook in one account: sends its events in their order, one after the other, while it holds the cursor. */
export class Lane {
  private readonly options: LaneOptions;
  private readonly account: string;
  private readonly scope: string | null;
  private readonly id: string;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | null = null;
  private isStale = false;
  private isClosed = false;

  constructor(options: LaneOptions, account: string, { id, account: scope }: WebhookRecord) {
    this.options = options;
    this.account = account;
    this.scope = scope;
    this.id = id;
  }

  /** There may be something to send. */
  look(): void {
    if (this.isClosed) return;
    if (this.working) {
      this.isStale = true;
      return;
    }
    clearTimeout(this.timer);
    this.working = this.roundAndOn();
  }

  private async roundAndOn(): Promise<void> {
    const again = await this.round();
    this.working = null;
    if (this.isClosed) return;
    if (this.isStale) this.look();
    else if (again !== null) this.timer = setTimeout(() => this.look(), Math.min(again, LONGEST_TIMER_MS));
  }

  /** Resolves when what was under way has ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.working;
  }

  /** In how many milliseconds to look again if nothing is heard before. */
  private async round(): Promise<number | null> {
    this.isStale = false;
    try {
      return await this.work();
    } catch (error) {
      this.options.onError(error);
      return STORE_AWAY_MS;
    }
  }

  private async work(): Promise<number | null> {
    const { holder, leaseMs } = this.options;
    const webhook = await this.webhook();
    const found =
      webhook && ((await this.options.store.webhooks.cursor(this.account, this.id)) ?? (await this.first()));
    if (!webhook || !found) return null;
    const now = Date.now();
    if (found.owner !== null && found.owner !== holder && found.leaseUntil > now) return found.leaseUntil - now;
    if (found.nextAt > now) return found.nextAt - now;
    const next = await this.nextOf(webhook, found.after);
    if (next.length === 0) return null;
    const cursor = await this.put({ ...found, owner: holder, leaseUntil: now + leaseMs });
    return cursor ? this.deliver(cursor, next) : SOON_MS;
  }

  private async deliver(held: WebhookCursor, next: readonly Next[]): Promise<number | null> {
    let cursor: WebhookCursor | null = { ...held };
    for (const [place, { position, payload }] of next.entries()) {
      const isLast = place === next.length - 1;
      if (payload === null) {
        cursor.after = position;
        if (isLast) await this.put({ ...cursor, owner: null });
        continue;
      }
      // What was changed meanwhile counts from the next attempt on.
      const webhook = this.isClosed ? null : await this.webhook();
      if (!webhook) {
        await this.put({ ...cursor, owner: null });
        return null;
      }
      const result = await attempt(this.options, webhook, payload);
      if (!result.isDelivered) return this.failed(webhook, cursor, { position, payload }, result);
      cursor = await this.put(
        this.advanced(cursor, position, isLast),
        this.deliveryOf(cursor, position, payload, result),
      );
      if (!cursor) return SOON_MS;
    }
    return 0;
  }

  private advanced(cursor: WebhookCursor, after: Position, isLast: boolean): WebhookCursor {
    const { holder, leaseMs } = this.options;
    const lease = { owner: isLast ? null : holder, leaseUntil: Date.now() + leaseMs };
    return { ...cursor, ...lease, after, failures: 0, failingSince: null, nextAt: 0 };
  }

  private async failed(
    webhook: WebhookRecord,
    cursor: WebhookCursor,
    { position, payload }: { position: Position; payload: Payload },
    result: Attempt,
  ): Promise<number | null> {
    const now = Date.now();
    const failures = cursor.failures + 1;
    const wait = result.isGone ? undefined : this.options.retryMs[cursor.failures];
    const delivery = this.deliveryOf(cursor, position, payload, result);
    const failingSince = cursor.failingSince ?? now;
    if (wait !== undefined) {
      const nextAt = now + wait;
      const put = await this.put(
        { ...cursor, failures, failingSince, nextAt, owner: null },
        { ...delivery, state: "retrying", nextAt },
      );
      return put ? wait : SOON_MS;
    }
    await this.disable(webhook, result.isGone ? "gone" : "failing");
    await this.put({ ...cursor, failures: 0, failingSince, nextAt: 0, owner: null }, { ...delivery, state: "failed" });
    return SOON_MS;
  }

  /** Unless somebody has changed it meanwhile, who may have mended it: then it is tried again. */
  private async disable(webhook: WebhookRecord, disabled: "gone" | "failing"): Promise<void> {
    await this.options.store.webhooks.update({ ...webhook, disabled, updatedAt: Date.now() });
  }

  private deliveryOf(cursor: WebhookCursor, position: Position, { type }: Payload, result: Attempt): WebhookDelivery {
    const { status, error } = result;
    return {
      id: deliveryId(this.account, position),
      event: position,
      type,
      state: "delivered",
      attempts: cursor.failures + 1,
      status,
      error,
      at: Date.now(),
      nextAt: null,
    };
  }

  private async nextOf(webhook: WebhookRecord, after: Position): Promise<Next[]> {
    const { events } = this.options.store;
    const read = await events.read(this.account, { after, limit: AT_ONCE });
    if (read) {
      const isWanted = wantedBy(webhook);
      return read.events.map((event) => ({
        position: event.id,
        payload: isWanted(event) ? payloadOf(webhook, event) : null,
      }));
    }
    const span = await events.span(this.account);
    if (!span) return [];
    const resumed = comparePositions(after, span.oldest) < 0 ? span.oldest : span.head;
    return [{ position: resumed, payload: gapOf(webhook, this.account, after, resumed) }];
  }

  private async webhook(): Promise<WebhookRecord | null> {
    const found = await this.options.store.webhooks.get(this.scope, this.id);
    return found && found.disabled === null ? found : null;
  }

  /** Accounts that were there when the webhook was made have a cursor: this one, or its sequence, is newer. */
  private async first(): Promise<WebhookCursor | null> {
    const span = await this.options.store.events.span(this.account);
    return span && newCursor(this.id, span.oldest);
  }

  private async put(cursor: WebhookCursor, delivery?: WebhookDelivery): Promise<WebhookCursor | null> {
    const isPut = await this.options.store.webhooks.putCursor(this.account, cursor, delivery);
    return isPut ? { ...cursor, version: cursor.version + 1 } : null;
  }
}

export function newCursor(webhook: string, after: Position): WebhookCursor {
  return { webhook, version: 0, after, failures: 0, failingSince: null, nextAt: 0, owner: null, leaseUntil: 0 };
}

function wantedBy({ types, mailboxes }: WebhookRecord): (event: Event) => boolean {
  return wants({ types: (types ?? undefined) as Event["type"][] | undefined, mailboxes: mailboxes ?? undefined });
}
