import * as z from "zod";
import type { IdempotencyRecord } from "./store.ts";

const record = z.object({
  version: z.number(),
  fingerprint: z.string().nullable(),
  leaseUntil: z.number(),
  answer: z.object({ status: z.number(), headers: z.record(z.string(), z.string()), body: z.string() }).nullable(),
});

export const writeIdempotency = (value: IdempotencyRecord): string => JSON.stringify(record.parse(value));
export const readIdempotency = (text: string): IdempotencyRecord => record.parse(JSON.parse(text));
