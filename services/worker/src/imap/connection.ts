import type { Socket } from "node:net";
import { Failure } from "@postern/protocol";
import { Deadline } from "./deadline.ts";
import type { Part, Streamed } from "./encode.ts";
import { closedFailure, refusal, timeoutFailure, unreadable } from "./failures.ts";
import { type DataResponse, parseResponse, ProtocolError, type RawResponse, type StatusResponse } from "./response.ts";
import { ResponseReader } from "./response-reader.ts";
import type { CommandReport } from "./session.ts";

export interface Command {
  /** For reports and failures: `UID FETCH` counts as `FETCH`. */
  name: string;
  parts: (Part | Streamed)[];
  /** Every untagged response that arrives while the command runs. */
  onData?: (response: DataResponse) => void;
  onStatus?: (response: StatusResponse) => void;
  /** The server says "go on" to a command that has nothing more to send: it waits to be told that it is over. */
  onContinue?: () => void;
  /** The tagged NO or BAD, before it becomes a `Failure`. */
  onRefused?: (response: StatusResponse) => void;
  /** In place of the connection's own. */
  timeoutMs?: number;
  /** Changes something: how it ended without an answer is told by the failure's `outcome`. */
  changes?: boolean;
}

export interface ConnectionOptions {
  commandTimeoutMs: number;
  /** What the server takes without being asked to go on: every literal, those up to 4,096 octets, none (RFC 7888). */
  literals: "plus" | "minus" | "synchronizing";
  onCommand: (report: CommandReport) => void;
  onClose: () => void;
}

/** So many responses are read in one go; then others have their turn. A flood of changes must not stop everybody else. */
const MOST_AT_ONCE = 200;

/** Above what any answer that Postern asks for needs; a server that sends more is not to be trusted. */
const LIMITS = { line: 16 << 20, literal: 24 << 20, response: 32 << 20 };
/** What one command may bring in all, and what a server may say unasked between two; short responses cost time, not octets. */
const ASKED = { octets: 128 << 20, responses: 2_000_000 };
const UNASKED = { octets: 16 << 20, responses: 200_000 };

interface Running {
  command: Command;
  tag: string;
  resolve: (response: StatusResponse) => void;
  reject: (error: Error) => void;
  /** What is to be sent when the server says "go on". The server cannot act before it has everything. */
  rest: (Part | Streamed)[];
}

/**
 * One command at a time on a socket that is logged in. There is no way to call a command off in IMAP: one that is beyond
 * its deadline takes the connection with it, since nobody can tell what else its answer would be mixed up with.
 */
