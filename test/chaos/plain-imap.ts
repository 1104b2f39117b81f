import { connect, type Socket } from "node:net";

/** What became of a command. */
export type Reply =
  | { status: "OK" | "NO" | "BAD"; text: string; untagged: string }
  /** The connection ended, or nothing came in time: nobody knows. */
  | { status: "lost" };

const PATIENCE_MS = 40_000;

/** A mail client that has nothing in common with Postern but the server: bare lines over a socket. */
export class PlainImap {
  private readonly socket: Socket;
  private received: string[] = [];
  private tail = "";
  private wake: (() => void) | null = null;
  private tag = 0;
  private isOver = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.setDefaultEncoding("latin1");
    socket.on("data", (chunk: string) => {
      this.received.push(chunk);
      // The tagged line may be cut anywhere: what is looked at is long enough for it, and no longer than that.
      this.tail = (this.tail + chunk).slice(-2_048);
      this.wake?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isOver = true;
      this.wake?.();
    });
  }

  /** Null where the server lets nobody in. */
  static async login(
    server: { host: string; port: number },
    user: string,
    password: string,
  ): Promise<PlainImap | null> {
    const client = new PlainImap(connect({ ...server, noDelay: true }));
    const { status } = await client.command(`LOGIN ${user} ${password}`);
    if (status === "OK") return client;
    client.close();
    return null;
  }

  get usable(): boolean {
    return !this.isOver && this.socket.writable;
  }

  /** One at a time. After a command that is lost the connection is over. */
  async command(line: string, literal?: Buffer): Promise<Reply> {
    this.tag += 1;
    const tag = `p${this.tag}`;
    this.received = [];
    this.tail = "";
    const octets = literal === undefined ? "" : `{${literal.length}+}\r\n${literal.toString("latin1")}`;
    this.socket.write(`${tag} ${line}${octets}\r\n`);
    const end = new RegExp(`(?:^|\n)${tag} (OK|NO|BAD)([^\r\n]*)\r\n$`);
    const late = setTimeout(() => this.close(), PATIENCE_MS);
    try {
      for (;;) {
        const found = end.exec(this.tail);
        if (found) {
          const status = found[1] as "OK" | "NO" | "BAD";
          return { status, text: (found[2] ?? "").trim(), untagged: this.received.join("") };
        }
        if (this.isOver) return { status: "lost" };
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.isOver = true;
    this.socket.destroy();
    this.wake?.();
  }
}
