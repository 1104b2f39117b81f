import { type ClientRequest, Agent as HttpAgent, type AgentOptions, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { type Vetting, vetHost } from "@postern/service";

/** Connections that are kept for what is asked next. */
export interface Agents {
  plain: HttpAgent;
  secure: HttpsAgent;
  close(): void;
}

export interface Outgoing {
  agents: Agents;
  vetting: Vetting;
  /** Ends the look-up of the name as well as the request. */
  signal: AbortSignal;
  method: "GET" | "POST";
  headers: Record<string, string>;
}

export function createAgents(options: AgentOptions): Agents {
  const [plain, secure] = [new HttpAgent(options), new HttpsAgent(options)];
  const close = (): void => {
    for (const agent of [plain, secure]) agent.destroy();
  };
  return { plain, secure, close };
}

export const isSecure = ({ protocol }: URL): boolean => protocol === "https:";

export const portOf = (url: URL): number => Number(url.port || (isSecure(url) ? 443 : 80));

/**
 * The one way to a web address that a user or a message gave; the request is still to be ended. Redirects are answers like
 * any other. Throws what `vetHost` throws, and the signal's reason.
 */
export async function requestVetted(url: URL, outgoing: Outgoing): Promise<ClientRequest> {
  const { agents, vetting, signal, method, headers } = outgoing;
  const port = portOf(url);
  // The vetted address is the one that is dialled: asked again, the name may say something else.
  const host = await orAborted(vetHost(url.hostname, port, vetting), signal);
  const path = url.pathname + url.search;
  const options = { host, port, path, method, headers: { ...headers, host: url.host }, signal };
  return isSecure(url)
    ? httpsRequest({ ...options, agent: agents.secure, ...nameOf(url) })
    : httpRequest({ ...options, agent: agents.plain });
}

/** An address that was given as such has no name to be told (RFC 6066 section 3). */
function nameOf({ hostname }: URL): { servername?: string } {
  return isIP(hostname.replace(/^\[|\]$/g, "")) ? {} : { servername: hostname };
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
