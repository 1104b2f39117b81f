import assert from "node:assert/strict";
import { Agent, type Dispatcher, request } from "undici";
import { Description } from "./description.ts";

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: T;
  bytes: Buffer;
}

export interface Asking {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export type Ask = <T = Record<string, unknown>>(path: string, asking?: Asking) => Promise<Answer<T>>;

const agent = new Agent({ keepAliveTimeout: 1_000 });

const descriptions = new Map<string, Promise<Description>>();

/** The OpenAPI document of the gateway there. */
function descriptionOf(base: string): Promise<Description> {
  const read = async (): Promise<Description> => {
    const { body } = await request(`${base}/openapi.json`, { dispatcher: agent });
    return new Description(await body.text());
  };
  const known = descriptions.get(base) ?? read();
  descriptions.set(base, known);
  return known;
}

/**
 * Asks the house's gateways in turn, so that nothing can depend on which one answers. What REST answers must be as that
 * gateway's OpenAPI document says, whatever else a test wants of it.
 */
export function askWith(urls: readonly string[], token: string | null): Ask {
  let turn = 0;
  return async <T>(path: string, { method, headers, body }: Asking = {}) => {
    const base = urls[turn++ % urls.length] ?? "";
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const description = path.startsWith("/v1") && verb !== "OPTIONS" ? await descriptionOf(base) : null;
    const response = await request(base + path, {
      method: verb,
      dispatcher: agent,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const bytes = isEndless(response.headers)
      ? await leave(response.body)
      : Buffer.from(await response.body.arrayBuffer());
    const exchange = { method: verb, path, status: response.statusCode, headers: response.headers, bytes };
    assert.deepEqual(description?.violations(exchange) ?? [], [], `${verb} ${path} is not as documented`);
    const type = String(response.headers["content-type"] ?? "");
    const parsed: unknown = /\bjson\b/.test(type) && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    return { status: response.statusCode, headers: response.headers, body: parsed as T, bytes };
  };
}

/** A stream of events goes on until somebody leaves. */
function isEndless(headers: Answer["headers"]): boolean {
  return String(headers["content-type"]).startsWith("text/event-stream");
}

async function leave(body: Dispatcher.ResponseData["body"]): Promise<Buffer> {
  body.on("error", () => undefined).destroy();
  return Buffer.alloc(0);
}
