import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { isFailure } from "@postern/protocol";
import type { Vetting } from "@postern/service";
import { createAgents, isSecure, requestVetted } from "../http/outgoing.ts";

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
  const agents = createAgents(reuse);

  const once = async (url: URL, headers: Record<string, string>, body: string): Promise<Outcome> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const sized = { ...headers, "content-length": String(Buffer.byteLength(body)) };
    const request = await requestVetted(url, { agents, vetting, signal, method: "POST", headers: sized });
    request.end(body);
    return answerTo(request, isSecure(url));
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
    close: agents.close,
  };
}

const reuse = { keepAlive: true, maxFreeSockets: 4, timeout: 30_000 };

class StaleConnection extends Error {}

function answerTo(request: ClientRequest, secured: boolean): Promise<Outcome> {
  const answer = Promise.withResolvers<Outcome>();
  request.on("socket", (socket) => limitConnecting(request, socket, secured));
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

function limitConnecting(request: ClientRequest, socket: Socket, secured: boolean): void {
  if (request.reusedSocket) return;
  const timer = setTimeout(() => request.destroy(new Error("There was no connection in time.")), CONNECT_MS);
  const stop = (): void => clearTimeout(timer);
  socket.once(secured ? "secureConnect" : "connect", stop).once("close", stop);
}

function drainSome(response: IncomingMessage): void {
  let octets = 0;
  response.on("error", () => undefined);
  response.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (octets > MOST_OCTETS) response.destroy();
  });
}

function wordsFor(error: unknown): string {
  if (isFailure(error)) return error.detail ?? error.code;
  if (!(error instanceof Error)) return "It could not be sent.";
  if (error.name === "TimeoutError" || error.name === "AbortError") return "There was no answer in time.";
  const { code } = error as NodeJS.ErrnoException;
  return (code ?? error.message).slice(0, 200);
}
