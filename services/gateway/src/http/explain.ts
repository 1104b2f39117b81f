import { type Call, Failure, newExplained } from "@postern/protocol";
import type { FastifyRequest } from "fastify";
import * as z from "zod";

const command = z.object({
  command: z.string().describe("Its name: `STATUS`, `FETCH` and so on."),
  ms: z.number().describe("From its first octet to the server's last word on it."),
  octets: z.int().describe("Received during it."),
  ok: z.boolean().describe("Whether the server carried it out."),
  shared: z.boolean().describe("Was sent for others too, who waited for the same."),
});

export const explanation = z
  .object({
    roundTrips: z.int().describe("IMAP commands that this answer waited for, those shared with others included."),
    commands: z.array(command).describe("Names only, in the order in which they ended; at most 50 of them."),
    octets: z.int().describe("Received from the mail server."),
    imapMs: z.number().describe("Waited for the mail server; commands that ran side by side count each."),
    waitMs: z.number().describe("Waited for a connection."),
    cache: z
      .object({ hits: z.int().describe("Were known."), misses: z.int().describe("Had to be asked for.") })
      .describe("Facts of messages."),
    remarks: z.array(z.string()).describe("What decided the cost, in words."),
  })
  .meta({ id: "Explanation", description: "How the answer came about; there where `explain=true` asked for it." });
export type Explanation = z.infer<typeof explanation>;

export const explainParameter = z
  .enum(["true", "false"])
  .optional()
  .describe("`true`: the answer tells how it came about, as `explain`.");

/** Whether the query asks to explain. Taken out of the query, so that no route has to know of it. Throws `invalid-request`. */
export function takeExplain(request: FastifyRequest): boolean {
  const query = request.query as Record<string, unknown>;
  if (query.explain === undefined) return false;
  const { explain, ...rest } = query;
  const wanted = explainParameter.safeParse(explain);
  if (!wanted.success) {
    const errors = [{ path: "explain", message: "is to be true or false" }];
    throw new Failure("invalid-request", { detail: "The request's query is not as it should be.", errors });
  }
  request.query = rest;
  return wanted.data === "true";
}

/** Null where nobody asked. */
export function explanationOf(call: Call | null): Explanation | null {
  if (!call?.report.explained) return null;
  const { explained, imapMs, waitMs, cacheHits, cacheMisses } = call.report;
  const { commands, omitted, remarks } = explained;
  return {
    roundTrips: commands.length + omitted,
    commands: commands.map((each) => ({ ...each, ms: rounded(each.ms) })),
    octets: commands.reduce((sum, { octets }) => sum + octets, 0),
    imapMs: rounded(imapMs),
    waitMs: rounded(waitMs),
    cache: { hits: cacheHits, misses: cacheMisses },
    remarks: [...remarks, ...slowest(explained)],
  };
}

/** From here on a command is worth a word. */
const SLOW_MS = 100;

function slowest({ commands } = newExplained()): string[] {
  const slow = commands.filter(({ ms }) => ms >= SLOW_MS).sort((a, b) => b.ms - a.ms);
  return slow.slice(0, 3).map((each) => `The mail server took ${Math.round(each.ms)} ms for ${each.command}.`);
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Routes of an account's mail, by their pattern. */
export function isExplained(pattern: string | undefined): boolean {
  return pattern?.startsWith("/v1/accounts/:account/") ?? false;
}
