import { connect, type Socket } from "node:net";
import type { Credentials, DovecotServer } from "@postern/test/servers";

/** Another mail client on the same account, in bare IMAP: what it does is done outside of Postern. */
export class RawClient {
  private readonly socket: Socket;
  private received = "";
  private wake: (() => void) | null = null;
  private tag = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      this.received += chunk;
      this.wake?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => this.wake?.());
  }

  static async login(server: DovecotServer, { user, password }: Credentials): Promise<RawClient> {
    const client = new RawClient(connect(server.port, server.host));
    await client.command(`LOGIN ${user} ${password}`);
    return client;
  }

  /** The untagged lines before the tagged OK. Throws with the server's words for anything else. */
  async command(text: string): Promise<string> {
    this.tag += 1;
    const tag = `a${this.tag}`;
    this.socket.write(`${tag} ${text}\r\n`);
    const end = new RegExp(`(?:^|\r\n)${tag} (OK|NO|BAD)([^\r\n]*)\r\n`);
    for (;;) {
      const match = end.exec(this.received);
      if (match) {
        const before = this.received.slice(0, match.index);
        this.received = this.received.slice(match.index + match[0].length);
        if (match[1] !== "OK") throw new Error(`${text.slice(0, 60)}: ${match[1]}${match[2]}`);
        return before;
      }
      if (this.socket.destroyed) throw new Error("the connection was closed");
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Many at once (MULTIAPPEND, LITERAL+). */
  async append(mailbox: string, letters: readonly Delivery[]): Promise<void> {
    for (let at = 0; at < letters.length; at += 500) {
      const parts = letters.slice(at, at + 500).map((letter) => {
        const octets = Buffer.from(letter.source);
        const date = letter.receivedAt ? `"${imapDate(letter.receivedAt)}" ` : "";
        return `(${(letter.flags ?? []).join(" ")}) ${date}{${octets.length}+}\r\n${octets.toString("latin1")}`;
      });
      this.socket.setDefaultEncoding("latin1");
      await this.command(`APPEND "${mailbox}" ${parts.join(" ")}`);
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

export interface Letter {
  source: string;
  flags?: string[];
  receivedAt?: Date;
}

/** A letter whose octets need be no text. */
export type Delivery = Omit<Letter, "source"> & { source: string | Uint8Array };

export interface Heading {
  subject?: string;
  from?: string;
  /** Null: no Date field. */
  date?: Date | string | null;
  text?: string;
  headers?: string[];
}

/** A plain message with CRLF line ends. */
export function letter(heading: Heading, rest: Omit<Letter, "source"> = {}): Letter {
  const { subject = "Hello", from = "Ada <ada@example.org>", date = new Date("2026-01-02T03:04:05Z") } = heading;
  const lines = [
    `From: ${from}`,
    "To: Bob <bob@example.com>",
    `Subject: ${subject}`,
    ...(date === null ? [] : [`Date: ${typeof date === "string" ? date : rfcDate(date)}`]),
    ...(heading.headers ?? ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]),
    "",
    heading.text ?? "Hi there.",
    "",
  ];
  return { source: lines.join("\r\n"), ...rest };
}

export function withAttachment(subject: string, rest: Omit<Letter, "source"> = {}): Letter {
  const text = [
    "--b",
    "Content-Type: text/plain",
    "",
    "See the file.",
    "--b",
    'Content-Type: application/pdf; name="a.pdf"',
    "Content-Disposition: attachment",
    "Content-Transfer-Encoding: base64",
    "",
    "JVBERi0=",
    "--b--",
  ].join("\r\n");
  return letter({ subject, text, headers: ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"] }, rest);
}

function rfcDate(date: Date): string {
  return date.toUTCString().replace("GMT", "+0000");
}

function imapDate(date: Date): string {
  const [, day = "", month = "", year = "", time = ""] = date.toUTCString().split(" ");
  return `${day}-${month}-${year} ${time} +0000`;
}
