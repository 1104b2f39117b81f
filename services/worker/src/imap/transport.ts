import net, { type Socket } from "node:net";
import tls from "node:tls";
import type { ImapTransport, ImapTransportConnectOptions, ImapTransportOptions } from "imapflow";
import type { ConnectOptions } from "./session.ts";

/** The socket under an ImapFlow client, so that it can be taken over once the client has logged in. */
export interface OwnTransport extends ImapTransport {
  /** The latest: STARTTLS puts a new one over the old one. */
  current(): Socket | null;
  destroy(): void;
}

/** Dials the vetted address, never the name, and checks the certificate for the name. */
export function ownTransport(options: ConnectOptions): OwnTransport {
  let socket: Socket | null = null;
  const plain: { current: Socket | null } = { current: null };
  const secured = (underlying: Socket, onSecure: () => void): Socket => {
    const secure = tls.connect({ socket: underlying, ...tlsSettings(options) }, onSecure);
    // A socket under TLS reports its end to both; unheard it would end the process.
    underlying.on("error", (error) => secure.destroy(error));
    return secure;
  };
  return {
    current: () => socket,
    destroy: () => {
      socket?.destroy();
      plain.current?.destroy();
    },
    connect: ({ secure }: ImapTransportConnectOptions, onConnect: () => void) => {
      const dialled = net.connect({ host: options.address, port: options.port, noDelay: true, keepAlive: true });
      plain.current = dialled;
      if (!secure) dialled.once("connect", onConnect);
      socket = secure ? secured(dialled, onConnect) : dialled;
      return socket;
    },
    upgrade: (_: unknown, __: ImapTransportOptions, onSecure: () => void) => {
      if (!plain.current) throw new Error("there is no socket to secure");
      socket = secured(plain.current, onSecure);
      return socket;
    },
  };
}

function tlsSettings({ host, tls: wishes }: ConnectOptions): tls.ConnectionOptions {
  const name = wishes?.servername ?? host;
  return {
    // An address literal is no server name (RFC 6066 section 3), but the certificate is still checked for it.
    ...(net.isIP(name) ? { host: name } : { servername: name, host: name }),
    minVersion: "TLSv1.2",
    // Public authorities stay trusted beside a private one: a certificate may be replaced by a public one any day.
    ...(wishes?.ca !== undefined && { ca: [...tls.rootCertificates, wishes.ca] }),
  };
}
