import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  type ByteStream,
  type Call,
  Failure,
  type Mail,
  mailOf,
  newReport,
  type OperationName,
} from "@postern/protocol";
import fastify from "fastify";
import { connectMail, NotReached, routeMail, serveMail } from "./index.ts";

const secret = "the cluster's own";
const closing: (() => Promise<unknown>)[] = [];
after(() => Promise.all(closing.map((close) => close())));

type Operation = (input: never, call: Call) => Promise<unknown>;

/** A `Mail` at the far end that can do just what a test needs. */
async function farMail(operations: Partial<Record<OperationName, Operation>>): Promise<{ mail: Mail; url: string }> {
  const app = fastify();
  const mail = mailOf((name) => (input, call) => {
    const perform = operations[name] ?? assert.fail(`${name} was not expected`);
    return perform(input as never, call);
  });
  serveMail(app, mail, { secret });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const link = connectMail({ url, secret });
  closing.push(async () => {
    await link.close();
    await app.close();
  });
  return { mail: link.mail, url };
}

function newCall(options: Partial<Call> = {}): Call {
  return {
    requestId: "request-1",
    actor: "admin",
    deadline: Date.now() + 10_000,
    signal: new AbortController().signal,
    report: newReport(),
    ...options,
  };
}

function streamOf(body: AsyncIterable<Uint8Array>): ByteStream {
  const head = {
    size: null,
    range: null,
    contentType: "text/plain",
    filename: "résumé ☂.txt",
    etag: "e",
    lastModified: null,
  };
  return { head, body };
}

test("a far answer, and what it took, are those of a near one", async () => {
  const { mail } = await farMail({
    getQuota: async (input, call) => {
      assert.deepEqual(input, { account: "a" });
      assert.equal(call.requestId, "request-1");
      call.report.commands += 3;
      call.report.asOf = 1234;
      return { items: [{ root: "", resource: "STORAGE", used: 1, limit: 2 }] };
    },
  });
  const call = newCall();
  const answer = await mail.getQuota({ account: "a" }, call);
  assert.equal(answer.items[0]?.limit, 2);
  assert.equal(call.report.commands, 3);
  assert.equal(call.report.asOf, 1234);
});

test("a failure arrives with all that it says", async () => {
  const upstream = { status: "NO", code: "OVERQUOTA", text: "Quota exceeded" } as const;
  const { mail } = await farMail({
    getQuota: async () => {
      throw new Failure("over-quota", { detail: "full", upstream, retryAfter: 7 });
    },
  });
  await assert.rejects(mail.getQuota({ account: "a" }, newCall()), (error) => {
    assert.ok(error instanceof Failure);
    assert.deepEqual(error.toJSON(), { code: "over-quota", detail: "full", retryable: false, upstream, retryAfter: 7 });
    return true;
  });
});

test("an unexpected error arrives as internal, without its text", async () => {
  const { mail } = await farMail({
    getQuota: async () => {
      throw new Error("the password is hunter2");
    },
  });
  await assert.rejects(mail.getQuota({ account: "a" }, newCall()), (error) => {
    assert.ok(error instanceof Failure && error.code === "internal");
    assert.doesNotMatch(JSON.stringify(error), /hunter2/);
    return true;
  });
});

test("input that the table does not know is refused at the far end", async () => {
  const { mail } = await farMail({});
  await assert.rejects(mail.getQuota({ account: "NOT AN ID" }, newCall()), { code: "invalid-request" });
});

test("a caller who gives up is told so, and the far end learns of it", async () => {
  const started = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const { mail } = await farMail({
    getQuota: async (_, call) => {
      call.signal.addEventListener("abort", () => aborted.resolve());
      started.resolve();
      await aborted.promise;
      throw new Failure("cancelled");
    },
  });
  const controller = new AbortController();
  const answer = mail.getQuota({ account: "a" }, newCall({ signal: controller.signal }));
  await started.promise;
  controller.abort();
  await assert.rejects(answer, { code: "cancelled" });
  await aborted.promise;
});

test("a stream keeps its head and its octets", async () => {
  const pieces = ["one", "two", "three"].map((text) => Buffer.from(text));
  const { mail } = await farMail({
    readPart: async () =>
      streamOf(
        (async function* () {
          yield* pieces;
        })(),
      ),
  });
  const stream = await mail.readPart({ account: "a", message: "m", part: "1" }, newCall());
  assert.equal(stream.head.filename, "résumé ☂.txt");
  assert.equal(Buffer.concat(await Array.fromAsync(stream.body)).toString(), "onetwothree");
});

