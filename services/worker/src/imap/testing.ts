import type { TestContext } from "node:test";
import { Failure } from "@postern/protocol";
import { type Script, type ScriptedServer, startScriptedImap } from "@postern/test/servers/scripted";
import { type ConnectOptions, connectSession, type OpenSession } from "./index.ts";

/** For tests: options that log in at a scripted server. */
export function optionsFor(server: ScriptedServer, script: Script = {}): ConnectOptions {
  return {
    host: "localhost",
    address: server.host,
    port: server.port,
    security: script.security ?? "none",
    tls: server.ca === null ? null : { ca: server.ca },
    user: "ada",
    secret: { password: "secret" },
    timeoutMs: 20_000,
    commandTimeoutMs: 20_000,
  };
}

export async function scripted(t: TestContext, script: Script = {}): Promise<ScriptedServer> {
  const server = await startScriptedImap(script);
  t.after(() => server.stop());
  return server;
}

/** A scripted server and a session with it, both gone at the end of the test. */
export async function opened(
  t: TestContext,
  script: Script = {},
  options: Partial<ConnectOptions> = {},
): Promise<{ server: ScriptedServer; session: OpenSession }> {
  const server = await scripted(t, script);
  const session = await connectSession({ ...optionsFor(server, script), ...options });
  t.after(() => session.close());
  return { server, session };
}

/** The failure that a promise ends in; anything else fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const outcome = await promise.then(
    () => new Error("it went well"),
    (error: unknown) => error,
  );
  if (outcome instanceof Failure) return outcome;
  throw outcome;
}
