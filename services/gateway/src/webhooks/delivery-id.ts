import { type Position, readPosition } from "@postern/protocol";

/** Made of the account and the event's place: one event has one delivery by a webhook, however often it is sent. */
export function deliveryId(account: string, event: Position): string {
  return `dlv_${account}.${event}`;
}

/** Null for what is no delivery's id. */
export function readDeliveryId(id: string): { account: string; event: Position } | null {
  const [, account, event] = /^dlv_([a-z0-9-]+)\.(\d+-\d+)$/.exec(id) ?? [];
  return account !== undefined && event !== undefined && readPosition(event) ? { account, event } : null;
}
