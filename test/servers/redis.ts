import { connect } from "node:net";
import { type Daemon, freePorts, startDaemon, temporaryFolder } from "./process.ts";

export interface RedisServer {
  url: string;
  port: number;
  /** To freeze or kill it. */
  pid: number;
  stop(): Promise<void>;
}

/** A real redis-server on a port of its own that keeps nothing. `args`: more of its options, such as `["--maxmemory", "10mb"]`. */
export async function startRedis(options: { args?: string[]; port?: number } = {}): Promise<RedisServer> {
  const folder = temporaryFolder("postern-redis-");
  const [free = 0] = await freePorts(1);
  const port = options.port ?? free;
  const command = [
    "redis-server",
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--dir",
    folder,
    "--save",
    "",
    "--appendonly",
    "no",
  ];
  const daemon: Daemon = await startDaemon([...command, ...(options.args ?? [])], () => answersPing(port));
  const pid = await pidOf(port);
  return { url: `redis://127.0.0.1:${port}`, port, pid, stop: daemon.stop };
}

async function answersPing(port: number): Promise<boolean> {
  return (await ask(port, "PING\r\n", /\r\n/)).startsWith("+PONG");
}

async function pidOf(port: number): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await ask(port, "INFO server\r\n", /process_id:\d+\r\n/))?.[1]);
}

function ask(port: number, request: string, until: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      if (until.test(answer)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}
