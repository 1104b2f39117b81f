import { connect } from "node:net";
import { onFreePorts, reviving, startDaemon, temporaryFolder } from "./process.ts";

export interface RedisServer {
  url: string;
  port: number;
  /** To freeze or kill it. */
  pid: number;
  /** Where it works. */
  folder: string;
  /** Whether it answers. */
  isThere: () => Promise<boolean>;
  stop: () => Promise<void>;
}

export interface RedisOptions {
  /** More of its options, such as `["--maxmemory", "10mb"]`. */
  args?: string[];
  port?: number;
  /** When it is killed it starts again in its folder, but not while there is a file `down`. */
  revives?: boolean;
  /** Where it works, if what it keeps there is to outlive it. */
  folder?: string;
}

/** A real redis-server on a port of its own that keeps nothing unless told to. */
export function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const start = (port: number): Promise<RedisServer> => startOn(port, options);
  return options.port === undefined ? onFreePorts(1, start) : start(options.port);
}

async function startOn(port: number, { args = [], folder: kept, revives }: RedisOptions): Promise<RedisServer> {
  const own = temporaryFolder("postern-redis-");
  const folder = kept ?? own;
  const where = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder];
  const command = ["redis-server", ...where, "--save", "", "--appendonly", "no", ...args];
  // Whoever answers on the port may be a server that took it first: ours is the one that works in our folder.
  const isOurs = async (): Promise<boolean> => (await ask(port, "CONFIG GET dir\r\n", folder)).includes(folder);
  const daemon = await startDaemon(revives ? reviving(command, folder) : command, own, isOurs);
  const pid = Number(/process_id:(\d+)/.exec(await ask(port, "INFO server\r\n", "tcp_port"))?.[1]);
  return { url: `redis://127.0.0.1:${port}`, port, pid, folder, isThere: isOurs, stop: daemon.stop };
}

/** The answer as far as `until`, or as far as it goes in a moment. */
function ask(port: number, request: string, until: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.setTimeout(500, () => socket.destroy());
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      if (answer.includes(until) || answer.startsWith("-")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}
