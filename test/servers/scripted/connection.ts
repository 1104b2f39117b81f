import { once } from "node:events";
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { readCommand, type ScriptedCommand } from "./command.ts";
import type { ScriptedMailbox } from "./mailbox.ts";

/** What is done with a command. Nothing that it does not send is sent. */
export type Behaviour = (connection: ScriptedConnection, command: ScriptedCommand) => void | Promise<void>;

/**
 * What is done with a literal that is announced at the end of a line and waits for leave: `refuse` forgets the line, which
 * it has answered itself.
 */
export type OnLiteral = (connection: ScriptedConnection, line: string) => "take" | "refuse";

/** One client's connection, as a behaviour sees it. */
export class ScriptedConnection {
  selected: ScriptedMailbox | null = null;
  loggedIn = false;
  secure = false;
  /** Told of octets that come, in place of reading them. */
  onOctets: (() => void) | null = null;
  private socket: Socket;
  private buffer = "";
  private line = "";
  private literals: string[] = [];
  private missing = -1;
  private waitsForLine: ((line: string) => void) | null = null;
  private readonly onCommand: (command: ScriptedCommand) => void;
  private readonly onLiteral: OnLiteral;

  constructor(socket: Socket, onCommand: (command: ScriptedCommand) => void, onLiteral: OnLiteral = () => "take") {
    this.socket = socket;
    this.onCommand = onCommand;
    this.onLiteral = onLiteral;
    this.listen();
  }

  get open(): boolean {
    return !this.socket.destroyed && this.socket.writable;
  }

  /** Octets as they are. Resolves when the client has room for more, or is gone. */
  async write(octets: string | Buffer): Promise<void> {
    if (!this.open) return;
    const room = this.socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
    if (room) return;
    const end = new AbortController();
    const options = { signal: end.signal };
    // A client that is gone shows as an error; who writes looks at `open`.
    const gone = once(this.socket, "close", options).catch(() => undefined);
    await Promise.race([once(this.socket, "drain", options).catch(() => undefined), gone]);
    end.abort();
  }

  /** Lines without their ends, all in one packet. */
  async say(...lines: string[]): Promise<void> {
    await this.write(lines.map((line) => `${line}\r\n`).join(""));
  }

  /** Asks to go on, and gives the line that comes (of an AUTHENTICATE exchange). */
  async ask(text = ""): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      this.waitsForLine = resolve;
    });
    await this.say(`+ ${text}`);
    return answer;
  }

  /** The end, in order. */
  end(): void {
    this.socket.end();
  }

  /** The end, at once. */
  drop(): void {
    this.socket.destroy();
  }

  async startTls(secureContext: SecureContext): Promise<void> {
    this.socket.removeAllListeners("data");
    this.socket.pause();
    const secured = new TLSSocket(this.socket, { isServer: true, secureContext });
    this.socket = secured;
    this.secure = true;
    this.buffer = "";
    this.listen();
    await Promise.race([once(secured, "secure"), once(secured, "close")]);
  }

  private listen(): void {
    this.socket.on("error", () => undefined);
    this.socket.on("data", (chunk: Buffer) => {
      if (this.onOctets) return this.onOctets();
      this.buffer += chunk.toString("latin1");
      while (this.step());
    });
  }

  /** False when more octets are needed. */
  private step(): boolean {
    if (this.missing >= 0) return this.takeLiteral();
    const end = this.buffer.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.buffer.slice(0, end);
    this.buffer = this.buffer.slice(end + 2);
    const announced = /\{(\d+)(\+?)\}$/.exec(line);
    if (announced) {
      if (announced[2] === "" && this.onLiteral(this, this.line + line) === "refuse") {
        this.line = "";
        this.literals = [];
        return true;
      }
      this.line += `${line.slice(0, announced.index)}\0`;
      this.missing = Number(announced[1]);
      if (announced[2] === "") void this.say("+ OK");
      return true;
    }
    this.takeLine(this.line + line);
    return true;
  }

  private takeLiteral(): boolean {
    if (this.buffer.length < this.missing) return false;
    this.literals.push(this.buffer.slice(0, this.missing));
    this.buffer = this.buffer.slice(this.missing);
    this.missing = -1;
    return true;
  }

  private takeLine(line: string): void {
    const literals = this.literals;
    this.line = "";
    this.literals = [];
    const waiting = this.waitsForLine;
    this.waitsForLine = null;
    if (waiting) waiting(line);
    else this.onCommand(readCommand(line, literals));
  }
}
