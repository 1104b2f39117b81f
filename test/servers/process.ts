import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of a server's own, gone when the process ends. Short, since UNIX sockets go in it. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ports that were free a moment ago. Another may take one first: who uses them tries again. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function listening(): Promise<ReturnType<typeof createServer>> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

export interface Daemon {
  process: ChildProcess;
  stop(): Promise<void>;
}

/**
 * Starts a server that stays in the foreground and ends with this process, however that ends: a shell waits for the
 * standard input, which closes with us, and then takes the server along.
 */
export async function startDaemon(command: string[], isReady: () => Promise<boolean>): Promise<Daemon> {
  const script = '"$@" & child=$!; (read -r _; kill -TERM $child) <&3 & wait $child; code=$?; exit $code';
  const child = spawn("bash", ["-c", `exec 3<&0; ${script}`, "bash", ...command], { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  const note = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  child.stdin.on("error", () => undefined);
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  for (let tries = 0; !(await isReady()); tries += 1) {
    if (child.exitCode !== null || tries > 400) {
      await stop();
      throw new Error(`${command[0]} did not start: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { process: child, stop };
}
