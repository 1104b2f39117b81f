import { Readable } from "node:stream";
import {
  type AnyOperation,
  addReport,
  type Call,
  Failure,
  type FailureJson,
  type ListMessagesOutput,
  type Mail,
  mailOf,
  type Octets,
  type OperationName,
  operations,
  type Report,
  type StreamHead,
} from "@postern/protocol";
import { type Dispatcher, errors, Pool } from "undici";
import {
  failureHeader,
  frameOf,
  headHeader,
  mailPath,
  octetsType,
  packHead,
  reportHeader,
  unpackHead,
} from "./frame.ts";
import { unpackMisdirected } from "./misdirected.ts";
import { unpackPage } from "./pages.ts";

export interface FarMail {
  mail: Mail;
  /** When what is under way has ended. */
  close(): Promise<void>;
}

export interface FarWorker extends FarMail {
  /** Closes when what is under way has ended; at once where the worker does not answer any more and never will. */
  retire(): Promise<void>;
}

export interface ConnectMailOptions {
  url: string;
  secret: string;
  /** Connections at most; a stream in flight holds one. */
  connections?: number;
}

/** Thrown when not one octet of the call can have reached the worker: another may be asked instead. */
export class NotReached extends Failure {
  constructor(cause: unknown) {
    super("unavailable", { detail: "No worker can be reached.", retryAfter: 1, cause });
  }
}

/** Thrown when the connection was lost under a call: whether it was carried out is not known. */
export class Lost extends Failure {
  constructor(cause: unknown, detail = "The connection to the worker was lost.") {
    super("unavailable", { detail, retryAfter: 1, cause });
  }
}

/** For a sign of life from a worker that has left the list. */
const SIGN_OF_LIFE_MS = 2_000;
/** Time beyond the call's own deadline in which the worker may still say itself that it was too slow. */
const GRACE_MS = 2_000;

/** Makes the `Mail` of the worker at `url` look near: same answers, same failures, same deadline, same cancel. */
export function connectMail(options: ConnectMailOptions): FarWorker {
  const pool = new Pool(options.url, {
    connections: options.connections ?? 256,
    connect: { timeout: 2_000 },
    keepAliveTimeout: 30_000,
    bodyTimeout: 0,
  });
  const authorization = `Bearer ${options.secret}`;
  return {
    mail: mailOf((name) => farOperation(pool, authorization, name)),
    close: () => pool.close(),
    retire: async () => {
      if (await isFrozen(pool)) await pool.destroy();
      else await pool.close();
    },
  };
}

/** One that is leaving finishes what it has begun and refuses connections; silence is something else. */
async function isFrozen(pool: Pool): Promise<boolean> {
  try {
    const { body } = await pool.request({ path: "/livez", method: "GET", headersTimeout: SIGN_OF_LIFE_MS });
    await body.dump();
    return false;
  } catch (error) {
    return error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError;
  }
}

function farOperation(pool: Pool, authorization: string, name: OperationName): AnyOperation {
  const { kind } = operations[name];
  return async (input, call, body) => {
    const response = await post(pool, authorization, mailPath + name, { input, call, body });
    readReport(response, call.report);
    if (response.headers[failureHeader] !== undefined) throw Failure.fromJSON(await json<FailureJson>(response));
    if (response.statusCode === 421 && body) throw await elsewhere(response);
    if (response.statusCode !== 200) throw await refusal(response);
    if (kind === "call" || kind === "upload") return json(response);
    if (kind === "page") return page(response);
    const head = unpackHead(String(response.headers[headHeader])) as StreamHead;
    return { head, body: octets(response.body) };
  };
}

interface Posting {
  input: unknown;
  call: Call;
  body: Octets | undefined;
}

