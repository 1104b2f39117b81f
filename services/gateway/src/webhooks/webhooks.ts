import { randomBytes } from "node:crypto";
import { type Call, Failure, isFailure, type Mail, type Position, readPosition } from "@postern/protocol";
import { type Vetting, vetHost } from "@postern/service";
import { type KeyRing, type Store, webhookSealContext, type WebhookDelivery, type WebhookRecord } from "@postern/store";
import { stateExpired } from "../live/index.ts";
import { attempt, type Attempt, type Attempts } from "./attempt.ts";
import { allAccounts, type Deliverer } from "./deliverer.ts";
import { deliveryId, readDeliveryId } from "./delivery-id.ts";
import { newCursor } from "./lane.ts";
import { payloadOf, pingOf } from "./payload.ts";
import { makeSecret } from "./sign.ts";

export interface WebhooksOptions {
  store: Pick<Store, "accounts" | "audit" | "events" | "webhooks">;
  mail: Pick<Mail, "followAccount">;
  ring: KeyRing;
  vetting: Vetting;
  attempts: Attempts;
  deliverer: Deliverer;
}

export interface WebhookSettings {
  url: string;
  types: string[] | null;
  mailboxes: string[] | null;
  payload: "full" | "thin";
  name: string | null;
}

/** Whose webhooks: one account's, or (null) those for all. */
export type WebhookScope = string | null;

const MOST_WEBHOOKS = 50;

/** What can be asked of webhooks. */
export class Webhooks {
  private readonly options: WebhooksOptions;

  constructor(options: WebhooksOptions) {
    this.options = options;
  }

  /** It tells of what happens from now on. */
  async create(
    scope: WebhookScope,
    settings: WebhookSettings,
    call: Call,
  ): Promise<{ webhook: WebhookRecord; secret: string }> {
    const { store, ring } = this.options;
    await this.refusePrivate(settings.url);
    if ((await store.webhooks.list(scope)).length >= MOST_WEBHOOKS)
      throw new Failure("invalid-request", { detail: `There are ${MOST_WEBHOOKS} webhooks here already.` });
    const id = `whk_${randomBytes(16).toString("base64url")}`;
    const secret = makeSecret();
    const now = Date.now();
    const sealed = ring.seal(secret, webhookSealContext(id));
    const made = {
      id,
      account: scope,
      version: 1,
      ...settings,
      sealed,
      previous: null,
      createdAt: now,
      updatedAt: now,
    };
    // Nobody delivers before it is known where to begin: without a cursor an account counts as new.
    const asleep: WebhookRecord = { ...made, disabled: "asked" };
    const from = scope === null ? null : await this.headOf(scope, call);
    await store.webhooks.create(asleep);
    if (scope === null) await this.beginEverywhere(id);
    else if (from !== null) await store.webhooks.putCursor(scope, newCursor(id, from));
    const webhook = await this.change(scope, id, () => ({ disabled: null }));
    await this.audit("webhook.created", webhook, call);
    return { webhook, secret };
  }

  list(scope: WebhookScope): Promise<WebhookRecord[]> {
    return this.options.store.webhooks.list(scope);
  }

  async get(scope: WebhookScope, id: string): Promise<WebhookRecord> {
    const found = await this.options.store.webhooks.get(scope, id);
    if (!found) throw noSuchWebhook();
    return found;
  }

  /** One that was changed is tried again at once. */
  async update(
    scope: WebhookScope,
    id: string,
    { isDisabled, ...settings }: Partial<WebhookSettings> & { isDisabled?: boolean | undefined },
    call: Call,
  ): Promise<WebhookRecord> {
    if (settings.url !== undefined) await this.refusePrivate(settings.url);
    const disabled = isDisabled === undefined ? {} : { disabled: isDisabled ? ("asked" as const) : null };
    const webhook = await this.change(scope, id, () => ({ ...settings, ...disabled }));
    await this.audit("webhook.updated", webhook, call);
    for await (const account of this.accountsOf(scope)) await this.tryNow(account, id);
    this.options.deliverer.changed();
    return webhook;
  }

  async remove(scope: WebhookScope, id: string, call: Call): Promise<void> {
    const webhook = await this.get(scope, id);
    if (!(await this.options.store.webhooks.remove(scope, id))) throw noSuchWebhook();
    await this.audit("webhook.deleted", webhook, call);
    this.options.deliverer.changed();
  }

  /** The one before signs as well for a while. */
  async rotate(scope: WebhookScope, id: string, graceMs: number, call: Call) {
    const secret = makeSecret();
    const sealed = this.options.ring.seal(secret, webhookSealContext(id));
    const until = Date.now() + graceMs;
    const webhook = await this.change(scope, id, (present) => ({
      sealed,
      previous: graceMs > 0 ? { sealed: present.sealed, until } : null,
    }));
    await this.audit("webhook.secretRotated", webhook, call);
    return { id, secret, previousUntil: webhook.previous?.until ?? null };
  }

  async deliveries(scope: WebhookScope, id: string, account: string): Promise<WebhookDelivery[]> {
    await this.get(scope, id);
    return this.options.store.webhooks.deliveries(account, id);
  }

