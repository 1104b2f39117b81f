import type { Mail } from "@postern/protocol";
import { type Logger, resolveAll } from "@postern/service";
import type { KeyRing, Store } from "@postern/store";
import { Histogram, type Registry } from "prom-client";
import { startDeliverer } from "./deliverer.ts";
import { createSender } from "./send.ts";
import { Webhooks } from "./webhooks.ts";

export { describedWebhooks } from "./described.ts";
export type { Webhooks } from "./webhooks.ts";

export interface WebhookConfig {
  /** Hosts that may be sent to although they are not of the public internet. */
  allowedHosts: string[];
  /** Between one attempt and the next; after the last the webhook is disabled. */
  retryMs: number[];
  timeoutMs: number;
}

export interface WebhookOptions {
  store: Store;
  mail: Mail;
  ring: KeyRing;
  log: Logger;
  metrics: Registry;
  config: WebhookConfig;
}

/** Beyond the longest attempt: nobody takes over while an answer may still come. */
const LEASE_MARGIN_MS = 3_000;

/** Webhooks, and the delivery of events by them, from now on until it is closed. */
export function openWebhooks({ store, mail, ring, log, metrics, config }: WebhookOptions) {
  const { allowedHosts, retryMs, timeoutMs } = config;
  const durations = new Histogram({
    name: "postern_webhook_attempt_seconds",
    help: "Attempts to deliver events by webhooks, and their times.",
    labelNames: ["outcome"],
    buckets: [0.01, 0.05, 0.2, 1, 5, 15],
    registers: [metrics],
  });
  const vetting = { allowed: allowedHosts, resolve: resolveAll };
  const attempts = {
    sender: createSender({ vetting, timeoutMs }),
    ring,
    onAttempt: (outcome: string, ms: number) => durations.observe({ outcome }, ms / 1_000),
  };
  const leaseMs = timeoutMs + LEASE_MARGIN_MS;
  const deliverer = startDeliverer({ store, mail, attempts, retryMs, leaseMs, log });
  const webhooks = new Webhooks({ store, mail, ring, vetting, attempts, deliverer });
  return { webhooks, close: () => deliverer.close() };
}
