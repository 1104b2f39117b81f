import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { makeCertificates } from "./certificates.ts";
import { temporaryFolder } from "./process.ts";
import type { ScriptedCommand } from "./scripted/command.ts";
import { type Behaviour, ScriptedConnection } from "./scripted/connection.ts";
import type { Script } from "./scripted/script.ts";
import { capabilityList, standard } from "./scripted/standard.ts";

export * from "./scripted/behaviours.ts";
export { arrive } from "./scripted/arrivals.ts";
export { changes as changeCommands, put } from "./scripted/changes.ts";
export { fetch as answerFetch } from "./scripted/fetch.ts";
export { atom, type ScriptedCommand } from "./scripted/command.ts";
export type { Behaviour, OnLiteral, ScriptedConnection } from "./scripted/connection.ts";
export { standard as standardCommands } from "./scripted/standard.ts";
export { literal, quote, type ScriptedMailbox, type ScriptedMessage, scriptedMessage } from "./scripted/mailbox.ts";
export { mailboxCommands } from "./scripted/mailboxes.ts";
export type { Script } from "./scripted/script.ts";

export interface ScriptedServer {
  host: string;
  port: number;
  /** PEM of the authority that signed the certificate (for `localhost` and 127.0.0.1); null without TLS. */
  ca: string | null;
  /** Every command of every connection so far, in full, passwords too. */
  commands: ScriptedCommand[];
  /** Every octet that came in outside of TLS. */
  clearText(): string;
  /** How many connections there are now. */
  connections(): number;
  /** Resolves with the next command of this name. */
  next(name: string): Promise<ScriptedCommand>;
  /** Cuts all connections. */
  cut(): void;
  /** The server's own words on every connection, unasked. */
  say(...lines: string[]): Promise<void>;
  stop(): Promise<void>;
}

/** An IMAP server on a real socket that does what a script says, and what a server does otherwise. */
export async function startScriptedImap(script: Script = {}): Promise<ScriptedServer> {
  const security = script.security ?? "none";
  const tls = security === "none" ? null : await certificates();
  const house = new House(script, tls?.context ?? null);
  const server = createServer({ noDelay: true }, (socket) => house.welcome(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    ca: tls?.ca ?? null,
    commands: house.commands,
    clearText: () => house.clearText,
    connections: () => house.sockets.size,
    next: (name) => house.next(name),
    cut: () => house.cut(),
    say: async (...lines) => {
      await Promise.all([...house.guests].map((guest) => guest.say(...lines)));
    },
    stop: () => stop(server, house),
  };
}

let made: ReturnType<typeof makeOnce> | null = null;

/** One authority for all scripted servers of a process. */
function certificates(): ReturnType<typeof makeOnce> {
  made ??= makeOnce();
  return made;
}

async function makeOnce(): Promise<{ ca: string; context: SecureContext }> {
  const { ca, certificate, key } = await makeCertificates(temporaryFolder("pst-sc-"));
  return { ca, context: createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) }) };
}

async function stop(server: Server, house: House): Promise<void> {
  const closed = once(server, "close");
  server.close();
  house.cut();
  await closed;
}

class House {
  readonly commands: ScriptedCommand[] = [];
  readonly sockets = new Set<Socket>();
  readonly guests = new Set<ScriptedConnection>();
  clearText = "";
  private readonly waiting: { name: string; resolve: (command: ScriptedCommand) => void }[] = [];
  private readonly script: Script;
  private readonly context: SecureContext | null;
  private readonly ways: Record<string, Behaviour>;

  constructor(script: Script, context: SecureContext | null) {
    this.script = script;
    this.context = context;
    const starttls: Behaviour = async (connection, { tag }) => {
      await connection.say(`${tag} OK Begin TLS`);
      if (context) await connection.startTls(context);
    };
    this.ways = { ...standard(script), STARTTLS: starttls, ...script.on };
  }

  welcome(socket: Socket): void {
    this.sockets.add(socket);
    if (this.script.security !== "tls") socket.on("data", (chunk: Buffer) => this.hear(chunk));
    let before = Promise.resolve();
    const serve = (command: ScriptedCommand): void => {
      before = before.then(() => this.serve(guest, command));
    };
    const guest = new ScriptedConnection(socket, serve, this.script.onLiteral);
    this.guests.add(guest);
    socket.on("close", () => {
      this.sockets.delete(socket);
      this.guests.delete(guest);
    });
    before = this.greet(guest);
  }

  next(name: string): Promise<ScriptedCommand> {
    return new Promise((resolve) => this.waiting.push({ name, resolve }));
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private hear(chunk: Buffer): void {
    this.clearText += chunk.toString("latin1");
  }

  private async greet(guest: ScriptedConnection): Promise<void> {
    if (this.script.security === "tls" && this.context) await guest.startTls(this.context);
    const { greeting = `* OK [CAPABILITY ${capabilityList(this.script, guest)}] Ready` } = this.script;
    if (typeof greeting === "string") await guest.say(greeting);
    else await greeting?.(guest, { tag: "*", name: "", args: [], text: "" });
  }

  private async serve(guest: ScriptedConnection, command: ScriptedCommand): Promise<void> {
    this.commands.push(command);
    for (const [index, { name, resolve }] of this.waiting.entries()) {
      if (name !== command.name) continue;
      this.waiting.splice(index, 1);
      resolve(command);
      break;
    }
    const way = this.ways[command.name];
    if (way) await way(guest, command);
    else await guest.say(`${command.tag} BAD Unknown command ${command.name}`);
  }
}
