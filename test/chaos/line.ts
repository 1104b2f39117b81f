import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** How the network is between the workers and the mail server. */
export interface Weather {
  /** Before anything arrives, in each direction. */
  delayMs: number;
  /** In each direction of each connection; null: as much as there is. */
  bytesPerSecond: number | null;
  /** Nobody gets through: connections end as soon as they begin. */
  isClosed: boolean;
}

const fair: Weather = { delayMs: 0, bytesPerSecond: null, isClosed: false };

/** A wire to the mail server that can be tampered with. */
export interface Line {
  host: string;
  port: number;
  weather: Weather;
  clear(): void;
  /** Each connection that is there now is cut when so many more octets have come from the server, or gone to it. */
  cutAfter(octets: number, from: "server" | "client"): void;
  /** The server's end of each connection is gone, and nobody tells the client. */
  forsake(): void;
  /** When a client next sends this. */
  next(words: string): Promise<void>;
  /** The next time that a client sends this it is kept back, with all that comes after it. Resolves when it has come. */
  holdCommand(words: string): Promise<void>;
  /** The next time that a client sends this it gets no answer. Resolves when the server has completed it. */
  holdAnswer(words: string): Promise<void>;
  stop(): Promise<void>;
}

type End = "client" | "server";

interface Connection {
  client: Socket;
  server: Socket;
  isForsaken: boolean;
  left: Record<End, number>;
  /** Told when something is kept back; null: nothing is. */
  held: Record<End, (() => void) | null>;
}

interface Trap {
  words: string;
  holds: End;
  come: () => void;
}

export async function startLine(target: { host: string; port: number }): Promise<Line> {
  const connections = new Set<Connection>();
  const awaited = new Set<{ words: string; come: () => void }>();
  const traps = new Set<Trap>();
  const hold = (words: string, holds: End): Promise<void> =>
    new Promise((come) => {
      traps.add({ words, holds, come });
    });
  const line: Omit<Line, "host" | "port" | "stop"> = {
    weather: { ...fair },
    clear: () => Object.assign(line.weather, fair),
    cutAfter(octets, from) {
      for (const connection of connections) connection.left[from] = octets;
    },
    forsake() {
      for (const connection of connections) {
        connection.isForsaken = true;
        connection.server.destroy();
      }
    },
    next: (words) => new Promise((come) => awaited.add({ words, come })),
    holdCommand: (words) => hold(words, "client"),
    holdAnswer: (words) => hold(words, "server"),
  };
  const hear = (chunk: Buffer): void => {
    for (const each of awaited) {
      if (!chunk.includes(each.words)) continue;
      awaited.delete(each);
      each.come();
    }
  };
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    if (line.weather.isClosed) {
      client.destroy();
      return;
    }
    const upstream = connect({ ...target, noDelay: true, allowHalfOpen: true });
    const left = { server: Number.POSITIVE_INFINITY, client: Number.POSITIVE_INFINITY };
    const held = { client: null, server: null };
    const connection: Connection = { client, server: upstream, isForsaken: false, left, held };
    connections.add(connection);
    client.on("data", hear);
    client.pause();
    for (const from of ["client", "server"] as const) {
      connection[from].on("error", () => undefined);
      void carry(connection, from, line.weather, traps);
    }
    upstream.on("close", () => {
      if (!connection.isForsaken) client.destroy();
    });
    client.on("close", () => {
      upstream.destroy();
      connections.delete(connection);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(line, {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const { client, server: upstream } of connections) for (const socket of [client, upstream]) socket.destroy();
      await closed;
    },
  });
}

/** What comes from one end goes to the other, as the weather lets it. */
async function carry(connection: Connection, from: End, weather: Weather, traps: Set<Trap>): Promise<void> {
  const to = connection[from === "client" ? "server" : "client"];
  try {
    for await (const piece of connection[from] as AsyncIterable<Buffer>) {
      if (from === "client") spring(connection, piece, traps);
      if (isHeld(connection, from, piece)) continue;
      if (weather.delayMs > 0) await delay(weather.delayMs);
      for (const part of partsOf(piece, weather)) {
        if (connection.isForsaken) continue;
        if (weather.bytesPerSecond !== null) await delay((part.length * 1_000) / weather.bytesPerSecond);
        const fits = part.subarray(0, connection.left[from]);
        connection.left[from] -= fits.length;
        if (fits.length > 0 && !to.write(fits)) await once(to, "drain");
        if (connection.left[from] <= 0) return cut(connection);
      }
    }
    if (!connection.isForsaken) to.end();
  } catch {
    if (!connection.isForsaken) cut(connection);
  }
}

/** Whether a trap was waiting for this. */
function spring({ held }: Connection, piece: Buffer, traps: Set<Trap>): void {
  for (const trap of traps) {
    if (!piece.includes(trap.words)) continue;
    traps.delete(trap);
    held[trap.holds] = trap.come;
  }
}

/** What is kept back is never given: whoever waits for it dies of something else. */
function isHeld({ held }: Connection, from: End, piece: Buffer): boolean {
  const come = held[from];
  if (!come) return false;
  if (from === "client" || /^\S+ (OK|NO|BAD) /m.test(piece.toString("latin1").replaceAll(/^\* .*$/gm, ""))) come();
  return true;
}

/** A slow line gives a little at a time. */
const partsOf = (piece: Buffer, { bytesPerSecond }: Weather): Buffer[] => {
  if (bytesPerSecond === null) return [piece];
  const size = Math.max(1, Math.floor(bytesPerSecond / 10));
  return Array.from({ length: Math.ceil(piece.length / size) }, (_, at) => piece.subarray(at * size, (at + 1) * size));
};

function cut({ client, server }: Connection): void {
  client.destroy();
  server.destroy();
}
