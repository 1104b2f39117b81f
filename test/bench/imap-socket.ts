import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { MailServer } from "./imap.ts";

/** The bare protocol, to see what the mail server itself can do. */
export class ImapSocket {
  private readonly socket: Socket;
  private tags = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async open({ host, port, user, password }: MailServer, mailbox: string): Promise<ImapSocket> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, "data");
    const opened = new ImapSocket(socket);
    await opened.run(`LOGIN "${user}" "${password}"`);
    await opened.run(`EXAMINE ${mailbox}`);
    return opened;
  }

  /** How many octets came until the command was done. */
  async run(command: string): Promise<number> {
    const tag = `B${(this.tags += 1)}`;
    const end = Buffer.from(`\r\n${tag} OK`);
    this.socket.write(`${tag} ${command}\r\n`);
    let octets = 0;
    let tail = Buffer.from("\r\n");
    for (;;) {
      const [chunk] = (await once(this.socket, "data")) as [Buffer];
      octets += chunk.length;
      tail = Buffer.concat([tail, chunk.subarray(-LINE)]).subarray(-LINE);
      if (tail.includes(end)) return octets;
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

/** No tagged answer of the commands here is longer. */
const LINE = 500;
