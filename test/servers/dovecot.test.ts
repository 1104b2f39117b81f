import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ImapFlow, type ImapFlowOptions } from "imapflow";
import { type DovecotOptions, type DovecotServer, startDovecot } from "./dovecot.ts";

async function started(t: TestContext, options?: DovecotOptions): Promise<DovecotServer> {
  const server = await startDovecot(options);
  t.after(server.stop);
  return server;
}

async function connected(
  t: TestContext,
  server: DovecotServer,
  name: string,
  options: Partial<ImapFlowOptions> = {},
): Promise<ImapFlow> {
  const { user, password: pass } = server.user(name);
  const { host, port } = server;
  const plain = { host, port, secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false } as const;
  const client = new ImapFlow({ ...plain, ...options });
  client.on("error", () => undefined);
  await client.connect();
  t.after(() => client.close());
  return client;
}

async function messages(client: ImapFlow): Promise<number | undefined> {
  const status = await client.status("INBOX", { messages: true });
  return status ? status.messages : undefined;
}

const paths = async (client: ImapFlow): Promise<string[]> => (await client.list()).map(({ path }) => path).sort();

test("every name is a user with an empty mailbox of their own", async (t) => {
  const server = await started(t);
  const [one, other] = [await connected(t, server, "one"), await connected(t, server, "other")];
  await one.append("INBOX", "Subject: one\r\n\r\nhello\r\n");
  assert.equal(await messages(one), 1);
  assert.equal(await messages(other), 0);
});

test("a certificate of its own authority is served, from the start and after STARTTLS", async (t) => {
  const server = await started(t);
  const tls = { ca: server.ca, servername: "localhost" };
  const implicit = await connected(t, server, "one", { port: server.tlsPort, secure: true, tls });
  const upgraded = await connected(t, server, "one", { doSTARTTLS: true, tls });
  assert.deepEqual([implicit.secureConnection, upgraded.secureConnection], [true, true]);
  const unknown = { port: server.tlsPort, secure: true, tls: { servername: "localhost" } };
  await assert.rejects(connected(t, server, "one", unknown), /certificate/);
});

test("mailboxes with special uses are there, or left out when a test wants none", async (t) => {
  const client = await connected(t, await started(t), "one");
  const uses = new Map((await client.list()).map(({ path, specialUse }) => [path, specialUse]));
  assert.equal(uses.get("Trash"), "\\Trash");
  assert.equal(uses.get("Sent"), "\\Sent");
  const bare = await connected(t, await started(t, { specialUse: false }), "one");
  assert.deepEqual(await paths(bare), ["INBOX"]);
});

test("capabilities that are taken away are not announced, and others still are", async (t) => {
  const client = await connected(t, await started(t, { without: ["CONDSTORE", "QRESYNC", "MOVE"] }), "one");
  for (const name of ["CONDSTORE", "QRESYNC", "MOVE"]) assert.equal(client.capabilities.has(name), false, name);
  for (const name of ["UIDPLUS", "ESEARCH", "SORT"]) assert.equal(client.capabilities.has(name), true, name);
});

test("the separator is the one asked for", async (t) => {
  const client = await connected(t, await started(t, { separator: ".", specialUse: false }), "one");
  await client.mailboxCreate(["Projects", "Allotment"]);
  assert.deepEqual(await paths(client), ["INBOX", "Projects", "Projects.Allotment"]);
});

test("a quota is kept", async (t) => {
  const client = await connected(t, await started(t, { quota: "100K" }), "one");
  const quota = await client.getQuota("INBOX");
  assert.equal(quota ? quota.storage?.limit : undefined, 102_400);
  const big = Buffer.alloc(200_000, "x\r\n");
  await assert.rejects(client.append("INBOX", Buffer.concat([Buffer.from("Subject: big\r\n\r\n"), big])));
});

test("one connection too many is refused", async (t) => {
  const server = await started(t, { maxConnections: 1 });
  await connected(t, server, "one");
  await assert.rejects(connected(t, server, "one"));
  await connected(t, server, "other");
});

for (const storage of ["maildir", "sdbox"] as const) {
  test(`doveadm works on the same mailboxes, stored as ${storage}`, async (t) => {
    const server = await started(t, { storage });
    const client = await connected(t, server, "one");
    await client.append("INBOX", "Subject: one\r\n\r\nhello\r\n");
    assert.match(await server.doveadm("mailbox", "status", "-u", "one", "messages", "INBOX"), /messages=1/);
  });
}
