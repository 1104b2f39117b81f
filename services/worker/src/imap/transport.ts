import net, { type Socket } from "node:net";
import tls from "node:tls";
import { domainToASCII } from "node:url";
import { Failure } from "@postern/protocol";
import type { ImapTransport, ImapTransportConnectOptions, ImapTransportOptions } from "imapflow";
import type { ConnectOptions } from "./session.ts";
import { trusting } from "./trust.ts";

/** The socket under an ImapFlow client, so that it can be taken over once the client has logged in. */
export interface OwnTransport extends ImapTransport {
  /** The latest: STARTTLS puts a new one over the old one. */
  current(): Socket | null;
  /** The first error of a socket or of the client: what is thrown later is often only its consequence. */
  cause(): Error | null;
  noteCause(error: Error): void;
  /** Rejects when the server sends far more than a login can need. */
  flooded: Promise<never>;
  /** The login is over, one way or another: octets are no longer counted. */
  settle(): void;
  destroy(): void;
}

/** Octets from the greeting to the end of the login; a few thousand are usual. */
const MOST_OCTETS = 1 << 20;

/** Dials the vetted address, never the name, and checks the certificate for the name. */
export function ownTransport(options: ConnectOptions): OwnTransport {
  let socket: Socket | null = null;
  let plain: Socket | null = null;
  let cause: Error | null = null;
  let received = 0;
  const flood = Promise.withResolvers<never>();
  flood.promise.catch(() => undefined);
  const noteCause = (error: Error): void => {
    cause ??= error;
  };
  const count = (chunk: Buffer): void => {
    received += chunk.length;
    if (received <= MOST_OCTETS) return;
    flood.reject(new Failure("upstream-protocol", { detail: "The mail server sent more than a login can need." }));
  };
  const use = (next: Socket): Socket => {
    socket?.off("data", count);
    next.on("error", noteCause);
    socket = next;
    return next;
  };
  // Listening any earlier would take octets away from the client, which listens from here on.
  const counting = (then: () => void) => (): void => {
    then();
    socket?.on("data", count);
  };
  const secured = (underlying: Socket, onSecure: () => void): Socket => {
    const secure = tls.connect({ socket: underlying, ...tlsSettings(options) }, onSecure);
    // A socket under TLS reports its end to both; unheard it would end the process.
    underlying.on("error", (error) => secure.destroy(error));
    return secure;
  };
  return {
    current: () => socket,
    cause: () => cause,
    noteCause,
    flooded: flood.promise,
    settle: () => socket?.off("data", count),
    destroy: () => {
      socket?.destroy();
      plain?.destroy();
    },
    connect: ({ secure }: ImapTransportConnectOptions, onConnect: () => void) => {
      plain = net.connect({ host: options.address, port: options.port, noDelay: true, keepAlive: true });
      if (secure) return use(secured(plain, counting(onConnect)));
      plain.once("connect", counting(onConnect));
      return use(plain);
    },
    upgrade: (_: unknown, __: ImapTransportOptions, onSecure: () => void) => {
      if (!plain) throw new Error("there is no socket to secure");
      return use(secured(plain, counting(onSecure)));
    },
  };
}

function tlsSettings({ host, tls: wishes }: ConnectOptions): tls.ConnectionOptions {
  const wanted = wishes?.servername ?? host;
  // Certificates have names as they are in the DNS (RFC 5890).
  const name = net.isIP(wanted) ? wanted : domainToASCII(wanted) || wanted;
  return {
    // An address literal is no server name (RFC 6066 section 3), but the certificate is still checked for it.
    ...(net.isIP(name) ? { host: name } : { servername: name, host: name }),
    minVersion: "TLSv1.2",
    ...(wishes?.ca !== undefined && { secureContext: trusting(wishes.ca) }),
  };
}
