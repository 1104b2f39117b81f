import type { IncomingMessage } from "node:http";
import { type Readable, Transform } from "node:stream";
import { Failure, isFailure } from "@postern/protocol";
import type { Vetting } from "@postern/service";
import { createAgents, portOf, requestVetted } from "../http/outgoing.ts";

export interface Image {
  contentType: string;
  /** Octets; null: not told. */
  size: number | null;
  /** Ends broken where there is more than an image may have, or not all in time. */
  body: Readable;
}

/** Images of the web, fetched for somebody of whom nothing is told there. */
export interface Images {
  /** Throws `host-not-allowed` and `image-unavailable`. What it gives must be drained or destroyed. */
  fetch(url: string, signal: AbortSignal): Promise<Image>;
  close(): void;
}

export interface ImagesOptions {
  vetting: Vetting;
  limits?: Partial<typeof LIMITS>;
}

const LIMITS = {
  /** From the look-up of the name to the header of the last answer. */
  headMs: 10_000,
  /** To the last octet, however slowly it is taken. */
  wholeMs: 60_000,
  octets: 10 << 20,
  redirects: 5,
};

/** What browsers show and nothing runs in. */
const shown = /^image\/(png|apng|jpe?g|pjpeg|gif|webp|avif|bmp|x-ms-bmp|x-icon|vnd\.microsoft\.icon)$/;

/** All that is told of who asks. */
const headers = {
  accept: "image/avif,image/webp,image/apng,image/png,image/jpeg,image/gif,image/*;q=0.5",
  "accept-encoding": "identity",
  "user-agent": "Mozilla/5.0 (compatible; Postern)",
};

export function createImages({ vetting, limits }: ImagesOptions): Images {
  const { headMs, wholeMs, octets, redirects } = { ...LIMITS, ...limits };
  // Newsletters have their images on few hosts: no host gets all of what is there, and the rest waits.
  const agents = createAgents(pool);

  const ask = async (url: URL, signal: AbortSignal): Promise<IncomingMessage> => {
    const port = portOf(url);
    if (port < 1_024 && port !== 80 && port !== 443) throw notAllowed();
    const request = await requestVetted(url, { agents, vetting, signal, method: "GET", headers });
    const answer = Promise.withResolvers<IncomingMessage>();
    request.on("response", answer.resolve).on("error", answer.reject).end();
    return answer.promise;
  };

  /** The answer at the end of all redirects, each of which is vetted like the first address. */
  const follow = async (first: string, signal: AbortSignal): Promise<IncomingMessage> => {
    let url = addressIn(first);
    for (let step = 0; step <= redirects; step += 1) {
      const answer = await ask(url, signal);
      const { location } = answer.headers;
      if (!isRedirect(answer.statusCode) || location === undefined) return answer;
      answer.destroy();
      url = addressIn(location, url);
    }
    throw unavailable("It leads from one address to the next without an end.");
  };

  return {
    fetch: async (url, signal) => {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), headMs);
      const ended = AbortSignal.any([signal, late.signal, AbortSignal.timeout(wholeMs)]);
      try {
        const answer = await follow(url, ended);
        const problem = problemWith(answer, octets);
        if (problem === null) return { ...described(answer), body: limited(answer, octets) };
        answer.destroy();
        throw unavailable(problem);
      } catch (error) {
        if (isFailure(error, "host-not-allowed") || isFailure(error, "image-unavailable")) throw error;
        throw unavailable("Nothing answers there, or not in time.", error);
      } finally {
        clearTimeout(timer);
      }
    },
    close: agents.close,
  };
}

const pool = { maxSockets: 16, maxTotalSockets: 128 };

function addressIn(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") throw notAllowed();
  return url;
}

function isRedirect(status = 0): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** In words, what keeps an answer from being shown. */
function problemWith({ statusCode, headers }: IncomingMessage, most: number): string | null {
  if (statusCode !== 200) return `What is there answers ${statusCode}.`;
  if (!shown.test(typeOf(headers["content-type"]))) return "What is there is no image that can be shown.";
  if (!/^(identity)?$/i.test(headers["content-encoding"] ?? "")) return "What is there is packed.";
  return Number(headers["content-length"] ?? 0) > most ? "The image is too large." : null;
}

function described({ headers }: IncomingMessage): Pick<Image, "contentType" | "size"> {
  const length = headers["content-length"];
  return { contentType: typeOf(headers["content-type"]), size: length === undefined ? null : Number(length) };
}

function typeOf(header = ""): string {
  return (header.split(";")[0] ?? "").trim().toLowerCase();
}

/** Taken as fast as it is read. */
function limited(answer: IncomingMessage, most: number): Readable {
  let left = most;
  const counted = new Transform({
    transform: (chunk: Buffer, _, done) => {
      left -= chunk.length;
      done(left < 0 ? unavailable("The image is too large.") : null, chunk);
    },
  });
  answer.on("error", (error) => counted.destroy(error));
  counted.on("close", () => answer.destroy());
  return answer.pipe(counted);
}

function unavailable(detail: string, cause?: unknown): Failure {
  return new Failure("image-unavailable", { detail, cause });
}

function notAllowed(): Failure {
  return new Failure("host-not-allowed", {
    detail: "Images are fetched over http and https, from public hosts, alone.",
  });
}
