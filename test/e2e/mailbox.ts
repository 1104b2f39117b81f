import { ImapFlow } from "imapflow";
import type { DovecotServer } from "../servers/index.ts";

/** Another mail client on the same account: what it does is done outside of Postern. */
export async function otherClient(server: DovecotServer, name: string): Promise<ImapFlow> {
  const { user, password } = server.user(name);
  const auth = { user, pass: password };
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: false,
    doSTARTTLS: false,
    auth,
    logger: false,
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export interface Letter {
  subject?: string;
  from?: string;
  to?: string;
  date?: Date;
  text?: string;
  headers?: string[];
  flags?: string[];
  receivedAt?: Date;
  mailbox?: string;
}

/** A plain message, with CRLF line ends. */
export function write(letter: Letter): string {
  const {
    subject = "Hello",
    from = "Ada <ada@example.org>",
    to = "Bob <bob@example.com>",
    text = "Hi there.",
  } = letter;
  const date = (letter.date ?? new Date("2026-01-02T03:04:05Z")).toUTCString().replace("GMT", "+0000");
  const lines = [`From: ${from}`, `To: ${to}`, `Subject: ${subject}`, `Date: ${date}`, ...(letter.headers ?? [])];
  const id = `<${crypto.randomUUID()}@example.org>`;
  return [
    ...lines,
    `Message-ID: ${id}`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    text,
    "",
  ].join("\r\n");
}

export async function deliver(client: ImapFlow, ...letters: (Letter | string)[]): Promise<void> {
  for (const letter of letters) {
    const { mailbox = "INBOX", flags = [], receivedAt } = typeof letter === "string" ? {} : letter;
    await client.append(mailbox, typeof letter === "string" ? letter : write(letter), flags, receivedAt);
  }
}
