import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of one's own, gone when the process ends. Short, since UNIX sockets go in it. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

const PORT_TRIES = 10;

/**
 * What `start` makes on ports that were free a moment ago. Another process may take one first, and Redis wants a second
 * one 10,000 above for its cluster bus: where a server ends at once, others are tried.
 */
export async function onFreePorts<T>(count: number, start: (...ports: number[]) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(...(await freePorts(count)));
    } catch (error) {
      if (!(error instanceof EndedAtOnce) || tries === PORT_TRIES) throw error;
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
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

/** A server that ended before it was ready. */
export class EndedAtOnce extends Error {}

export interface Daemon {
  stop: () => Promise<void>;
}

/**
 * Waits for the standard input, which closes when the process that started it ends, however that ends. Then the server
 * and its children are killed, since nothing they keep is wanted, and their folder goes. A frozen server dies too, and
 * so does one that has no process group yet.
 */
const keeper = `
exec 3<&0
folder=$1; shift
setsid "$@" & server=$!
(read -r _ <&3; kill -KILL -- -$server $server) & reader=$!
wait $server
kill -KILL -- -$server $reader
rm -rf "$folder"
`;

/** A server that is started again whenever it ends, but not while there is a file `down` in its folder. */
export function reviving(command: string[], folder: string): string[] {
  const loop = 'while :; do "$@"; sleep 0.05; while [ -e "$0/down" ]; do sleep 0.02; done; done';
  return ["bash", "-c", loop, folder, ...command];
}

/**
 * Starts a server that stays in the foreground, in a process group of its own: Ctrl-C in a terminal is not for it. It
 * does not keep the process that started it alive. `folder` is removed with it.
 */
export async function startDaemon(command: string[], folder: string, isReady: () => Promise<boolean>): Promise<Daemon> {
  const child = spawn("bash", ["-c", keeper, "bash", folder, ...command], { detached: true });
  let output = "";
  const note = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  child.stdin.on("error", () => undefined);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    if (!hasEnded()) child.ref();
    child.stdin.end();
    await exited;
  };
  for (let tries = 0; !(await isReady()); tries += 1) {
    if (hasEnded()) throw new EndedAtOnce(`${command[0]} ended at once: ${output}`);
    if (tries > 400) {
      await stop();
      throw new Error(`${command[0]} did not get ready: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  child.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
  return { stop };
}
