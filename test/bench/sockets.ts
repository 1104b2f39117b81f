import { connect, type Socket } from "node:net";

/** A request as it goes over the wire, again and again. */
export interface Target {
  url: string;
  headers?: Record<string, string>;
  /** The only status that counts: a fast error is no answer. */
  status?: number;
  /** Posted as JSON where given. */
  body?: unknown;
  /** The servers' processes, without the mail server. */
  pids?: readonly number[];
}

/**
 * A client that asks one thing over and over on a connection of its own, the next when the answer is there. It reads no more
 * of an answer than where it ends: what it costs itself is not to be what is measured.
 */
export class Client {
  /** Milliseconds that each answer took. */
  readonly times: number[] = [];
  private readonly socket: Socket;
  private readonly request: Buffer;
  private readonly status: number;
  private asked = 0;
  private head = "";
  /** Octets of the answer that are to come; null while its head is being read. */
  private missing: number | null = null;
  private chunked = false;
  private tail = "";
  private stopping = false;
  private readonly end = Promise.withResolvers<void>();

  constructor(target: Target) {
    const { hostname, port } = new URL(target.url);
    this.request = Buffer.from(requestText(target));
    this.status = target.status ?? 200;
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.socket.on("data", (chunk: Buffer) => this.read(chunk));
    this.socket.on("error", (error) => this.end.reject(error));
    this.socket.on("close", () => this.end.reject(new Error("the connection was closed")));
    this.end.promise.catch(() => undefined);
    this.ask();
  }

  /** After the answer that is on its way. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.end.promise;
    this.socket.destroy();
  }

  private ask(): void {
    this.asked = performance.now();
    this.socket.write(this.request);
  }

  private read(chunk: Buffer): void {
    let rest = chunk;
    if (this.missing === null) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return void (this.head += rest.toString("latin1"));
      this.begin(this.head + rest.toString("latin1", 0, end));
      rest = rest.subarray(end + 4);
    }
    if (this.chunked) {
      this.tail = (this.tail + rest.toString("latin1", Math.max(0, rest.length - 5))).slice(-5);
      if (this.tail === "0\r\n\r\n") this.answered();
    } else {
      this.missing = (this.missing ?? 0) - rest.length;
      if (this.missing <= 0) this.answered();
    }
  }

  private begin(head: string): void {
    if (Number(head.slice(9, 12)) !== this.status) this.end.reject(new Error(head));
    this.chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    this.missing = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.head = "";
    this.tail = "";
  }

  private answered(): void {
    this.missing = null;
    this.times.push(performance.now() - this.asked);
    if (this.stopping) this.end.resolve();
    else this.ask();
  }
}

function requestText({ url, headers = {}, body }: Target): string {
  const { host, pathname, search } = new URL(url);
  const content = body === undefined ? "" : JSON.stringify(body);
  const fields = Object.entries({
    host,
    ...headers,
    ...(body !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(content) }),
  });
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${body === undefined ? "GET" : "POST"} ${pathname}${search} HTTP/1.1\r\n${lines}\r\n${content}`;
}
