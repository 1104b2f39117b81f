import { SealError, type KeyRing, webhookSealContext, type WebhookRecord } from "@postern/store";
import type { Payload } from "./payload.ts";
import type { Outcome, Sender } from "./send.ts";
import { signatures } from "./sign.ts";

export interface Attempts {
  sender: Sender;
  ring: KeyRing;
  onAttempt: (outcome: "delivered" | "failed", ms: number) => void;
}

export interface Attempt extends Outcome {
  isDelivered: boolean;
  /** The receiver wants no more (RFC 9110 section 15.5.11). */
  isGone: boolean;
}

/** Sends once, signed anew. Never rejects. */
export async function attempt(
  { sender, ring, onAttempt }: Attempts,
  webhook: WebhookRecord,
  payload: Payload,
): Promise<Attempt> {
  const startedAt = performance.now();
  const outcome = await post(sender, ring, webhook, payload);
  const { status } = outcome;
  const isDelivered = status !== null && status >= 200 && status < 300;
  onAttempt(isDelivered ? "delivered" : "failed", performance.now() - startedAt);
  const error = status === null || isDelivered ? outcome.error : `The receiver answered ${status}.`;
  return { status, error, isDelivered, isGone: status === 410 };
}

async function post(sender: Sender, ring: KeyRing, webhook: WebhookRecord, { id, body }: Payload): Promise<Outcome> {
  const timestamp = Math.floor(Date.now() / 1_000);
  const secrets = secretsOf(ring, webhook);
  if (!secrets) return { status: null, error: "No key opens the webhook's secret any more." };
  const headers = {
    "content-type": "application/json",
    "user-agent": "Postern",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures(secrets, id, timestamp, body),
  };
  return sender.post(new URL(webhook.url), headers, body);
}

function secretsOf(ring: KeyRing, { id, sealed, previous }: WebhookRecord): string[] | null {
  const context = webhookSealContext(id);
  const good = previous && previous.until > Date.now() ? [sealed, previous.sealed] : [sealed];
  try {
    return good.map((each) => ring.open(each, context));
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}
