import { type FetchMessageObject, ImapFlow } from "imapflow";

/** What the plain handler does on IMAP, and ImapFlow alone. */

export interface MailServer {
  host: string;
  port: number;
  user: string;
  password: string;
}

export async function connect({ host, port, user, password }: MailServer): Promise<ImapFlow> {
  const auth = { user, pass: password };
  const client = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth, logger: false });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

const items = { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true } as const;

/** The newest fifty, as JSON-ready objects. */
export async function listFifty(client: ImapFlow): Promise<object[]> {
  await client.noop();
  return newestFifty(client);
}

/** Of the mailbox as it was opened. */
export async function newestFifty(client: ImapFlow): Promise<object[]> {
  const exists = client.mailbox ? client.mailbox.exists : 0;
  return rows(await client.fetchAll(`${Math.max(1, exists - 49)}:*`, items));
}

export async function searchFifty(client: ImapFlow): Promise<object[]> {
  const uids = await client.search({ subject: "7" }, { uid: true });
  return uids ? rows(await client.fetchAll(uids.slice(-50), items, { uid: true })) : [];
}

export async function readText(client: ImapFlow, uid: string): Promise<object> {
  const message = await client.fetchOne(uid, { ...items, headers: true }, { uid: true });
  if (!message) throw new Error("the message is not there");
  const { content } = await client.download(uid, "1", { uid: true });
  const chunks: Buffer[] = [];
  for await (const chunk of content ?? []) chunks.push(chunk as Buffer);
  return { ...row(message), text: Buffer.concat(chunks).toString() };
}

export async function drain(client: ImapFlow, uid: string): Promise<void> {
  const { content } = await client.download(uid, undefined, { uid: true });
  for await (const _ of content ?? []) continue;
}

function rows(messages: FetchMessageObject[]): object[] {
  return messages.map(row).reverse();
}

function row({ uid, flags, envelope, bodyStructure, internalDate, size }: FetchMessageObject): object {
  return { uid, flags: [...(flags ?? [])], envelope, bodyStructure, internalDate, size };
}
