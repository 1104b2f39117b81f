import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface RecordingProxy {
  host: string;
  port: number;
  /** Every command so far of those who came through it, without its tag; less what connections begin, stay and end with. */
  commands: string[];
  /** Those too. */
  all: string[];
  /** What the server says from now on is kept back until the returned function is called. */
  hold(): () => void;
  /** The same, for those too who come later. */
  holdAll(): () => void;
  /** Does that when a command passes for the `count`th time from now on, whose answer is then kept back. */
  holdAt(command: RegExp, count?: number): Promise<() => void>;
  stop(): Promise<void>;
}

/** Stands between a client and an IMAP server in clear text, changes nothing, and writes down what the client asks for. */
export async function startRecordingProxy(target: { host: string; port: number }): Promise<RecordingProxy> {
  const commands: string[] = [];
  const all: string[] = [];
  const sockets = new Set<Socket>();
  const servers = new Set<Socket>();
  let isHeld = false;
  const watches = new Set<(command: string) => void>();
  const holdAll = (): (() => void) => {
    isHeld = true;
    for (const socket of servers) socket.pause();
    return () => {
      isHeld = false;
      for (const socket of servers) socket.resume();
    };
  };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...target, noDelay: true });
    servers.add(upstream);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        servers.delete(upstream);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on(
      "data",
      recordInto(all, commands, (command) => {
        for (const watch of watches) watch(command);
      }),
    );
    client.pipe(upstream).pipe(client);
    if (isHeld) upstream.pause();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    commands,
    all,
    hold: () => {
      const held = [...servers];
      for (const socket of held) socket.pause();
      return () => {
        for (const socket of held) socket.resume();
      };
    },
    holdAll,
    holdAt: (pattern, count = 1) =>
      new Promise((resolve) => {
        let left = count;
        const watch = (command: string): void => {
          if (pattern.test(command)) left -= 1;
          if (left > 0) return;
          watches.delete(watch);
          resolve(holdAll());
        };
        watches.add(watch);
      }),
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const own = /^(CAPABILITY|STARTTLS|LOGIN|AUTHENTICATE|ID|ENABLE|NAMESPACE|NOOP|IDLE|LOGOUT)\b/;

/** A literal's lines have no tag that is followed by a command's name, or are taken for one: good enough to count by. */
function recordInto(all: string[], commands: string[], onCommand: (command: string) => void): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk.toString("latin1")).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const command = /^\S+ ((?:UID )?[A-Z]+\b.*)$/.exec(line)?.[1];
      if (command === undefined) continue;
      all.push(command);
      onCommand(command);
      if (!own.test(command)) commands.push(command);
    }
  };
}