  /** Sends an event once more, now, whatever its turn. */
  async redeliver(scope: WebhookScope, id: string, delivery: string): Promise<WebhookDelivery> {
    const webhook = await this.get(scope, id);
    const { store, attempts } = this.options;
    const named = readDeliveryId(delivery);
    const before =
      named && (scope === null || named.account === scope) ? await this.delivered(id, delivery, named) : null;
    if (!named || !before) throw new Failure("not-found", { detail: "There is no such delivery." });
    const { account, event: position } = named;
    const { epoch, number } = readPosition(position) ?? { epoch: 0, number: 1 };
    const read = await store.events.read(account, { after: `${epoch}-${number - 1}`, limit: 1 });
    const event = read?.events[0];
    if (event?.id !== position) throw stateExpired();
    const result = await attempt(attempts, webhook, payloadOf(webhook, event));
    const { status, error, isDelivered } = result;
    const told: WebhookDelivery = {
      ...before,
      id: deliveryId(account, position),
      state: isDelivered ? "delivered" : before.state,
      attempts: before.attempts + 1,
      status,
      error,
      at: Date.now(),
      nextAt: isDelivered ? null : before.nextAt,
    };
    await store.webhooks.noteDelivery(account, id, told);
    return told;
  }

  /** Goes on from another place in an account's sequence. Throws `state-expired`. */
  async replay(scope: WebhookScope, id: string, account: string, since: Position): Promise<void> {
    await this.get(scope, id);
    const { store, deliverer } = this.options;
    if (!(await store.events.read(account, { after: since, limit: 1 }))) throw stateExpired();
    await this.moveCursor(account, id, since);
    deliverer.changed();
  }

  async test(scope: WebhookScope, id: string): Promise<Attempt & { ms: number }> {
    const webhook = await this.get(scope, id);
    const startedAt = performance.now();
    const result = await attempt(this.options.attempts, webhook, pingOf(webhook, randomBytes(9).toString("base64url")));
    return { ...result, ms: Math.round(performance.now() - startedAt) };
  }

  private async delivered(webhook: string, delivery: string, { account }: { account: string }) {
    const known = await this.options.store.webhooks.deliveries(account, webhook);
    return known.find(({ id }) => id === delivery) ?? null;
  }

  /** What somebody else wrote between is not lost. */
  private async change(
    scope: WebhookScope,
    id: string,
    changes: (present: WebhookRecord) => Partial<WebhookRecord>,
  ): Promise<WebhookRecord> {
    for (;;) {
      const present = await this.get(scope, id);
      const next = { ...present, ...changes(present), updatedAt: Date.now() };
      if (!(await this.options.store.webhooks.update(next))) continue;
      this.options.deliverer.changed();
      return { ...next, version: next.version + 1 };
    }
  }

  /** Whoever is delivering at this moment finds the cursor moved, and goes on from there. */
  private async moveCursor(account: string, id: string, after: Position): Promise<void> {
    const { webhooks } = this.options.store;
    for (;;) {
      const present = (await webhooks.cursor(account, id)) ?? newCursor(id, after);
      const moved = { ...newCursor(id, after), version: present.version };
      if (await webhooks.putCursor(account, moved)) return;
      if (!(await this.options.store.accounts.get(account))) throw noSuchWebhook();
    }
  }

  private async tryNow(account: string, id: string): Promise<void> {
    const { webhooks } = this.options.store;
    const present = await webhooks.cursor(account, id);
    if (present && present.failures > 0) await webhooks.putCursor(account, { ...present, failures: 0, nextAt: 0 });
  }

  private async *accountsOf(scope: WebhookScope): AsyncGenerator<string> {
    if (scope !== null) yield scope;
    else for await (const { id } of allAccounts(this.options.store.accounts)) yield id;
  }

  private async beginEverywhere(id: string): Promise<void> {
    const { store } = this.options;
    for await (const account of this.accountsOf(null)) {
      const span = await store.events.span(account);
      if (span) await store.webhooks.putCursor(account, newCursor(id, span.head));
    }
  }

  /** Null: the sequence has not begun. A mail server or worker that is away keeps nobody from waiting for it. */
  private async headOf(account: string, call: Call): Promise<Position | null> {
    try {
      return (await this.options.mail.followAccount({ account }, call)).state;
    } catch (error) {
      if (!isFailure(error) || error.code === "not-found") throw error;
      return (await this.options.store.events.span(account))?.head ?? null;
    }
  }

  private async refusePrivate(text: string): Promise<void> {
    const { hostname, port, protocol } = new URL(text);
    try {
      await vetHost(hostname, Number(port || (protocol === "https:" ? 443 : 80)), this.options.vetting);
    } catch (error) {
      // A name that is nobody's today may be somebody's tomorrow: it is looked at each time.
      if (isFailure(error, "host-not-allowed")) throw error;
    }
  }

  private async audit(action: string, { id, account }: WebhookRecord, { actor, requestId }: Call): Promise<void> {
    await this.options.store.audit.append({ at: Date.now(), actor, action, subject: id, requestId, detail: account });
  }
}

function noSuchWebhook(): Failure {
  return new Failure("not-found", { detail: "There is no such webhook." });
}
