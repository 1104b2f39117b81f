import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { EventSource } from "eventsource";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Told {
  id: string;
  type: string;
  accountId: string;
  message?: { id: string; mailboxId: string; subject?: string; flags?: string[] };
  previous?: { flags?: string[]; mailboxId?: string };
  cause: { requestId: string; actor: string } | null;
}

const types = ["message.created", "message.updated", "message.moved", "message.deleted", "mailbox.created"];

/** What a browser's EventSource hears. */
class Listener {
  readonly events: (Told & { lastEventId: string })[] = [];
  readonly source: EventSource;
  readonly ended = Promise.withResolvers<number | undefined>();
  private wake: (() => void) | null = null;

  constructor(url: string, token: string | null, lastEventId?: string) {
    this.source = new EventSource(url, {
      fetch: (input, init) => {
        const { headers } = init;
        const own = {
          ...headers,
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
        };
        return fetch(input, { ...init, headers: own });
      },
    });
    for (const type of types)
      this.source.addEventListener(type, ({ data, lastEventId: id }: { data: string; lastEventId: string }) => {
        this.events.push({ ...(JSON.parse(data) as Told), lastEventId: id });
        this.wake?.();
      });
    this.source.addEventListener("error", ({ code }) => {
      this.source.close();
      this.ended.resolve(code);
    });
  }

  async opened(): Promise<this> {
    const open = Promise.withResolvers<void>();
    this.source.addEventListener("open", () => open.resolve());
    await Promise.race([open.promise, this.ended.promise]);
    return this;
  }

