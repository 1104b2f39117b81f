import type { Event, Position } from "@postern/protocol";
import type { WebhookRecord } from "@postern/store";

/** What is sent at once. */
export interface Payload {
  /** `webhook-id`: the same however often it is sent. */
  id: string;
  type: string;
  body: string;
}

/** Ids of events are of one account's sequence: where a webhook has several accounts, theirs tell them apart. */
function idOf({ account }: WebhookRecord, event: { id: string; accountId: string }): string {
  return account === null ? `${event.accountId}.${event.id}` : event.id;
}

export function payloadOf(webhook: WebhookRecord, event: Event): Payload {
  const data = webhook.payload === "thin" ? thin(event) : event;
  const { type, time: timestamp } = event;
  return { id: idOf(webhook, event), type, body: JSON.stringify({ type, timestamp, data }) };
}

/** Which thing it is about, and nothing of what is in it. */
function thin(event: Event): object {
  const { id, type, time, accountId, cause } = event;
  const common = { id, type, time, accountId, cause };
  if ("message" in event) return { ...common, message: { id: event.message.id, mailboxId: event.message.mailboxId } };
  if ("mailbox" in event) return { ...common, mailbox: { id: event.mailbox.id } };
  return { ...common, account: { state: event.account.state } };
}

/** Tells that what stood between two positions is not kept any more: a receiver lists again. */
export function gapOf(webhook: WebhookRecord, account: string, after: Position, resumed: Position): Payload {
  const type = "webhook.gap";
  const data = { accountId: account, after, resumed };
  const id = `gap.${idOf(webhook, { id: after, accountId: account })}`;
  return { id, type, body: JSON.stringify({ type, timestamp: new Date().toISOString(), data }) };
}

export function pingOf(webhook: WebhookRecord, id: string): Payload {
  const type = "webhook.ping";
  const data = { webhookId: webhook.id, accountId: webhook.account };
  return { id: `ping.${id}`, type, body: JSON.stringify({ type, timestamp: new Date().toISOString(), data }) };
}
