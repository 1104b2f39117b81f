import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { isFailure } from "@postern/protocol";
import { type Vetting, vetHost } from "@postern/service";

export interface SenderOptions {
  vetting: Vetting;
  /** From the look-up of the name to the answer's header. */
  timeoutMs: number;
}

/** `status` null: there was no answer, and `error` tells why. */
export interface Outcome {
  status: number | null;
  error: string | null;
}

export interface Sender {
  /** Never rejects. Redirects are answers like any other. */
  post(url: URL, headers: Record<string, string>, body: string): Promise<Outcome>;
  close(): void;
}

const CONNECT_MS = 5_000;
/** What is read of an answer's body, which is not looked at. */
const MOST_OCTETS = 64 << 10;

export function createSender({ vetting, timeoutMs }: SenderOptions): Sender {
  const agents = { plain: new HttpAgent(reuse), secure: new HttpsAgent(reuse) };

  const once = async (url: URL, headers: Record<string, string>, body: string): Promise<Outcome> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const isSecure = url.protocol === "https:";
    const port = Number(url.port || (isSecure ? 443 : 80));
    // The vetted address is the one that is dialled: asked again, the name may say something else.
    const host = await orAborted(vetHost(url.hostname, port, vetting), signal);
    const options = {
      host,
      port,
      method: "POST",
      path: url.pathname + url.search,
      headers: { ...headers, host: url.host, "content-length": Buffer.byteLength(body) },
      signal,
    };
    const request = isSecure
      ? httpsRequest({ ...options, agent: agents.secure, ...(isIP(host) && nameOf(url)) })
      : httpRequest({ ...options, agent: agents.plain });
    request.end(body);
    return answerTo(request, isSecure);
  };

  return {
    post: async (url, headers, body) => {
      try {
        return await once(url, headers, body).catch((error: unknown) => {
          // The receiver closed a connection that was kept open, just as it was used again.
          if (error instanceof StaleConnection) return once(url, headers, body);
          throw error;
        });
      } catch (error) {
        return { status: null, error: wordsFor(error) };
      }
    },
    close: () => {
      agents.plain.destroy();
      agents.secure.destroy();
    },
  };
}

const reuse = { keepAlive: true, maxFreeSockets: 4, timeout: 30_000 };

/** An address that was given as such has no name to be told (RFC 6066 section 3). */
function nameOf({ hostname }: URL): { servername?: string } {
  return isIP(hostname.replace(/^\[|\]$/g, "")) ? {} : { servername: hostname };
}

class StaleConnection extends Error {}

function answerTo(request: ClientRequest, isSecure: boolean): Promise<Outcome> {
  const answer = Promise.withResolvers<Outcome>();
  request.on("socket", (socket) => limitConnecting(request, socket, isSecure));
  request.on("response", (response) => {
    drainSome(response);
    answer.resolve({ status: response.statusCode ?? null, error: null });
  });
  request.on("error", (error: NodeJS.ErrnoException) => {
    const isStale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
    answer.reject(isStale ? new StaleConnection() : error);
  });
  return answer.promise;
}

function limitConnecting(request: ClientRequest, socket: Socket, isSecure: boolean): void {
  if (request.reusedSocket) return;
  const timer = setTimeout(() => request.destroy(new Error("There was no connection in time.")), CONNECT_MS);
  const stop = (): void => clearTimeout(timer);
  socket.once(isSecure ? "secureConnect" : "connect", stop).once("close", stop);
}

function drainSome(response: IncomingMessage): void {
  let octets = 0;
  response.on("error", () => undefined);
  response.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > MOST_OCTETS) response.destroy();
  });
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function wordsFor(error: unknown): string {
  if (isFailure(error)) return error.detail ?? error.code;
  if (!(error instanceof Error)) return "It could not be sent.";
  if (error.name === "TimeoutError" || error.name === "AbortError") return "There was no answer in time.";
  const { code } = error as NodeJS.ErrnoException;
  return (code ?? error.message).slice(0, 200);
}
