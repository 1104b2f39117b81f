import fastify, { type FastifyInstance } from "fastify";
import { type FetchMessageObject, ImapFlow } from "imapflow";
import type { DovecotServer } from "../servers/index.ts";

/** What one would write in an afternoon: fastify and ImapFlow with one warm connection for the account. The measure. */
export async function startPlain(
  server: DovecotServer,
  name: string,
): Promise<{ url: string; client: ImapFlow; stop(): Promise<void> }> {
  const client = await connect(server, name);
  await client.mailboxOpen("INBOX", { readOnly: true });
  const app = fastify();
  addRoutes(app, client);
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const stop = async (): Promise<void> => {
    await app.close();
    await client.logout();
  };
  return { url, client, stop };
}

export async function connect(server: DovecotServer, name: string): Promise<ImapFlow> {
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

function addRoutes(app: FastifyInstance, client: ImapFlow): void {
  app.get("/list", () => listFifty(client));
  app.get("/search", () => searchFifty(client));
  app.get<{ Params: { uid: string } }>("/message/:uid", ({ params }) => readText(client, params.uid));
  app.get<{ Params: { uid: string } }>("/raw/:uid", async ({ params }, reply) => {
    const { content } = await client.download(params.uid, undefined, { uid: true });
    return reply.type("message/rfc822").send(content);
  });
}

const items = { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true } as const;

/** The newest fifty, as JSON-ready objects. */
export async function listFifty(client: ImapFlow): Promise<object[]> {
  await client.noop();
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

function rows(messages: FetchMessageObject[]): object[] {
  return messages.map(row).reverse();
}

function row({ uid, flags, envelope, bodyStructure, internalDate, size }: FetchMessageObject): object {
  return { uid, flags: [...(flags ?? [])], envelope, bodyStructure, internalDate, size };
}
