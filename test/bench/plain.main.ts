import { parseArgs } from "node:util";
import fastify, { type FastifyInstance } from "fastify";
import type { ImapFlow } from "imapflow";
import { connect, listFifty, newestFifty, readText, searchFifty } from "./imap.ts";

/**
 * What one would write in an afternoon: fastify and ImapFlow with one warm connection for the account; and the ceiling:
 * fastify sending what it was given from memory. A process of its own, as Postern's are.
 */
const { values } = parseArgs({
  options: {
    host: { type: "string", default: "" },
    port: { type: "string" },
    user: { type: "string", default: "" },
    password: { type: "string", default: "" },
  },
});
const { host, user, password } = values;
const client = await connect({ host, port: Number(values.port), user, password });
await client.mailboxOpen("INBOX", { readOnly: true });
const app = fastify({ bodyLimit: 1 << 30 });
addRoutes(app, client);
console.log(JSON.stringify({ msg: "listening", url: await app.listen({ host: "127.0.0.1", port: 0 }) }));
process.once("SIGTERM", () => process.exit(0));

function addRoutes(on: FastifyInstance, imap: ImapFlow): void {
  let memory: Buffer = Buffer.alloc(0);
  on.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  on.put<{ Body: Buffer }>("/memory", async ({ body }) => {
    memory = body;
    return {};
  });
  on.get("/memory", async (_, reply) => reply.type("application/json").send(memory));
  on.get("/list", () => listFifty(imap));
  on.get<{ Params: { path: string } }>("/list/:path", async ({ params }) => {
    await imap.mailboxOpen(params.path, { readOnly: true });
    return newestFifty(imap);
  });
  on.get("/search", () => searchFifty(imap));
  on.get<{ Params: { uid: string } }>("/message/:uid", ({ params }) => readText(imap, params.uid));
  on.get<{ Params: { uid: string } }>("/raw/:uid", async ({ params }, reply) => {
    const { content } = await imap.download(params.uid, undefined, { uid: true });
    return reply.type("message/rfc822").send(content);
  });
}
