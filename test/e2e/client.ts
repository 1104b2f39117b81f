import { Agent, request } from "undici";

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

/** Asks the house's gateways in turn, so that nothing can depend on which one answers. */
export function askWith(urls: readonly string[], token: string | null): Ask {
  let turn = 0;
  return async <T>(path: string, { method, headers, body }: Asking = {}) => {
    const base = urls[turn++ % urls.length] ?? "";
    const response = await request(base + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      dispatcher: agent,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    const type = String(response.headers["content-type"] ?? "");
    const parsed: unknown = /\bjson\b/.test(type) && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    return { status: response.statusCode, headers: response.headers, body: parsed as T, bytes };
  };
}