async function post(
  pool: Pool,
  authorization: string,
  path: string,
  { input, call, body }: Posting,
): Promise<Dispatcher.ResponseData> {
  const frame = frameOf(call);
  const sent = body && watched(body);
  try {
    return await pool.request({
      path,
      method: "POST",
      ...(sent
        ? {
            headers: { authorization, "content-type": octetsType, [headHeader]: packHead({ input, call: frame }) },
            body: Readable.from(sent.octets, { objectMode: false }),
          }
        : {
            headers: { authorization, "content-type": "application/json" },
            body: JSON.stringify({ input, call: frame }),
          }),
      headersTimeout: frame.budgetMs + GRACE_MS,
      signal: call.signal,
    });
  } catch (error) {
    if (sent?.failure() !== undefined) throw sent.failure();
    const failure = lost(error, call);
    // What has been read of a body cannot be sent to anybody else.
    throw failure instanceof NotReached && sent?.isBegun() ? new Lost(error) : failure;
  }
}

/** A body that tells whether anything of it was taken, and why it broke off. */
function watched(body: Octets): { octets: Octets; isBegun: () => boolean; failure: () => unknown } {
  let begun = false;
  let failure: unknown;
  async function* read(): AsyncGenerator<Uint8Array> {
    begun = true;
    try {
      yield* body;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { octets: read(), isBegun: () => begun, failure: () => failure };
}

function lost(error: unknown, call: Call): Failure {
  if (call.signal.aborted) return new Failure("cancelled", { cause: error });
  if (error instanceof errors.HeadersTimeoutError) return new Lost(error, "The worker did not answer in time.");
  if (error instanceof errors.ConnectTimeoutError || isRefusedConnection(error)) return new NotReached(error);
  return new Lost(error);
}

const notConnected = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN"]);

function isRefusedConnection(error: unknown): boolean {
  return error instanceof Error && "code" in error && notConnected.has(String(error.code));
}

async function refusal(response: Dispatcher.ResponseData): Promise<Failure> {
  if (response.statusCode === 421) return unpackMisdirected(await json(response));
  await response.body.dump();
  // A worker that is leaving turns calls away before it looks at them.
  if (response.statusCode === 503) return new NotReached(new Error("the worker is leaving"));
  const detail =
    response.statusCode === 401
      ? "The worker does not accept this gateway's cluster secret."
      : "Unexpected answer of a worker.";
  return new Failure("unavailable", { detail });
}

/** What was on its way to a worker that does not have the account cannot be sent again; it was not looked at. */
async function elsewhere(response: Dispatcher.ResponseData): Promise<Failure> {
  await response.body.dump();
  const detail = "The account has just gone to another worker.";
  return new Failure("unavailable", { detail, retryAfter: 1, outcome: "none" });
}

async function json<T>(response: Dispatcher.ResponseData): Promise<T> {
  try {
    return (await response.body.json()) as T;
  } catch (error) {
    throw cutOff(error);
  }
}

async function page(response: Dispatcher.ResponseData): Promise<ListMessagesOutput> {
  try {
    return unpackPage(await response.body.bytes());
  } catch (error) {
    throw cutOff(error);
  }
}

function cutOff(cause: unknown): Failure {
  return new Lost(cause, "The worker's answer was cut off.");
}

function readReport(response: Dispatcher.ResponseData, report: Report): void {
  const header = response.headers[reportHeader];
  if (typeof header === "string") addReport(report, JSON.parse(header) as Report);
}

/** Let go of before it is begun, a generator does nothing: the far end would wait for ever for its octets to be read. */
function octets(body: Dispatcher.ResponseData["body"]): AsyncIterable<Uint8Array> {
  const pieces = piecesOf(body);
  const leave = (): Promise<IteratorResult<Uint8Array>> => {
    body.on("error", () => undefined).destroy();
    return pieces.return(undefined);
  };
  return { [Symbol.asyncIterator]: () => ({ next: () => pieces.next(), return: leave }) };
}

async function* piecesOf(body: Dispatcher.ResponseData["body"]): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    throw new Failure("unavailable", { detail: "The stream broke off.", cause: error });
  }
}
