import { Agent, request } from "undici";
import { failureTable } from "@postern/protocol";
import { strangersIn } from "./letters.ts";
import type { Ledger, Outcome } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

export interface Asked {
  body?: Buffer | object;
  headers?: Record<string, string>;
  /** It changes something: its failures must say what became of it. */
  isWrite?: boolean;
}

export interface Answered {
  /** 0 where there was none. */
  status: number;
  body: Record<string, unknown>;
  octets: Buffer;
  code: string | null;
  outcome: Outcome;
  /** What to wait before the next one, if anything. */
  pauseMs: number;
  began: number;
  ended: number;
}

/** How long an answer may take: what a request may take in Postern, and something for a machine that is busy. */
const PATIENCE_MS = 90_000;
/** Where waiting helps, it has to be said for how long. */
const worthWaiting = new Set(["unavailable", "upstream-unreachable", "upstream-connection-limit", "too-many-requests"]);

/** A client of Postern that trusts nothing that it is answered. */
export class Api {
  readonly account: string;
  readonly who: string;
  private readonly world: World;
  private readonly ledger: Ledger;
  private readonly random: Random;
  /** Whether gateways may go away under a request. */
  private readonly gatewaysFall: boolean;
  private readonly agent = new Agent({
    keepAliveTimeout: 4_000,
    headersTimeout: PATIENCE_MS,
    bodyTimeout: PATIENCE_MS,
  });

  constructor(parts: {
    account: string;
    who: string;
    world: World;
    ledger: Ledger;
    random: Random;
    gatewaysFall: boolean;
  }) {
    this.account = parts.account;
    this.who = parts.who;
    this.world = parts.world;
    this.ledger = parts.ledger;
    this.random = parts.random;
    this.gatewaysFall = parts.gatewaysFall;
  }

  async ask(method: string, path: string, asked: Asked = {}): Promise<Answered> {
    const began = performance.now();
    const where = this.random.of(this.world.gateways).url;
    const { body, headers = {} } = asked;
    const payload = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const type = Buffer.isBuffer(body) ? "message/rfc822" : "application/json";
    try {
      const response = await request(
        `${where}${path.startsWith("/") ? path : `/v1/accounts/${this.account}/${path}`}`,
        {
          method,
          dispatcher: this.agent,
          headers: {
            authorization: `Bearer ${this.world.adminToken}`,
            ...(payload !== undefined && { "content-type": type }),
            ...headers,
          },
          ...(payload !== undefined && { body: payload }),
        },
      );
      const octets = Buffer.from(await response.body.arrayBuffer());
      return this.judged(`${method} ${path}`, response, octets, asked, began);
    } catch (error) {
      return this.unanswered(`${method} ${path}`, error, began);
    }
  }

  close(): Promise<void> {
    return this.agent.close();
  }

  private judged(
    what: string,
    { statusCode: status, headers }: { statusCode: number; headers: Record<string, string | string[] | undefined> },
    octets: Buffer,
    asked: Asked,
    began: number,
  ): Answered {
    const ended = performance.now();
    this.ledger.slowestMs = Math.max(this.ledger.slowestMs, ended - began);
    for (const owner of strangersIn(this.account, octets))
      this.ledger.violated(`foreign: ${this.who} was shown mail of ${owner} by ${what}`);
    const isJson = /\bjson\b/.test(String(headers["content-type"] ?? "")) && octets.length > 0;
    const body = isJson ? (JSON.parse(octets.toString()) as Record<string, unknown>) : {};
    const isGood = status < 400;
    const code = isGood ? null : String(body.code);
    this.ledger.counted(code === null ? String(status) : `${status} ${code}`);
    if (!isGood) this.judgeFailure(what, status, headers, body, asked);
    const retryAfter = Number(headers["retry-after"] ?? 0);
    const outcome = isGood ? "done" : ((body.outcome ?? "none") as Outcome);
    return { status, body, octets, code, outcome, pauseMs: isGood ? 0 : retryAfter * 1_000, began, ended };
  }

  private judgeFailure(
    what: string,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    body: Record<string, unknown>,
    { isWrite = false }: Asked,
  ): void {
    const { code, retryable, outcome } = body;
    const wrong = (why: string): void =>
      this.ledger.violated(`failure: ${why}: ${what} ${status} ${JSON.stringify(body)}`);
    if (typeof code !== "string" || !(code in failureTable)) return wrong("no code");
    if ([401, 500].includes(status)) wrong("a status that is never to be seen");
    if (typeof retryable !== "boolean") wrong("not said whether it can be tried again");
    if (isWrite && !["none", "done", "unknown"].includes(String(outcome))) wrong("no outcome");
    if (worthWaiting.has(code) && !(Number(headers["retry-after"]) >= 1)) wrong("no Retry-After");
  }

  private unanswered(what: string, error: unknown, began: number): Answered {
    const ended = performance.now();
    const { code = "", message = "" } = error as { code?: string; message?: string };
    this.ledger.counted(`no answer ${code}`);
    if (!this.gatewaysFall || /TIMEOUT/.test(code))
      this.ledger.violated(`failure: no answer to ${what} in ${Math.round(ended - began)} ms: ${code} ${message}`);
    // Nobody was there to take it, or somebody was.
    const outcome = code === "ECONNREFUSED" ? "none" : "unknown";
    return { status: 0, body: {}, octets: Buffer.alloc(0), code: "no-answer", outcome, pauseMs: 50, began, ended };
  }
}
