import * as z from "zod";
import type { WebhookCursor, WebhookDelivery, WebhookRecord } from "./store.ts";

const webhook = z.object({
  id: z.string(),
  account: z.string().nullable(),
  version: z.number(),
  name: z.string().nullable(),
  url: z.string(),
  types: z.array(z.string()).nullable(),
  mailboxes: z.array(z.string()).nullable(),
  payload: z.enum(["full", "thin"]),
  disabled: z.enum(["asked", "gone", "failing"]).nullable(),
  sealed: z.string(),
  previous: z.object({ sealed: z.string(), until: z.number() }).nullable(),
  createdAt: z.number(),
  updatedAt: z.number(),
});

const cursor = z.object({
  webhook: z.string(),
  version: z.number(),
  after: z.string(),
  failures: z.number(),
  failingSince: z.number().nullable(),
  nextAt: z.number(),
  owner: z.string().nullable(),
  leaseUntil: z.number(),
});

const delivery = z.object({
  id: z.string(),
  event: z.string(),
  type: z.string(),
  state: z.enum(["delivered", "retrying", "failed"]),
  attempts: z.number(),
  status: z.number().nullable(),
  error: z.string().nullable(),
  at: z.number(),
  nextAt: z.number().nullable(),
});

export const writeWebhook = (record: WebhookRecord): string => JSON.stringify(webhook.parse(record));
export const readWebhook = (text: string): WebhookRecord => webhook.parse(JSON.parse(text));
export const writeCursor = (record: WebhookCursor): string => JSON.stringify(cursor.parse(record));
export const readCursor = (text: string): WebhookCursor => cursor.parse(JSON.parse(text));
export const writeDelivery = (record: WebhookDelivery): string => JSON.stringify(delivery.parse(record));
export const readDelivery = (text: string): WebhookDelivery => delivery.parse(JSON.parse(text));

/** Deliveries of a webhook in an account that are kept. */
export const KEPT_DELIVERIES = 100;
