import { listFifty, searchFifty } from "./imap.ts";
import { inTurns, load, type Rate, repeat } from "./load.ts";
import { type Row, rowsOf } from "./rows.ts";
import type { Setting } from "./setting.ts";

export const LIST = "?mailbox=inbox";
const QUERY = `{ account(id: "bench") { mailbox(role: INBOX) { messages(first: 50) {
  nodes { subject from { name address } flags } } } } }`;

/** Lists of a mailbox in which nothing changes. `elsewhere`: what the same list came to in another form of Postern. */
export async function lists(setting: Setting, elsewhere: Rate | null): Promise<{ rows: Row[]; list: Rate }> {
  const { seconds, clients, ask, bare, postern, handler } = setting;
  const page = await ask(`/v1/accounts/bench/messages${LIST}`);
  const memory = await setting.ceiling(page.bytes);
  const etag = { "if-none-match": String(page.headers.etag) };
  const many = await inTurns(
    {
      list: load(postern(LIST), clients),
      memory: load(memory, clients),
      notModified: load(postern(LIST, { headers: etag, status: 304 }), clients),
      graphql: load(setting.graphql(QUERY), clients),
      handler: load(handler("/list"), clients),
      imapFlow: repeat(async () => void (await listFifty(bare))),
    },
    seconds,
  );
  const one = await inTurns({ list: load(postern(LIST), 1), memory: load(memory, 1) }, seconds);
  const search = await inTurns(
    {
      postern: load(postern(`${LIST}&subject=7`), clients),
      handler: load(handler("/search"), clients),
      imapFlow: repeat(async () => void (await searchFifty(bare))),
    },
    seconds,
  );
  const rows = [
    ...rowsOf("fresh list of 50, nothing changed", many.list, {
      "fastify + ImapFlow": [many.handler, 60],
      "ImapFlow alone": [many.imapFlow],
      "fastify, equal bytes from memory": [many.memory, 0.4],
      ...(elsewhere && { "the same in one process": [elsewhere, 0.3] as const }),
    }),
    ...rowsOf("the same, 304", many.notModified, { "fastify, equal bytes from memory": [many.memory, 0.6] }),
    ...rowsOf("the same, one client", one.list, { "fastify, equal bytes from memory": [one.memory, 4] }, "latency"),
    ...rowsOf("GraphQL list of 50 (subject, from, flags)", many.graphql, { "REST list": [many.list, 0.5] }),
    ...rowsOf("search by subject, nothing changed", search.postern, {
      "fastify + ImapFlow": [search.handler],
      "ImapFlow alone": [search.imapFlow],
    }),
  ];
  return { rows, list: many.list };
}