test("a stream that nobody begins to read is let go at the far end", async () => {
  const gone = Promise.withResolvers<void>();
  const { mail } = await farMail({
    readRaw: async (_, call) =>
      streamOf(
        (async function* () {
          try {
            for (;;) {
              call.signal.throwIfAborted();
              yield Buffer.alloc(65_536);
            }
          } finally {
            gone.resolve();
          }
        })(),
      ),
  });
  const stream = await mail.readRaw({ account: "a", message: "m" }, newCall());
  await stream.body[Symbol.asyncIterator]().return?.();
  await gone.promise;
});

test("a stream that breaks off is an error, never a short end", async () => {
  const { mail } = await farMail({
    readPart: async () =>
      streamOf(
        (async function* () {
          yield Buffer.alloc(100_000);
          throw new Failure("message-gone");
        })(),
      ),
  });
  const stream = await mail.readPart({ account: "a", message: "m", part: "1" }, newCall());
  await assert.rejects(Array.fromAsync(stream.body), { code: "unavailable" });
});

test("a reader who stops pulling stops the far end, and one who leaves ends it", async () => {
  const ended = Promise.withResolvers<void>();
  let made = 0;
  const { mail } = await farMail({
    readRaw: async () =>
      streamOf(
        (async function* () {
          try {
            for (; made < 1_000; made += 1) yield Buffer.alloc(1 << 20);
          } finally {
            ended.resolve();
          }
        })(),
      ),
  });
  const stream = await mail.readRaw({ account: "a", message: "m" }, newCall());
  for await (const _ of stream.body) break;
  await ended.promise;
  assert.ok(made < 100, `${made} MiB were made for a reader who took one piece`);
});

test("a gateway with another secret is turned away", async () => {
  const { url } = await farMail({});
  const stranger = connectMail({ url, secret: "another" });
  closing.push(stranger.close);
  await assert.rejects(stranger.mail.getQuota({ account: "a" }, newCall()), { code: "unavailable" });
});

test("a worker that is not there counts as not reached, and the next in rank answers", async () => {
  const { url } = await farMail({ getQuota: async () => ({ items: [] }) });
  const gone = fastify();
  const goneUrl = await gone.listen({ host: "127.0.0.1", port: 0 });
  await gone.close();
  const dead = connectMail({ url: goneUrl, secret });
  closing.push(dead.close);
  await assert.rejects(dead.mail.getQuota({ account: "a" }, newCall()), NotReached);

  const workers = [
    { id: "dead", url: goneUrl },
    { id: "alive", url },
  ];
  const routed = routeMail({ workers: () => workers, connect: (to) => connectMail({ url: to, secret }) });
  closing.push(routed.close);
  for (const account of ["a", "b", "c", "d", "e", "f"]) {
    assert.deepEqual(await routed.mail.getQuota({ account }, newCall()), { items: [] });
  }
});

test("without any worker the failure says so", async () => {
  const routed = routeMail({ workers: () => [], connect: (url) => connectMail({ url, secret }) });
  await assert.rejects(routed.mail.getQuota({ account: "a" }, newCall()), { code: "unavailable", retryAfter: 1 });
});

test("an account without an id has one before it is sent on its way", async () => {
  const sent = Promise.withResolvers<string | undefined>();
  const { url } = await farMail({
    createAccount: async (input: { account: { id?: string } }) => {
      sent.resolve(input.account.id);
      throw new Failure("account-exists");
    },
  });
  const routed = routeMail({
    workers: () => [{ id: "w", url }],
    connect: (to) => connectMail({ url: to, secret }),
  });
  closing.push(routed.close);
  const imap = { host: "mail.example.org", port: 993, security: "tls", user: "u", password: "p" } as const;
  await assert.rejects(routed.mail.createAccount({ account: { imap }, verify: false }, newCall()));
  assert.match(String(await sent.promise), /^[a-z2-7]{16}$/);
});

test("a worker that is leaving counts as not reached", async () => {
  const app = fastify();
  app.addHook("onRequest", async (_, reply) => reply.code(503).send());
  serveMail(
    app,
    mailOf(() => () => assert.fail()),
    { secret },
  );
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const link = connectMail({ url, secret });
  closing.push(async () => {
    await link.close();
    await app.close();
  });
  await assert.rejects(link.mail.getQuota({ account: "a" }, newCall()), NotReached);
});
