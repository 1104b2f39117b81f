import type { Call, Mail, Scope } from "@postern/protocol";
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Store } from "@postern/store";
import * as z from "zod";
import { type Access, type Identity, requireAccount, requireScope } from "../access/index.ts";
import { callFor } from "../http/calls.ts";

/** What the routes are given. */
export interface RestOptions {
  mail: Mail;
  store: Pick<Store, "accounts">;
  access: Access;
  publicUrl: string | undefined;
}

export type Scoped = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** The identity of whom the request was let in for. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity) throw new Error("a route without authentication asked who asks");
  return request.identity;
}

/** The call for a request about one account, if its token may make it. */
export function enterAccount(request: FastifyRequest, reply: FastifyReply, account: string, ...anyOf: Scope[]): Call {
  requireAccount(identityOf(request), account, ...anyOf);
  return callFor(request, reply);
}

/** The call for a request about no account in particular. */
export function enter(request: FastifyRequest, reply: FastifyReply, ...anyOf: Scope[]): Call {
  requireScope(identityOf(request), ...anyOf);
  return callFor(request, reply);
}

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string(),
    code: z.string(),
    retryable: z.boolean(),
    outcome: z.enum(["none", "done", "unknown"]).optional(),
    upstream: z.object({ status: z.string().nullable(), code: z.string().nullable(), text: z.string() }).optional(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    current: z.unknown().optional(),
  })
  .describe("What went wrong (RFC 9457); docs/failures.md has every code.")
  .meta({ id: "Problem" });

/** The answers that any route may give beside its own. */
export const problems = { "4xx": problem, "5xx": problem } as const;

export const accountParams = z.object({ account: z.string().max(63).describe("The account's id.") });
export const messageParams = accountParams.extend({ message: z.string().max(200).describe("The message's id.") });

/** The address of this request's path with another query, absolute where the public address is known. */
export function linkTo(
  request: FastifyRequest,
  publicUrl: string | undefined,
  changes: Record<string, string>,
): string {
  const base = publicUrl ?? `${request.protocol}://${request.host}`;
  const url = new URL(request.originalUrl, "http://unused");
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  return base + url.pathname + url.search;
}
