import type { Call, FailureCode, Mail, Scope } from "@postern/protocol";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyTypeProvider,
  RawServerDefault,
} from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Store } from "@postern/store";
import * as z from "zod";
import { type Access, type Identity, requireAccount, requireScope } from "../access/index.ts";
import { publicPath } from "../http/addresses.ts";
import { callFor, UPLOAD_DEADLINE_MS } from "../http/calls.ts";
import type { Images } from "../images/index.ts";
import type { Live, Watchdog } from "../live/index.ts";
import type { Webhooks } from "../webhooks/index.ts";

declare module "fastify" {
  /** What the OpenAPI document says of a route, beside what is validated. A route without `operationId` is not in it. */
  interface FastifySchema {
    operationId?: string;
    summary?: string;
    description?: string;
    tags?: string[];
    hide?: boolean;
    /** Request fields that decide how the answer comes. */
    fields?: z.ZodObject;
    /** A body as it may be sent. */
    example?: unknown;
    /** What may go wrong beside what may anywhere. */
    failures?: readonly FailureCode[];
  }
}

/** Types for handlers from the zod schemas of their routes. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this["schema"] extends z.ZodType ? z.output<this["schema"]> : unknown;
  serializer: this["schema"] extends z.ZodType ? z.output<this["schema"]> : null;
}

/** What the routes are given. */
export interface RestOptions {
  mail: Mail;
  store: Pick<Store, "accounts" | "idempotency">;
  access: Access;
  live: Live;
  watchdog: Watchdog;
  webhooks: Webhooks;
  images: Images;
  publicUrl: string | undefined;
}

export type Scoped = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypes>;

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

/** The same for a request whose body is large, and takes its time. */
export function enterUpload(request: FastifyRequest, reply: FastifyReply, account: string, ...anyOf: Scope[]): Call {
  requireAccount(identityOf(request), account, ...anyOf);
  return callFor(request, reply, UPLOAD_DEADLINE_MS);
}

/** The call for a request about no account in particular. */
export function enter(request: FastifyRequest, reply: FastifyReply, ...anyOf: Scope[]): Call {
  requireScope(identityOf(request), ...anyOf);
  return callFor(request, reply);
}

export const maxStale = z
  .string()
  .optional()
  .describe("`max-stale=N`: what was so N seconds ago will do, without asking the mail server, if it is at hand.");
export const ifNoneMatch = z.string().optional().describe("ETags that the client holds; a hit is answered with 304.");

export const ifMatch = z.string().optional().describe("ETags of the states in which the message may be changed.");

export const nextCursor = z.string().nullable().describe("For the next page; null on the last.");

/** How many items a page has. */
export const limit = z.coerce.number().int().min(1).max(200).default(50).describe("How many items a page has at most.");

export const accountParams = z.object({ account: z.string().max(63).describe("The account's id.") });
export const messageParams = accountParams.extend({ message: z.string().max(200).describe("The message's id.") });

/** The address of this request's path with another query. */
export function linkTo(
  request: FastifyRequest,
  publicUrl: string | undefined,
  changes: Record<string, string>,
): string {
  const { origin } = new URL(publicUrl ?? `${request.protocol}://${request.host}`);
  const url = new URL(request.originalUrl, "http://unused");
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  return origin + publicPath(publicUrl, url.pathname + url.search);
}
