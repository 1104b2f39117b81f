import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { type Answer, type Ask, askWith } from "../e2e/client.ts";
import { adminToken, startGateway, startWorker } from "../e2e/house.ts";
import type { Service } from "../e2e/service.ts";
import { type DovecotServer, type RedisServer, startDovecot, startRedis } from "../servers/index.ts";
import { type Line, startLine } from "./line.ts";
import { PlainImap } from "./plain-imap.ts";

/** Where the worker dies, by what it has just sent or is about to be told. */
interface Point {
  what: string;
  /** `plain`: a server without MOVE. */
  server: "full" | "plain";
  reached(lines: { imap: Line; redis: Line }): Promise<void>;
  change: "append" | "move" | "copy" | "flag" | "delete";
  /** Where the message is then, as a plain client sees it. */
  there: string[];
}

const beforeSend = (command: string) => ({
  reached: ({ imap }: { imap: Line }) => imap.holdCommand(command),
});
const afterSend = (command: string) => ({ reached: ({ imap }: { imap: Line }) => imap.holdAnswer(command) });
/** The mail server has said OK; what goes to the store from then on does not come there. */
const beforeRecorded = (command: string, key: string) => ({
  reached: async ({ imap, redis }: { imap: Line; redis: Line }) => {
    await imap.next(command);
    await redis.holdCommand(key);
  },
});

const points: Point[] = [
  { what: "before a message is sent", server: "full", ...beforeSend("APPEND"), change: "append", there: [] },
  {
    what: "after a message was sent",
    server: "full",
    ...afterSend("Subject: new"),
    change: "append",
    there: ["INBOX"],
  },
  { what: "before a move is sent", server: "full", ...beforeSend("UID MOVE"), change: "move", there: ["INBOX"] },
  { what: "after a move was sent", server: "full", ...afterSend("UID MOVE"), change: "move", there: ["Box"] },
  {
    what: "after a move was done, before it is written down",
    server: "full",
    ...beforeRecorded("UID MOVE", ":moves"),
    change: "move",
    there: ["Box"],
  },
  { what: "before a copy is sent", server: "full", ...beforeSend("UID COPY"), change: "copy", there: ["INBOX"] },
  { what: "after a copy was sent", server: "full", ...afterSend("UID COPY"), change: "copy", there: ["Box", "INBOX"] },
  { what: "before flags are sent", server: "full", ...beforeSend("UID STORE"), change: "flag", there: ["INBOX"] },
  {
    what: "after flags were sent",
    server: "full",
    ...afterSend("UID STORE"),
    change: "flag",
    there: ["INBOX \\Flagged"],
  },
  {
    what: "between COPY and STORE of a move",
    server: "plain",
    ...beforeSend("UID STORE"),
    change: "move",
    there: ["Box", "INBOX"],
  },
  {
    what: "between STORE and EXPUNGE of a move",
    server: "plain",
    ...beforeSend("UID EXPUNGE"),
    change: "move",
    there: ["Box", "INBOX \\Deleted"],
  },
  {
    what: "between STORE and EXPUNGE of a deletion",
    server: "full",
    ...beforeSend("UID EXPUNGE"),
    change: "delete",
    there: ["INBOX \\Deleted"],
  },
  { what: "after the EXPUNGE of a deletion", server: "full", ...afterSend("UID EXPUNGE"), change: "delete", there: [] },
];