  async until(holds: (events: Listener["events"]) => boolean): Promise<Listener["events"]> {
    while (!holds(this.events)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.events;
  }

  close(): void {
    this.source.close();
  }
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`following changes, services ${kind}`, { timeout: 300_000 }, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    const endings: (() => unknown)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
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

    function listen(path: string, lastEventId?: string, token: string | null = house.adminToken): Listener {
      const listener = new Listener(`${house.urls.at(-1)}${path}`, token, lastEventId);
      endings.unshift(() => listener.close());
      return listener;
    }

    const stateOf = async (account: string): Promise<string> => {
      const { body } = await ask<{ state: string }>(`/v1/accounts/${account}/messages?fields=flags`);
      return body.state;
    };

    test("list, then follow from its state, and nothing is missed", async () => {
      const other = await register("ada");
      await deliver(other, { subject: "Before" });
      const state = await stateOf("ada");
      await deliver(other, { subject: "One" });
      const listener = listen("/v1/accounts/ada/events", state);
      await listener.until((events) => events.length >= 1);
      await deliver(other, { subject: "Two" });
      await other.mailboxOpen("INBOX");
      await listener.until((events) => events.length >= 2);
      await other.messageFlagsAdd("2", ["\\Seen"]);
      await listener.until((events) => events.length >= 3);
      await other.messageDelete("1");
      const events = await listener.until(() => listener.events.some(({ type }) => type === "message.deleted"));
      const [one, two, seen] = events;
      assert.deepEqual([one?.type, one?.message?.subject, one?.lastEventId], ["message.created", "One", one?.id]);
      assert.equal(two?.message?.subject, "Two");
      assert.deepEqual([seen?.type, seen?.previous?.flags, seen?.message?.flags], ["message.updated", [], ["\\Seen"]]);
      const { body } = await ask(`/v1/accounts/ada/changes?since=${state}`);
      assert.deepEqual([body.created, body.updated, body.hasMore], [[one?.message?.id, two?.message?.id], [], false]);
      assert.deepEqual(body.destroyed, [events.at(-1)?.message?.id]);
      assert.equal(body.newState, events.at(-1)?.id);
    });

    test("changes are asked for page by page, of one mailbox, and from the beginning", async () => {
      const other = await register("grace");
      await other.mailboxCreate("Work");
      const { body: first } = await ask(`/v1/accounts/grace/changes`);
      assert.deepEqual([first.created, first.hasMore], [[], false]);
      await deliver(other, {}, {}, { mailbox: "Work" });
      const page = await ask<{ created: string[]; newState: string }>(
        `/v1/accounts/grace/changes?since=${String(first.newState)}&limit=2`,
      );
      const rest = await ask<{ created: string[]; newState: string }>(
        `/v1/accounts/grace/changes?since=${page.body.newState}`,
      );
      assert.deepEqual([page.body.created.length, rest.body.created.length], [2, 1]);
      const inbox = await ask<{ created: string[] }>(
        `/v1/accounts/grace/changes?since=${String(first.newState)}&mailbox=inbox`,
      );
      assert.equal(inbox.body.created.length, 2);
      await other.mailboxOpen("INBOX");
      await other.messageMove("1", "Work");
      const moved = await ask(`/v1/accounts/grace/changes?since=${rest.body.newState}`);
      assert.deepEqual(
        [moved.body.created, moved.body.updated, moved.body.destroyed],
        [[], [inbox.body.created[0]], []],
      );
      const left = await ask(`/v1/accounts/grace/changes?since=${rest.body.newState}&mailbox=inbox`);
      assert.deepEqual(left.body.destroyed, [inbox.body.created[0]]);
    });

    test("a state that was never given is malformed, and one that cannot be gone on from has expired", async () => {
      await register("eve");
      const state = await stateOf("eve");
      const malformed = await ask(`/v1/accounts/eve/changes?since=nonsense`);
      assert.deepEqual([malformed.status, malformed.body.code], [400, "invalid-request"]);
      for (const path of [`changes?since=0-0`, `changes?since=9${state}`, "events?after=0-0"]) {
        const { status, body } = await ask(`/v1/accounts/eve/${path}`);
        assert.deepEqual([status, body.code], [410, "state-expired"], path);
      }
    });

    test("HEAD opens no stream", async () => {
      await register("heidi");
      for (const path of ["/v1/events", "/v1/accounts/heidi/events"]) {
        const { status, headers } = await ask(path, { method: "HEAD" });
        assert.deepEqual([status, headers.allow], [405, "GET"], path);
      }
    });

    test("a stream tells only what it was asked for, and goes on where it was cut off", async () => {
      const other = await register("bob");
      const state = await stateOf("bob");
      const listener = listen("/v1/accounts/bob/events?types=message.updated&mailboxes=inbox", state);
      await deliver(other, { subject: "A" }, { subject: "B" });
      // What came and was flagged before anybody looked came with its flag.
      await ask("/v1/accounts/bob/changes");
      await other.mailboxOpen("INBOX");
      await other.messageFlagsAdd("1:2", ["$Work"]);
      const updated = await listener.until((events) => events.length === 2);
      assert.ok(updated.every(({ type }) => type === "message.updated"));
      listener.close();
      const again = listen("/v1/accounts/bob/events", updated[0]?.lastEventId);
      const [next] = await again.until((events) => events.length > 0);
      assert.equal(next?.id, updated[1]?.id);
    });

    test("one stream for all accounts, that goes on for each", async () => {
      const [one, other] = [await register("all-one"), await register("all-two")];
      const path = "/v1/events?accounts=all-one,all-two";
      const listener = await listen(path).opened();
      await deliver(one, { subject: "Here" });
      const [first] = await listener.until((events) => events.length === 1);
      listener.close();
      await deliver(other, { subject: "There" });
      await deliver(one, { subject: "Here again" });
      const again = listen(path, first?.lastEventId);
      const events = await again.until((events) => events.length === 2);
      assert.deepEqual(events.map(({ accountId }) => accountId).sort(), ["all-one", "all-two"]);
    });

    test("what may not be seen is not heard, and a stream ends with its token", async () => {
      const other = await register("carol");
      const { body: token } = await ask<{ id: string; token: string }>("/v1/tokens", {
        body: { scopes: ["read"], accounts: ["carol"] },
      });
      const { status } = await askWith(house.urls, token.token)("/v1/accounts/ada/events");
      assert.equal(status, 404);
      const listener = await listen("/v1/events", undefined, token.token).opened();
      await deliver(other, { subject: "Heard" });
      await listener.until((events) => events.length === 1);
      await ask(`/v1/tokens/${token.id}`, { method: "DELETE" });
      await listener.ended.promise;
    });

    test("a ticket opens a stream where no header can be sent", async () => {
      const other = await register("dave");
      const { body } = await ask<{ ticket: string }>("/v1/tickets", { body: { scopes: ["read"], accounts: ["dave"] } });
      const listener = await listen(`/v1/accounts/dave/events?ticket=${body.ticket}`, undefined, null).opened();
      await deliver(other, { subject: "Heard" });
      await listener.until((events) => events.length === 1);
    });
  });
}
