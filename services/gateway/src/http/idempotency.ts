import { createHash, type Hash } from "node:crypto";
import { pipeline, Transform } from "node:stream";
import { Failure } from "@postern/protocol";
import type { IdempotencyRecord, IdempotencyStore } from "@postern/store";
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  RequestPayload,
  RouteOptions,
} from "fastify";
import * as z from "zod";

declare module "fastify" {
  interface FastifyRequest {
    /** Set while the request has an `Idempotency-Key` of its own: it is carried out though its client hangs up. */
    claim: Claim | null;
  }
}

/** How long a key is remembered. */
const KEPT_MS = 24 * 60 * 60_000;
/** Who carries a request out is heard of this often, and is taken for gone after that. */
const RENEW_MS = 5_000;
const LEASE_MS = 20_000;
/** What is kept of an answer. */
const KEPT_HEADERS = ["content-type", "location", "etag", "cache-control"];
const withWebhookSecrets = ["createWebhook", "rotateWebhookSecret"].flatMap((name) => [name, `${name}OfAll`]);
/** POST that makes nothing, and what must not be kept: secrets. */
const excepted = new Set(["searchMessages", "getMessages", "createToken", "createTicket", ...withWebhookSecrets]);

const field = z
  .string()
  .optional()
  .describe(
    "Up to 255 visible characters that name this request for 24 hours. Sent again with the same body, it gets the same answer, from any gateway.",
  );

/**
 * Takes `Idempotency-Key` on every POST that makes or changes something. What was done, or may have been, is answered
 * again as it was; what was not done is not remembered.
 */
export function takeIdempotencyKeys(app: FastifyInstance, store: IdempotencyStore): void {
  app.addHook("onRoute", (route) => {
    if (!isTaken(route)) return;
    route.preParsing = [begin(store), ...[route.preParsing ?? []].flat()];
    route.onSend = [...[route.onSend ?? []].flat(), end];
  });
}

function isTaken({ method, schema }: Pick<RouteOptions, "method" | "schema">): boolean {
  return method === "POST" && schema?.operationId !== undefined && !excepted.has(schema.operationId);
}

/** What the API's description says of a route that takes keys. */
export function describeKeys(method: string, schema: FastifySchema): FastifySchema {
  if (!isTaken({ method, schema })) return schema;
  const { fields = z.object({}), failures = [] } = schema;
  return {
    ...schema,
    fields: fields.extend({ "Idempotency-Key": field }),
    failures: [...failures, "idempotency-key-in-use", "idempotency-key-reused", "outcome-unknown"],
  };
}

function begin(store: IdempotencyStore) {
  return async (request: FastifyRequest, reply: FastifyReply, payload: RequestPayload): Promise<RequestPayload> => {
    const key = keyIn(request.headers["idempotency-key"]);
    if (key === null) return payload;
    const actor = request.identity?.actor ?? "";
    const record: IdempotencyRecord = {
      version: 1,
      fingerprint: null,
      leaseUntil: Date.now() + LEASE_MS,
      answer: null,
    };
    const known = await store.begin(actor, key, record, KEPT_MS);
    const hash = createHash("sha256").update(`${request.method}\n${request.url}\n`);
    if (!known) {
      request.claim = new Claim(store, actor, key, record, hash);
      return request.claim.watch(payload, hasBody(request));
    }
    if (!known.answer) throw underWay(known);
    for await (const piece of payload) hash.update(piece as Buffer);
    if (hash.digest("hex") !== known.fingerprint) throw new Failure("idempotency-key-reused");
    const { status, headers, body } = known.answer;
    void reply.code(status).headers(headers);
    // As it is: no serializer of the route's is to look at it.
    reply.serializer((text: unknown) => String(text)).send(body === "" ? null : body);
    return payload;
  };
}

function keyIn(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  if (typeof header === "string" && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  const detail = "An Idempotency-Key has 1 to 255 visible characters.";
  throw new Failure("invalid-request", { detail, errors: [{ path: "Idempotency-Key", message: "is no key" }] });
}

function underWay({ leaseUntil }: IdempotencyRecord): Failure {
  if (leaseUntil > Date.now()) return new Failure("idempotency-key-in-use", { retryAfter: 1, outcome: "unknown" });
  return new Failure("outcome-unknown", {
    detail: "The process that carried out the first request with this key is gone without an answer.",
    outcome: "unknown",
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** What the answer to a request without a claim is none of. */
async function end(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const { claim } = request;
  request.claim = null;
  // A store that is away leaves the key as it is: its first request's outcome is then unknown.
  await claim?.end(reply, payload).catch(() => undefined);
  return payload;
}

class Claim {
  private readonly store: IdempotencyStore;
  private readonly actor: string;
  private readonly key: string;
  private readonly hash: Hash;
  private readonly timer: NodeJS.Timeout;
  private record: IdempotencyRecord;
  private writing: Promise<unknown> = Promise.resolve();
  private isWhole = false;

  constructor(store: IdempotencyStore, actor: string, key: string, record: IdempotencyRecord, hash: Hash) {
    this.store = store;
    this.actor = actor;
    this.key = key;
    this.record = record;
    this.hash = hash;
    this.timer = setInterval(() => {
      this.writing = this.writing.then(() => this.put({ leaseUntil: Date.now() + LEASE_MS })).catch(() => undefined);
    }, RENEW_MS);
    this.timer.unref();
  }

  /** The same octets, looked at as they pass. */
  watch(payload: RequestPayload, hasBody: boolean): RequestPayload {
    this.isWhole = !hasBody;
    if (!hasBody) return payload;
    const { hash } = this;
    const through = new Transform({
      transform: (piece: Buffer, _, done) => {
        hash.update(piece);
        done(null, piece);
      },
      flush: (done) => {
        this.isWhole = true;
        done();
      },
    });
    pipeline(payload, through, () => undefined);
    return through;
  }

  async end(reply: FastifyReply, payload: unknown): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
    const fate = fateOf(reply.statusCode, payload);
    if (fate === "forget") return this.store.remove(this.actor, this.key, this.record.version);
    const body = textOf(payload);
    if (fate === "doubt" || !this.isWhole || body === null) return this.put({ leaseUntil: 0 });
    const headers = Object.fromEntries(
      KEPT_HEADERS.flatMap((name) => {
        const value = reply.getHeader(name);
        return value === undefined ? [] : [[name, String(value)]];
      }),
    );
    await this.put({ fingerprint: this.hash.digest("hex"), answer: { status: reply.statusCode, headers, body } });
  }

  private async put(changes: Partial<IdempotencyRecord>): Promise<void> {
    const next = { ...this.record, ...changes };
    const isWritten = await this.store.update(this.actor, this.key, next, KEPT_MS);
    if (isWritten) this.record = { ...next, version: next.version + 1 };
  }
}

/** `keep`: it was done, or may have been; `forget`: nothing was done; `doubt`: nobody can answer the same again. */
function fateOf(status: number, payload: unknown): "keep" | "forget" | "doubt" {
  if (status < 400) return "keep";
  const { code, outcome } = problemIn(payload);
  if (code === "internal" || code === "cancelled") return "doubt";
  return outcome === "done" || outcome === "unknown" ? "keep" : "forget";
}

function problemIn(payload: unknown): { code?: string; outcome?: string } {
  try {
    return JSON.parse(textOf(payload) ?? "") as { code?: string; outcome?: string };
  } catch {
    return {};
  }
}

function textOf(payload: unknown): string | null {
  if (payload === null || payload === undefined) return "";
  if (typeof payload === "string") return payload;
  return Buffer.isBuffer(payload) ? payload.toString() : null;
}
