import { Failure } from "@postern/protocol";
import { ImapFlow } from "imapflow";
import { abilitiesOf } from "./abilities.ts";
import { Connection } from "./connection.ts";
import { loginRefusal, printable, seconds } from "./failures.ts";
import { Session } from "./open-session.ts";
import type { ConnectOptions, OpenSession } from "./session.ts";
import { type OwnTransport, ownTransport } from "./transport.ts";

/**
 * Opens, secures and logs in a connection with ImapFlow, which knows the ways of servers there, and takes its socket over
 * from then on: commands, answers and their limits are ours.
 */
export async function connectSession(options: ConnectOptions): Promise<OpenSession> {
  const transport = ownTransport(options);
  const client = newClient(options, transport);
  // Without a listener an error of the connection would end the process.
  client.on("error", () => undefined);
  await login(client, transport, options);
  const socket = transport.current();
  if (!socket || socket.destroyed)
    throw new Failure("upstream-unreachable", { detail: "The connection was lost after the login." });
  socket.unpipe();
  socket.removeAllListeners();
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
  return new Session(connection, abilitiesOf(client.capabilities));
}

function literalsOf({ capabilities }: ImapFlow): "plus" | "minus" | "synchronizing" {
  if (capabilities.has("LITERAL+")) return "plus";
  return capabilities.has("LITERAL-") ? "minus" : "synchronizing";
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
    maxLiteralSize: 1 << 20,
    maxLineLength: 1 << 20,
    maxResponseSize: 2 << 20,
    maxResponseTokens: 20_000,
  });
}

async function login(client: ImapFlow, transport: OwnTransport, options: ConnectOptions): Promise<void> {
  const late = Promise.withResolvers<never>();
  const deadline = setTimeout(() => {
    const detail = `${stage(client, transport)} within ${seconds(options.timeoutMs)}.`;
    late.reject(new Failure("upstream-timeout", { detail }));
  }, options.timeoutMs);
  try {
    const connecting = client.connect();
    connecting.catch(() => undefined);
    await Promise.race([connecting, late.promise]);
    if (options.security !== "none" && !client.secureConnection) {
      throw new Failure("upstream-unreachable", { detail: "The mail server does not offer TLS." });
    }
  } catch (error) {
    client.close();
    transport.destroy();
    throw connectFailure(error, client, options);
  } finally {
    clearTimeout(deadline);
  }
}

function stage(client: ImapFlow, transport: OwnTransport): string {
  const socket = transport.current();
  if (!socket || socket.connecting) return "The mail server could not be reached";
  if (client.greeting === undefined) return "No greeting of the mail server";
  return "No answer to the login";
}

interface ImapFlowError extends Error {
  code?: string;
  authenticationFailed?: boolean;
  serverResponseCode?: string;
  responseStatus?: string;
  responseText?: string;
}

function connectFailure(thrown: unknown, client: ImapFlow, options: ConnectOptions): Failure {
  if (thrown instanceof Failure) return thrown;
  const error = thrown as ImapFlowError;
  if (error.authenticationFailed || error.responseStatus === "NO" || error.responseStatus === "BAD")
    return refused(error);
  if (client.byeReason !== undefined || error.responseStatus === "BYE") {
    const text = printable(client.byeReason ?? error.responseText ?? "");
    return loginRefusal({ status: "BYE", code: error.serverResponseCode ?? null, text });
  }
  return new Failure(isTimeout(error) ? "upstream-timeout" : "upstream-unreachable", {
    detail: `${describe(error, options)}.`,
    retryAfter: 5,
    cause: error,
  });
}

function refused(error: ImapFlowError): Failure {
  const status = error.responseStatus === "BAD" ? "BAD" : "NO";
  const text = printable(error.responseText ?? "");
  return loginRefusal({ status, code: error.serverResponseCode ?? null, text });
}

function isTimeout(error: ImapFlowError): boolean {
  return (
    error.code === "CONNECT_TIMEOUT" ||
    error.code === "GREETING_TIMEOUT" ||
    error.code === "ETIMEOUT" ||
    error.code === "ETIMEDOUT"
  );
}

const explanations: Record<string, string> = {
  ECONNREFUSED: "The mail server refused the connection",
  ECONNRESET: "The mail server cut the connection",
  EHOSTUNREACH: "There is no route to the mail server",
  ENETUNREACH: "There is no route to the mail server",
  ETIMEDOUT: "The mail server could not be reached in time",
  CONNECT_TIMEOUT: "The mail server could not be reached in time",
  GREETING_TIMEOUT: "No greeting of the mail server in time",
  STARTTLS_INJECTION: "The mail server sent data before TLS was in place",
  DEPTH_ZERO_SELF_SIGNED_CERT: "The mail server's certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "The mail server's certificate is not signed by a known authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "The mail server's certificate is not signed by a known authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "The mail server's certificate is not signed by a known authority",
  CERT_HAS_EXPIRED: "The mail server's certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "The mail server's certificate is for another name",
};

/** No text of a library or a server here: it may repeat what was sent. */
function describe(error: ImapFlowError, options: ConnectOptions): string {
  const known = explanations[error.code ?? ""];
  if (known !== undefined) return known;
  if (options.security === "starttls" && /STARTTLS/i.test(error.message))
    return "The mail server does not offer STARTTLS";
  if (error.code?.startsWith("ERR_SSL") || error.code === "EPROTO")
    return "The mail server does not speak TLS on this port";
  return `The connection to the mail server could not be made${error.code ? ` (${error.code})` : ""}`;
}
