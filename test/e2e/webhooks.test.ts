import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { Webhook } from "standardwebhooks";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";
import { Receiver, type Received } from "./receiver.ts";

interface Made {
  id: string;
  secret: string;
  state: string;
}
interface Delivery {
  id: string;
  eventId: string;
  state: string;
  attempts: number;
  status: number | null;
  error: string | null;
}

const env = {
  POSTERN_ALLOWED_WEBHOOK_HOSTS: "127.0.0.1",
  POSTERN_WEBHOOK_RETRIES: "0.05,0.05,0.05,0.05,0.05",
  POSTERN_WEBHOOK_TIMEOUT: "2",
};

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`webhooks, services ${kind}`, { timeout: 300_000 }, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const endings: (() => unknown)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind, env);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    async function register(id: string): Promise<ImapFlow> {
      const other = await otherClient(dovecot, id);
      endings.unshift(() => other.logout());
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(id) };
      const { status } = await ask("/v1/accounts?verify=true", { body: { id, imap } });
      assert.equal(status, 201);
      return other;
    }

    async function receive(): Promise<Receiver> {
      const receiver = await Receiver.start();
      endings.unshift(() => receiver.stop());
      return receiver;
    }

    async function hook(path: string, url: string, settings: object = {}): Promise<Made> {
      const { status, body } = await ask<Made>(path, { body: { url, types: ["message.created"], ...settings } });
      assert.equal(status, 201, JSON.stringify(body));
      return body;
    }

    const verified = (secret: string, { headers, body }: Received): unknown =>
      new Webhook(secret).verify(body, headers as Record<string, string>);
    const deliveries = async (account: string, id: string): Promise<Delivery[]> =>
      (await ask<{ items: Delivery[] }>(`/v1/accounts/${account}/webhooks/${id}/deliveries`)).body.items;
    const stateOf = async (account: string, id: string, state: string): Promise<Made & { disabledReason: string }> => {
      for (;;) {
        const { body } = await ask<Made & { disabledReason: string }>(`/v1/accounts/${account}/webhooks/${id}`);
        if (body.state === state) return body;
      }
    };

    test("events are sent in their order, signed so that the reference library takes them", async () => {
      const other = await register("ada");
      await deliver(other, { subject: "Before" });
      await ask("/v1/accounts/ada/changes");
      const receiver = await receive();
      const { id, secret } = await hook("/v1/accounts/ada/webhooks", receiver.url);
      assert.match(id, /^whk_/);
      assert.match(secret, /^whsec_/);
      for (const subject of ["One", "Two", "Three"]) await deliver(other, { subject });
      const received = await receiver.until((all) => all.length >= 3);
      assert.deepEqual(receiver.subjects(), ["One", "Two", "Three"]);
      for (const each of received) {
        assert.deepEqual(verified(secret, each), each.event);
        assert.equal(each.headers["webhook-id"], each.event.data.id);
        assert.equal(each.event.type, "message.created");
      }
      assert.throws(() => verified(`whsec_${"A".repeat(43)}=`, received[0] as Received));
      const { bytes } = await ask(`/v1/accounts/ada/webhooks/${id}`);
      assert.ok(!bytes.includes(secret) && !bytes.includes("whsec_"));
    });

    test("what fails is sent again under the same id, in order, and a failing receiver delays no other", async () => {
      const other = await register("grace");
      const [failing, fine] = [await receive(), await receive()];
      let failures = 3;
      failing.answer = () => (failures-- > 0 ? 500 : 200);
      const { id } = await hook("/v1/accounts/grace/webhooks", failing.url);
      await hook("/v1/accounts/grace/webhooks", fine.url);
      await deliver(other, { subject: "One" });
      await deliver(other, { subject: "Two" });
      await fine.until((all) => all.length >= 2);
      const received = await failing.until((all) => all.length >= 5);
      assert.deepEqual(failing.subjects(), ["One", "One", "One", "One", "Two"]);
      assert.equal(new Set(received.slice(0, 4).map(({ headers }) => headers["webhook-id"])).size, 1);
      assert.deepEqual(fine.subjects(), ["One", "Two"]);
      let told = await deliveries("grace", id);
      while (told[0]?.state !== "delivered" || told.length < 2) told = await deliveries("grace", id);
      assert.deepEqual(
        told.map(({ state, attempts, status }) => [state, attempts, status]),
        [
          ["delivered", 1, 200],
          ["delivered", 4, 200],
        ],
      );
    });

    test("410 disables it, and once it is enabled it goes on where it was", async () => {
      const other = await register("eve");
      const receiver = await receive();
      receiver.answer = () => 410;
      const { id } = await hook("/v1/accounts/eve/webhooks", receiver.url);
      await deliver(other, { subject: "One" });
      assert.equal((await stateOf("eve", id, "disabled")).disabledReason, "gone");
      receiver.answer = () => 204;
      await ask(`/v1/accounts/eve/webhooks/${id}`, { method: "PATCH", body: { disabled: false } });
      await receiver.until((all) => all.length >= 2);
      assert.deepEqual(receiver.subjects(), ["One", "One"]);
    });

    test("one whose attempts are used up is disabled, redirects are not followed, and silence is a failure", async () => {
      const other = await register("mallory");
      const receiver = await receive();
      receiver.answer = () => 302;
      const { id } = await hook("/v1/accounts/mallory/webhooks", receiver.url);
      await deliver(other, { subject: "One" });
      assert.equal((await stateOf("mallory", id, "disabled")).disabledReason, "failing");
      assert.ok(receiver.received.every(({ path }) => path === "/in"));
      assert.equal(receiver.received.length, 6);
      receiver.answer = () => null;
      const { body } = await ask(`/v1/accounts/mallory/webhooks/${id}/test`, { method: "POST" });
      assert.deepEqual([body.delivered, body.status, body.error], [false, null, "There was no answer in time."]);
    });

    test("types, mailboxes and payload narrow what is sent", async () => {
      const other = await register("bob");
      await other.mailboxCreate("Work");
      const receiver = await receive();
      const settings = { types: ["message.created"], mailboxes: ["inbox"], payload: "thin" };
      await hook("/v1/accounts/bob/webhooks", receiver.url, settings);
      await deliver(other, { subject: "Elsewhere" });
      await receiver.until((all) => all.length >= 1);
      await ask("/v1/accounts/bob/changes");
      await other.mailboxOpen("INBOX");
      await other.messageFlagsAdd("1", ["\\Seen"]);
      await ask("/v1/accounts/bob/changes");
      await deliver(other, { subject: "Secret" });
      const received = await receiver.until((all) => all.length >= 2);
      assert.ok(received.every(({ event }) => event.type === "message.created" && event.data.message?.id));
      assert.ok(received.every(({ body }) => !body.includes("Secret") && !body.includes("Elsewhere")));
    });

    test("the past is sent again from a place in the sequence, or one event alone", async () => {
      const other = await register("carol");
      const receiver = await receive();
      const { id } = await hook("/v1/accounts/carol/webhooks", receiver.url);
      for (const subject of ["One", "Two"]) await deliver(other, { subject });
      const [first] = await receiver.until((all) => all.length >= 2);
      const path = `/v1/accounts/carol/webhooks/${id}`;
      const { status } = await ask(`${path}/replay`, { body: { since: first?.event.data.id } });
      assert.equal(status, 204);
      await receiver.until((all) => all.length >= 3);
      assert.deepEqual(receiver.subjects(), ["One", "Two", "Two"]);
      const dlv = (await deliveries("carol", id)).find(({ eventId }) => eventId === first?.event.data.id);
      const { body } = await ask<Delivery>(`${path}/deliveries/${dlv?.id}/redeliver`, { method: "POST" });
      assert.deepEqual([body.state, body.attempts], ["delivered", 2]);
      assert.deepEqual(receiver.subjects(), ["One", "Two", "Two", "One"]);
      assert.equal(receiver.received.at(-1)?.headers["webhook-id"], first?.headers["webhook-id"]);
      const expired = await ask(`${path}/replay`, { body: { since: "0-0" } });
      assert.deepEqual([expired.status, expired.body.code], [410, "state-expired"]);
    });

    test("a secret that is replaced signs beside the new one for a while", async () => {
      await register("dave");
      const receiver = await receive();
      const { id, secret } = await hook("/v1/accounts/dave/webhooks", receiver.url);
      const path = `/v1/accounts/dave/webhooks/${id}`;
      const { body } = await ask<{ secret: string }>(`${path}/secret`, { body: { graceSeconds: 3_600 } });
      const tried = await ask(`${path}/test`, { method: "POST" });
      assert.deepEqual([tried.body.delivered, tried.body.status], [true, 204]);
      const [ping] = receiver.received;
      assert.ok(ping);
      for (const each of [secret, body.secret]) assert.deepEqual(verified(each, ping), ping.event);
      await ask(`${path}/secret`, { body: { graceSeconds: 0 } });
      await ask(`${path}/test`, { method: "POST" });
      for (const each of [secret, body.secret])
        assert.throws(() => verified(each, receiver.received.at(-1) as Received));
    });

    test("one webhook hears of all accounts, of those that come later too", async () => {
      const other = await register("all-one");
      const receiver = await receive();
      const { id, secret } = await hook("/v1/webhooks", receiver.url);
      await ask("/v1/accounts/all-one/changes");
      await deliver(other, { subject: "Here" });
      const [first] = await receiver.until((all) => all.some(({ event }) => event.data.accountId === "all-one"));
      assert.ok(first);
      verified(secret, first);
      assert.equal(first.headers["webhook-id"], `${first.event.data.accountId}.${first.event.data.id}`);
      const later = await register("all-two");
      await ask("/v1/accounts/all-two/changes");
      await deliver(later, { subject: "There" });
      await ask("/v1/accounts/all-two/changes");
      await receiver.until((all) => all.some(({ event }) => event.data.accountId === "all-two"));
      const { body } = await ask<{ items: Delivery[] }>(`/v1/webhooks/${id}/deliveries?account=all-one`);
      assert.ok(body.items.length > 0);
      assert.equal((await ask(`/v1/webhooks/${id}`, { method: "DELETE" })).status, 204);
    });

    test("receivers in private networks are refused, whatever they are called", async () => {
      await register("frank");
      for (const url of ["http://10.0.0.1/", "http://[::1]/", "http://127.1.1.1:80/", "https://169.254.169.254/x"]) {
        const { status, body } = await ask("/v1/accounts/frank/webhooks", { body: { url } });
        assert.deepEqual([status, body.code], [422, "host-not-allowed"], url);
      }
      for (const url of ["ftp://example.org/", "http://user:word@example.org/", "nonsense"]) {
        const { status } = await ask("/v1/accounts/frank/webhooks", { body: { url } });
        assert.equal(status, 400, url);
      }
    });

    if (kind === "apart")
      test("what a gateway was sending when it was killed is sent by another", async () => {
        const other = await register("heidi");
        const receiver = await receive();
        const first = Promise.withResolvers<void>();
        receiver.answer = () => {
          first.resolve();
          return null;
        };
        await askWith([house.urls[0] ?? ""], house.adminToken)("/v1/accounts/heidi/webhooks", {
          body: { url: receiver.url, types: ["message.created"] },
        });
        await deliver(other, { subject: "One" });
        await deliver(other, { subject: "Two" });
        await first.promise;
        house.services[0]?.process.kill("SIGKILL");
        receiver.answer = () => 204;
        await receiver.until(() => receiver.subjects().includes("Two"));
        assert.deepEqual([...new Set(receiver.subjects())], ["One", "Two"]);
        assert.ok(receiver.received.length >= 3);
      });
  });
}
