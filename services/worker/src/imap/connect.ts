import { Failure } from "@postern/protocol";
import { ImapFlow } from "imapflow";
import { abilitiesOf } from "./abilities.ts";
import { connectFailure } from "./connect-failures.ts";
import { Connection } from "./connection.ts";
import { decodeMailboxName } from "./encode.ts";
import { seconds } from "./failures.ts";
import { Session } from "./open-session.ts";
import type { ConnectOptions, Namespace, OpenSession } from "./session.ts";
import { type OwnTransport, ownTransport } from "./transport.ts";

/**
 * Opens, secures and logs in a connection with ImapFlow, which knows the ways of servers there, and takes its socket over
 * from then on: commands, answers and their limits are ours.
 */
export async function connectSession(options: ConnectOptions): Promise<OpenSession> {
  const transport = ownTransport(options);
  const client = newClient(options, transport);
  // Without a listener an error of the connection would end the process.
  client.on("error", (error) => transport.noteCause(error));
  await login(client, transport, options);
  return takeOver(client, transport, options);
}

/** From here on the client is only asked what it has learnt. */
function takeOver(client: ImapFlow, transport: OwnTransport, options: ConnectOptions): OpenSession {
  const socket = transport.current();
  if (!socket || socket.destroyed || !client.usable) {
    client.close();
    transport.destroy();
    throw new Failure("upstream-unreachable", { detail: "The connection was lost after the login.", retryAfter: 5 });
  }
  client.unbind();
  socket.setTimeout(0);
  const connection = new Connection(socket, {
    commandTimeoutMs: options.commandTimeoutMs,
    literals: literalsOf(client),
    onCommand: (report) => options.onCommand?.(report),
    onClose: () => {
      // Stops whatever timers the client still has; its socket is gone already.
      client.close();
      options.onClose?.();
    },
  });
  socket.resume();
  return new Session(
    connection,
    abilitiesOf(client.capabilities, isDovecot(client)),
    foreignPrefixes(client),
    personalOf(client),
  );
}

function literalsOf({ capabilities }: ImapFlow): "plus" | "minus" | "synchronizing" {
  if (capabilities.has("LITERAL+")) return "plus";
  return capabilities.has("LITERAL-") ? "minus" : "synchronizing";
}

/** Where other users' mailboxes and shared ones are. A prefix that is empty, or says anything else, is covered by `*`. */
function foreignPrefixes({ namespaces }: ImapFlow): string[] {
  const all = [...(namespaces?.other || []), ...(namespaces?.shared || [])];
  const prefixes = all.map(({ prefix }) => prefix).filter((prefix) => prefix !== "" && !/[\0\r\n*%]/.test(prefix));
  return [...new Set(prefixes)].slice(0, 20);
}

/** It has ids for messages and mailboxes that no capability tells of (X-GUID). */
function isDovecot({ serverInfo, greeting }: ImapFlow): boolean {
  return /dovecot/i.test(`${serverInfo?.name ?? ""} ${typeof greeting === "string" ? greeting : ""}`);
}

/** The first of the user's own namespaces, which is where new mailboxes belong. */
function personalOf({ namespaces }: ImapFlow): Namespace {
  const { prefix = "", delimiter = null } = namespaces?.personal[0] ?? {};
  return { prefix: decodeMailboxName(prefix), delimiter: delimiter || null };
}

function newClient(options: ConnectOptions, transport: OwnTransport): ImapFlow {
  const { secret, user } = options;
  return new ImapFlow({
    host: options.host,
    port: options.port,
    // Never left undefined: that would mean "TLS if the server likes", in clear if not.
    secure: options.security === "tls",
    doSTARTTLS: options.security === "starttls",
    auth: "password" in secret ? { user, pass: secret.password } : { user, accessToken: secret.accessToken },
    transport,
    logger: false,
    clientInfo: { name: "Postern" },
    disableAutoIdle: true,
    disableAutoEnable: true,
    disableCompression: true,
    connectionTimeout: options.timeoutMs,
    greetingTimeout: options.timeoutMs,
    maxLiteralSize: 64 << 10,
    maxLineLength: 64 << 10,
    maxResponseSize: 128 << 10,
    maxResponseTokens: 5_000,
  });
}

async function login(client: ImapFlow, transport: OwnTransport, options: ConnectOptions): Promise<void> {
  const late = Promise.withResolvers<never>();
  const deadline = setTimeout(() => {
    const detail = `${stage(client, transport)} within ${seconds(options.timeoutMs)}.`;
    late.reject(new Failure("upstream-timeout", { detail, retryAfter: 5 }));
  }, options.timeoutMs);
  try {
    const connecting = client.connect();
    connecting.catch(() => undefined);
    await Promise.race([connecting, late.promise, transport.flooded]);
    // What ImapFlow promises is checked once more where a password is at stake for every later login.
    if (options.security !== "none" && !client.secureConnection) {
      throw new Failure("upstream-unreachable", { detail: "The mail server does not offer TLS." });
    }
  } catch (error) {
    const failure = connectFailure(error, transport.cause(), client, options);
    client.close();
    transport.destroy();
    throw failure;
  } finally {
    clearTimeout(deadline);
    transport.settle();
  }
}

function stage(client: ImapFlow, transport: OwnTransport): string {
  const socket = transport.current();
  if (!socket || socket.connecting) return "The mail server could not be reached";
  if (client.greeting === undefined) return "No greeting of the mail server";
  return "No answer to the login";
}
