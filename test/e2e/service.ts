import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { createInterface } from "node:readline";

/** One process of Postern. */
export interface Service {
  url: string;
  process: ChildProcess;
  /** Every log line so far. */
  log: string[];
  /** SIGTERM, and all that it does. */
  stop(): Promise<void>;
}

/** Starts a service's main file and waits until it says where it listens. */
export async function startService(
  main: string,
  env: Record<string, string>,
  args: readonly string[] = [],
): Promise<Service> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("POSTERN_"));
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  dieWithThisProcess(child);
  const log: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => log.push(chunk.toString()));
  const listening = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    log.push(line);
    const url = listeningUrl(line);
    if (url !== null) listening.resolve(url);
  });
  const exited = once(child, "exit");
  void exited.then(([code]) =>
    listening.reject(new Error(`it ended with ${String(code)}: ${log.join("\n").slice(-4_000)}`)),
  );
  const url = await listening.promise;
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
  };
  return { url, process: child, log, stop };
}

/** However this process ends: a pipe that closes with it tells a watcher, which ends with the child otherwise. */
function dieWithThisProcess(child: ChildProcess): void {
  const command = `read -r _; kill -KILL ${String(child.pid)}`;
  const watcher = spawn("bash", ["-c", command], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  const killToo = (): unknown => child.kill("SIGKILL");
  process.once("exit", killToo);
  child.once("exit", () => {
    watcher.kill("SIGKILL");
    process.off("exit", killToo);
  });
  watcher.stdin.on("error", () => undefined);
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
}

function listeningUrl(line: string): string | null {
  try {
    const { msg, url } = JSON.parse(line) as { msg?: unknown; url?: unknown };
    return msg === "listening" && typeof url === "string" ? url : null;
  } catch {
    return null;
  }
}