export class Connection {
  private readonly socket: Socket;
  private readonly options: ConnectionOptions;
  private readonly reader: ResponseReader;
  private running: Running | null = null;
  private tags = 0;
  private received = 0;
  private allowance = { ...UNASKED };
  private bye: StatusResponse | null = null;
  private closed = false;
  private readonly deadline = new Deadline((ms) => this.late(ms));
  /** Told of every untagged response, whatever runs. */
  onData: ((response: DataResponse) => void) | null = null;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.socket = socket;
    this.options = options;
    this.reader = new ResponseReader(LIMITS, (raw) => this.answer(raw));
    socket.on("data", (chunk: Buffer) => this.read(chunk));
    socket.on("error", (error) => this.end(closedFailure(this.running?.command.name ?? null, this.bye, error)));
    socket.on("close", () => this.end(closedFailure(this.running?.command.name ?? null, this.bye)));
  }

  get usable(): boolean {
    return !this.closed && this.bye === null;
  }

  /** The tagged OK. Throws a `Failure` for NO and BAD, and for everything that ends the connection. */
  async run(command: Command): Promise<StatusResponse> {
    if (!this.usable) throw closedFailure(null, this.bye);
    if (this.running) throw new Error(`${command.name} while ${this.running.command.name} runs`);
    const started = performance.now();
    this.received = 0;
    this.allowance = { ...ASKED };
    let ok = false;
    try {
      const response = await this.exchange(command);
      if (response.status !== "OK") {
        command.onRefused?.(response);
        const failure = refusal(command.name, response, command.changes);
        throw command.changes ? failure.withOutcome("none") : failure;
      }
      ok = true;
      return response;
    } finally {
      this.allowance = { ...UNASKED };
      const ms = performance.now() - started;
      this.options.onCommand({ name: command.name, ms, bytes: this.received, ok, changes: command.changes ?? false });
    }
  }

  /** Ends the command that waits to be told so (RFC 2177). */
  sayDone(): void {
    this.socket.write("DONE\r\n");
  }

  /** A new deadline for the command that runs; null: none. What a server says while it has none is not too much of one answer. */
  answerWithin(ms: number | null): void {
    this.allowance = { ...ASKED };
    if (this.running) this.deadline.set(ms);
  }

  close(): void {
    this.end(closedFailure(this.running?.command.name ?? null, this.bye));
  }

  private exchange(command: Command): Promise<StatusResponse> {
    return new Promise<StatusResponse>((resolve, reject) => {
      this.deadline.set(command.timeoutMs ?? this.options.commandTimeoutMs);
      this.tags += 1;
      const tag = `P${this.tags}`;
      this.running = { command, tag, resolve, reject, rest: [] };
      this.send([`${tag} `, ...command.parts, "\r\n"]);
    });
  }

  /** The command that ran runs no more. */
  private settle(): Running | null {
    const { running } = this;
    this.running = null;
    this.deadline.lift();
    return running;
  }

  private late(ms: number): void {
    if (this.running) this.end(timeoutFailure(this.running.command.name, ms));
  }

  /** Writes up to the next literal that needs the server's leave. */
  private send(parts: (Part | Streamed)[]): void {
    if (parts.every((part) => typeof part === "string")) return void this.socket.write(parts.join(""), "latin1");
    const octets: Buffer[] = [];
    for (const [index, part] of parts.entries()) {
      if (typeof part === "string") {
        octets.push(Buffer.from(part, "latin1"));
        continue;
      }
      const size = "size" in part ? part.size : part.literal.length;
      const waits = ("size" in part && !part.atOnce) || this.mustWait(size);
      octets.push(Buffer.from(`{${size}${waits ? "" : "+"}}\r\n`));
      if (waits || "size" in part) {
        if (this.running) this.running.rest = [part, ...parts.slice(index + 1)];
        this.socket.write(Buffer.concat(octets));
        if (!waits) this.goOn();
        return;
      }
      octets.push(part.literal);
    }
    this.socket.write(Buffer.concat(octets));
  }

  private mustWait(size: number): boolean {
    const { literals } = this.options;
    return literals === "synchronizing" || (literals === "minus" && size > 4_096);
  }

  private goOn(): void {
    const [first, ...rest] = this.running?.rest ?? [];
    if (!this.running || first === undefined || typeof first === "string") return;
    if ("size" in first) {
      void this.pour(first, rest, this.running);
      return;
    }
    this.running.rest = [];
    this.socket.write(first.literal);
    this.send(rest);
  }

  /**
   * A literal as fast as the server takes it. What cannot be completed ends the connection: the server would take the next
   * command for the rest of it.
   */
  private async pour({ octets, size }: Streamed, rest: Running["rest"], running: Running): Promise<void> {
    let left = size;
    try {
      for await (const chunk of octets) {
        left -= chunk.length;
        // Refused on the way, or cut.
        if (this.running !== running || left < 0) break;
        this.deadline.extend();
        if (!this.socket.write(chunk)) await this.drained();
      }
    } catch (error) {
      this.end(closedFailure(running.command.name, this.bye, error));
    }
    if (left !== 0) return this.end(new Failure("internal", { detail: "A literal could not be sent whole." }));
    // Answered before its end: what would come next on this connection is taken for the rest of it.
    if (this.running !== running) return this.close();
    this.deadline.extend();
    running.rest = [];
    this.send(rest);
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.socket.off("drain", done).off("close", done);
        resolve();
      };
      this.socket.on("drain", done).on("close", done);
    });
  }

  private read(chunk: Buffer): void {
    this.received += chunk.length;
    this.allowance.octets -= chunk.length;
    try {
      if (this.allowance.octets < 0) throw new ProtocolError("an answer is too large");
      const before = this.allowance.responses;
      if (!this.closed) this.reader.push(chunk);
      if (before - this.allowance.responses > MOST_AT_ONCE) this.takeTurns();
    } catch (error) {
      this.end(unreadable(this.running?.command.name ?? null, error));
    }
  }

  /** Without this, as much as the kernel holds would be read before anything else is done. */
  private takeTurns(): void {
    if (this.closed) return;
    this.socket.pause();
    setImmediate(() => this.socket.resume());
  }

  private answer(raw: RawResponse): void {
    if (this.closed) return;
    this.allowance.responses -= 1;
    if (this.allowance.responses < 0) throw new ProtocolError("an answer is too large");
    const response = parseResponse(raw);
    const { running } = this;
    if (response.kind === "continue" && running?.command.onContinue) running.command.onContinue();
    else if (response.kind === "continue") this.goOn();
    else if (response.kind === "data") {
      this.onData?.(response);
      running?.command.onData?.(response);
    } else if (response.tag === running?.tag) this.settle()?.resolve(response);
    else if (response.status === "BYE") this.goodbye(response);
    else if (response.tag === "*") running?.command.onStatus?.(response);
    else throw new ProtocolError("an answer to a command that was not sent");
  }

  /** Nothing good comes after it (RFC 9051 section 7.1.5), but the answer to a LOGOUT; some servers then never close. */
  private goodbye(response: StatusResponse): void {
    this.bye = response;
    const name = this.running?.command.name ?? null;
    if (name !== "LOGOUT") this.end(closedFailure(name, response));
  }

  private end(failure: Failure): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
    const running = this.settle();
    this.deadline.stop();
    running?.reject(withOutcome(running, failure));
    this.options.onClose();
  }
}

/** Without its tagged answer nobody knows whether a command that was sent whole has been carried out. */
function withOutcome({ command, rest }: Running, failure: Failure): Failure {
  if (!command.changes) return failure;
  return failure.withOutcome(rest.length > 0 ? "none" : "unknown");
}
