import { accountId, Failure } from "@postern/protocol";
import type * as z from "zod";

export type Input<I> = { input: I };

export function definedOf(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined && item !== null));
}

/** The same at every depth. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(definedOf({ ...value })).map(([name, item]) => [name, withoutNulls(item)]));
}

export function known(id: string): string {
  if (!accountId.safeParse(id).success) throw new Failure("not-found", { detail: "There is no such account." });
  return id;
}

export function parse<T extends z.ZodType>(schema: T, value: unknown, at = "input"): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: [at, ...path].join("."), message }));
  throw new Failure("invalid-request", { detail: "The input is not as it should be.", errors });
}