describe("a worker that is killed", () => {
  let redis: RedisServer;
  let redisLine: Line;
  let gateway: Service;
  let worker: Service;
  let ask: Ask;
  const servers = new Map<Point["server"], { dovecot: DovecotServer; line: Line }>();
  const endings: (() => Promise<unknown>)[] = [];
  let accounts = 0;

  before(async () => {
    redis = await startRedis();
    redisLine = await startLine({ host: "127.0.0.1", port: redis.port });
    endings.unshift(redis.stop, redisLine.stop);
    for (const server of ["full", "plain"] as const) {
      const dovecot = await startDovecot(server === "plain" ? { without: ["MOVE"] } : {});
      const line = await startLine(dovecot);
      servers.set(server, { dovecot, line });
      endings.unshift(dovecot.stop, line.stop);
    }
    worker = await newWorker();
    gateway = await startGateway({ POSTERN_REDIS_URL: redis.url });
    endings.unshift(
      () => gateway.stop(),
      () => worker.stop(),
    );
    ask = askWith([gateway.url], adminToken);
  });
  after(async () => {
    for (const end of endings) await end();
  });

  const newWorker = (): Promise<Service> =>
    startWorker({ POSTERN_REDIS_URL: `redis://127.0.0.1:${redisLine.port}`, POSTERN_LEASE_SECONDS: "2" });

  async function send(change: Point["change"], account: string, message: string): Promise<Answer> {
    const messages = `/v1/accounts/${account}/messages`;
    const { body } = await ask<{ items: { id: string; path: string }[] }>(`/v1/accounts/${account}/mailboxes`);
    const mailbox = body.items.find(({ path }) => path === "Box")?.id ?? assert.fail();
    const changes: Record<Point["change"], () => Promise<Answer>> = {
      append: () => {
        const headers = { "content-type": "message/rfc822" };
        return ask(messages, { method: "POST", headers, body: "Subject: new\r\n\r\nnew\r\n" });
      },
      move: () => ask(`${messages}/${message}`, { method: "PATCH", body: { mailbox } }),
      copy: () => ask(`${messages}/${message}/copy`, { body: { mailbox } }),
      flag: () => ask(`${messages}/${message}`, { method: "PATCH", body: { flags: { add: ["\\Flagged"] } } }),
      delete: () => ask(`${messages}/${message}?permanent=true`, { method: "DELETE" }),
    };
    return changes[change]();
  }

  /** By another client, with the flags: each place of the message with this subject. */
  async function placesOf(client: PlainImap, subject: string): Promise<string[]> {
    const found: string[] = [];
    for (const box of ["Box", "INBOX"]) {
      await client.command(`EXAMINE ${box}`);
      const reply = await client.command("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
      assert.equal(reply.status, "OK");
      const text = reply.status === "OK" ? reply.untagged : "";
      for (const [, flags = "", of = ""] of text.matchAll(/FETCH \([^]*?FLAGS \(([^)]*)\)[^]*?Subject: (\w+)/g)) {
        const shown = flags.split(" ").filter((flag) => flag !== "" && flag !== "\\Recent");
        if (of === subject) found.push([box, ...shown].join(" "));
      }
    }
    return found;
  }

  for (const { what, server, reached, change, there } of points)
    it(`${what} leaves what its answer says`, { timeout: 120_000 }, async () => {
      const { dovecot, line } = servers.get(server) ?? assert.fail();
      const account = `point-${(accounts += 1)}`;
      const { user, password } = dovecot.user(account);
      const client = (await PlainImap.login(dovecot, user, password)) ?? assert.fail();
      await client.command("CREATE Box");
      await client.command(
        "APPEND INBOX ",
        Buffer.from("Subject: old\r\nMessage-ID: <old@example.org>\r\n\r\nold\r\n"),
      );
      const imap = { host: line.host, port: line.port, security: "none", user, password };
      assert.equal((await ask("/v1/accounts", { body: { id: account, imap } })).status, 201);
      const list = `/v1/accounts/${account}/messages?mailbox=inbox&fields=id,subject,flags`;
      const [{ id } = { id: "" }] = (await ask<{ items: { id: string }[] }>(list)).body.items;

      const point = reached({ imap: line, redis: redisLine });
      const answering = send(change, account, id);
      await point;
      const exited = once(worker.process, "exit");
      worker.process.kill("SIGKILL");
      await exited;
      const { status, body } = await answering;
      assert.deepEqual([status, body.code, body.outcome, body.retryable], [503, "unavailable", "unknown", true]);

      assert.deepEqual(await placesOf(client, change === "append" ? "new" : "old"), there);
      worker = await newWorker();
      // Until the lease of the one that died is over.
      while ((await ask(list)).status === 503) await new Promise(setImmediate);
      await sameForPostern(account, client);
      if (change === "move" && there.length === 1) {
        const shown = await ask<{ subject: string }>(`/v1/accounts/${account}/messages/${id}?fields=subject`);
        assert.deepEqual([shown.status, shown.body.subject], [200, "old"], "the id is that of the message still");
      }
      await client.command("LOGOUT");
      client.close();
    });

  /** What Postern shows is what is there. */
  async function sameForPostern(account: string, client: PlainImap): Promise<void> {
    const { body } = await ask<{ items: { id: string; path: string }[] }>(`/v1/accounts/${account}/mailboxes`);
    const shown: string[] = [];
    for (const box of ["Box", "INBOX"]) {
      const id = body.items.find(({ path }) => path === box)?.id ?? assert.fail();
      const path = `/v1/accounts/${account}/messages?mailbox=${id}&fields=subject,flags`;
      const page = await ask<{ items: { subject: string; flags: string[] }[] }>(path);
      assert.equal(page.status, 200, JSON.stringify(page.body));
      for (const { subject, flags } of page.body.items) shown.push(`${subject} ${[box, ...flags].join(" ")}`);
    }
    const old = (await placesOf(client, "old")).map((place) => `old ${place}`);
    const fresh = (await placesOf(client, "new")).map((place) => `new ${place}`);
    assert.deepEqual(shown.toSorted(), [...old, ...fresh].toSorted());
  }
});
