import { createHmac, timingSafeEqual } from "node:crypto";
import { accountId, Failure, scope } from "@postern/protocol";
import type { KeyRing } from "@postern/store";
import * as z from "zod";

/** What a ticket says. It is stored nowhere: whoever has the key ring can tell whether it was made here. */
export interface Ticket {
  /** `admin`, or the id of the token that it was made with: when that is deleted, so is the ticket. */
  actor: string;
  scopes: z.infer<typeof scope>[];
  /** Null: every account that its token is for. */
  accounts: string[] | null;
  /** Epoch seconds. */
  expiresAt: number;
  /** The only path that it opens, with a query if that is to be the same too. Null: any. */
  path: string | null;
}

export interface Tickets {
  /** `tkt_…`. The same ticket reads the same each time, so that addresses that carry one can be cached. */
  write(ticket: Ticket): string;
  /** Throws `unauthenticated` for what was not made here, or is no longer good. */
  read(text: string): Ticket;
  /** A signature for an address that was found in a message. */
  signImage(url: string): string;
  isSignedImage(url: string, signature: string): boolean;
}

const MAC_BYTES = 18;
const VERSION = 1;
const body = z.tuple([
  z.literal(VERSION),
  z.string().max(100),
  z.array(scope),
  z.array(accountId).nullable(),
  z.int(),
  z.string().nullable(),
]);

/** `tkt_` base64url(JSON) `.` base64url(HMAC-SHA-256, cut to 144 bits). */
export function createTickets(ring: KeyRing, now: () => number = Date.now): Tickets {
  const keys = ring.deriveAll("postern tickets");
  const macs = (text: string): Buffer[] => keys.map((key) => mac(key, text));
  const isMac = (text: string, sum: string): boolean => {
    const given = Buffer.from(sum, "base64url");
    return given.length === MAC_BYTES && macs(text).some((made) => timingSafeEqual(made, given));
  };
  return {
    write: ({ actor, scopes, accounts, expiresAt, path }) => {
      const values: z.infer<typeof body> = [VERSION, actor, scopes, accounts, expiresAt, path];
      const text = Buffer.from(JSON.stringify(values)).toString("base64url");
      return `tkt_${text}.${mac(keys[0] ?? "", text).toString("base64url")}`;
    },
    read: (presented) => {
      const [, text = "", sum = ""] = /^tkt_([A-Za-z0-9_-]{1,12000})\.([A-Za-z0-9_-]{24})$/.exec(presented) ?? [];
      if (!isMac(text, sum)) throw invalid();
      const [, actor, scopes, accounts, expiresAt, path] = body.parse(
        JSON.parse(Buffer.from(text, "base64url").toString()),
      );
      if (expiresAt * 1_000 <= now()) throw invalid();
      return { actor, scopes, accounts, expiresAt, path };
    },
    // No ticket's text has a space in it.
    signImage: (url) => mac(keys[0] ?? "", `image ${url}`).toString("base64url"),
    isSignedImage: (url, signature) => isMac(`image ${url}`, signature),
  };
}

function mac(key: string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest().subarray(0, MAC_BYTES);
}

function invalid(): Failure {
  return new Failure("unauthenticated", { detail: "The ticket is not valid, or no longer." });
}

/** A request's target without its ticket: what a ticket may be for. */
export function targetOf(url: string): string {
  const [path = "", query] = url.split(/\?(.*)/s, 2);
  const rest = (query ?? "").split("&").filter((pair) => pair !== "" && !/^ticket(=|$)/.test(pair));
  return rest.length === 0 ? path : `${path}?${rest.join("&")}`;
}

/** Whether a ticket for this path opens this target. A path without a query opens it with any. */
export function opens(path: string | null, target: string): boolean {
  if (path === null) return true;
  return path === (path.includes("?") ? target : target.replace(/\?.*$/s, ""));
}
