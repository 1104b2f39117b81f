import * as z from "zod";
import { type Environment, readEnvironment } from "./env.ts";

const variables = {
  TRACES_URL: z.url({ protocol: /^https?$/ }).optional(),
  TRACES_SAMPLED: z.coerce.number().min(0).max(1).default(1),
  TRACES_HEADERS: z
    .string()
    .regex(/^[\w-]+=[^,]*(,[\w-]+=[^,]*)*$/, "takes name=value,name=value")
    .optional(),
} as const;

/** What a span may say beside its name and times. Whatever else somebody puts on one does not leave the process. */
export type SpanFacts = Partial<{
  "error.type": string;
  "imap.command": string;
  "imap.received_bytes": number;
  "postern.account": string;
  "postern.imap_commands": number;
  "rpc.method": string;
  "rpc.system.name": string;
}>;

/** How what happens is told to whoever follows requests through services: spans, as OpenTelemetry has them. */
export interface Tracing {
  /** Does the work in a span, below the one that `traceparent` (W3C Trace Context) names. */
  within<T>(
    name: string,
    traceparent: string | undefined,
    work: (tell: (facts: SpanFacts) => void) => Promise<T>,
  ): Promise<T>;
  /** Something below the span of whoever asks has just ended after `ms`. */
  ended(name: string, ms: number, facts: SpanFacts): void;
  /** Runs pieces of work as if they were still within the span that is open now. */
  bound(): <T>(piece: () => T) => T;
  /** Sends what is not sent yet. */
  stop(): Promise<void>;
}

export interface TracesConfig {
  service: string;
  url: string;
  sampled: number;
  headers: Record<string, string>;
}

/** Null where traces go nowhere: then nothing of OpenTelemetry is loaded. Throws `ConfigurationError`. */
export async function startTracing(env: Environment, service: string): Promise<Tracing | null> {
  const read = readEnvironment(env, variables);
  if (read.TRACES_URL === undefined) return null;
  const { openTelemetry } = await import("./open-telemetry.ts");
  const pairs = (read.TRACES_HEADERS ?? "").split(",").filter((pair) => pair !== "");
  const headers = Object.fromEntries(pairs.map((pair) => [pair.replace(/=.*$/s, ""), pair.replace(/^[^=]*=/, "")]));
  return openTelemetry({ service, url: read.TRACES_URL, sampled: read.TRACES_SAMPLED, headers });
}
