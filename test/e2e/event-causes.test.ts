import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Answer, type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient, write } from "./mailbox.ts";

interface Told {
  type: string;
  message?: { id: string; mailboxId: string; subject?: string };
  mailbox?: { id: string; path: string };
  cause: { requestId: string; actor: string } | null;
}

interface Mailbox {
  id: string;
  path: string;
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`which request was the cause of an event, services ${kind}`, { timeout: 180_000 }, () => {
    let house: House;
    let dovecot: DovecotServer;
    let other: ImapFlow;
    let ask: Ask;
    let requests = 0;
    const mailboxes = new Map<string, string>();
    const endings: (() => unknown)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
      const { body } = await ask<{ items: Mailbox[] }>("/v1/accounts/alice/mailboxes");
      for (const { id, path } of body.items) mailboxes.set(path, id);
      await ask("/v1/accounts/alice/changes");
    });

    after(async () => {
      for (const end of endings) await end();
    });

    /** What the sequence has of mail after a state. */
    async function eventsAfter(state: string): Promise<Told[]> {
      const { newState } = (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body;
      const found: Told[] = [];
      for (let at = state; at !== newState; ) {
        const response = await fetch(`${house.urls[0]}/v1/accounts/alice/events?after=${at}`, {
          headers: { authorization: `Bearer ${house.adminToken}` },
        });
        assert.ok(response.body);
        let [text, rest] = ["", ""];
        for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
          rest += chunk;
          // An event ends with an empty line: what comes after the last one is a part of the next.
          const end = rest.lastIndexOf("\n\n") + 1;
          text += rest.slice(0, end);
          rest = rest.slice(end);
          const ids = [...text.matchAll(/^id: (.*)\n/gm)];
          at = ids.at(-1)?.[1] ?? at;
          if (at === newState) break;
        }
        found.push(...[...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as Told));
      }
      return found.filter(({ type }) => !type.startsWith("account."));
    }

    /** What a request leads to, each event of which must name it. */
    async function caused(
      path: string,
      asking: Parameters<Ask>[1],
      status = 200,
    ): Promise<{ types: string[]; answer: Answer }> {
      const state = (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body.newState;
      requests += 1;
      const requestId = `request-${requests}-of-${kind}`;
      const answer = await ask(`/v1/accounts/alice${path}`, {
        ...asking,
        headers: { "x-request-id": requestId, ...asking?.headers },
      });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      const events = await eventsAfter(state);
      for (const event of events)
        assert.deepEqual(event.cause, { requestId, actor: "admin" }, `${JSON.stringify(event)} of ${path}`);
      return { types: events.map(({ type }) => type).sort(), answer };
    }

    const idOf = ({ body }: Answer): string => String(body.id);
    const rfc822 = { "content-type": "message/rfc822" };

    test("flags, moves, copies and deletions, of one and of many", async () => {
      await deliver(other, { subject: "One" }, { subject: "Two" });
      const { body } = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?mailbox=inbox&fields=id");
      const ids = body.items.map(({ id }) => id);
      const one = `/messages/${ids[0]}`;
      const archive = mailboxes.get("Archive");
      const flags = await caused(one, { method: "PATCH", body: { flags: { add: ["\\Seen"] } } });
      assert.deepEqual(flags.types, ["message.updated"]);
      assert.deepEqual((await caused(`${one}/copy`, { body: { mailbox: archive } }, 201)).types, ["message.created"]);
      const moved = await caused(one, { method: "PATCH", body: { mailbox: archive } });
      assert.deepEqual(moved.types, ["message.moved"]);
      const batch = await caused("/messages/batch", { body: { ids, action: { flags: { add: ["$Work"] } } } });
      assert.deepEqual(batch.types, ["message.updated", "message.updated"]);
      assert.deepEqual((await caused(one, { method: "DELETE" }, 204)).types, ["message.moved"]);
      assert.deepEqual((await caused(`${one}?permanent=true`, { method: "DELETE" }, 204)).types, ["message.deleted"]);
    });

    test("messages that are stored, composed and replaced", async () => {
      const stored = await caused(
        "/messages?mailbox=inbox",
        { body: write({ subject: "Stored" }), headers: rfc822 },
        201,
      );
      assert.deepEqual(stored.types, ["message.created"]);
      const uploads: string[] = [];
      for (const subject of ["First", "Second"]) {
        const made = await ask("/v1/accounts/alice/uploads", { body: write({ subject }), headers: rfc822 });
        uploads.push(idOf(made));
      }
      const items = uploads.map((upload) => ({ upload, mailbox: "inbox" }));
      const imported = await caused("/messages/import", { body: { items } });
      assert.deepEqual(imported.types, ["message.created", "message.created"]);
      const draft = { to: [{ address: "bob@example.com" }], subject: "A draft", text: "Dear Bob" };
      const composed = await caused("/messages?mailbox=drafts&flags=%5CDraft", { body: draft }, 201);
      assert.deepEqual(composed.types, ["message.created"]);
      const again = { ...draft, subject: "A better draft" };
      const replaced = await caused(`/messages/${idOf(composed.answer)}`, { method: "PUT", body: again });
      assert.deepEqual(replaced.types, ["message.updated"]);
    });

    test("mailboxes that are made, renamed and deleted with what is in them", async () => {
      const made = await caused("/mailboxes", { body: { name: "Work" } }, 201);
      assert.deepEqual(made.types, ["mailbox.created"]);
      const path = `/mailboxes/${idOf(made.answer)}`;
      const below = await caused("/mailboxes", { body: { name: "Inner", parentId: idOf(made.answer) } }, 201);
      const renamed = await caused(path, { method: "PATCH", body: { name: "Play" } });
      assert.deepEqual(renamed.types, ["mailbox.renamed", "mailbox.renamed"]);
      await caused(`/mailboxes/${idOf(below.answer)}`, { method: "DELETE" }, 204);
      await deliver(other, { subject: "Lost", mailbox: "Play" });
      await ask("/v1/accounts/alice/changes");
      const deleted = await caused(path, { method: "DELETE" }, 204);
      assert.deepEqual(deleted.types, ["mailbox.deleted", "message.deleted"]);
    });

    test("a job names the request that began it", async () => {
      const letters = Array.from({ length: 1_001 }, (_, at) => ({ subject: `Letter ${at}`, mailbox: "Junk" }));
      const append = async (): Promise<void> => {
        for (let next = letters.pop(); next; next = letters.pop()) await deliver(other, next);
      };
      await append();
      await ask("/v1/accounts/alice/changes");
      const state = (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body.newState;
      const { status, body } = await ask<{ job: { id: string } }>("/v1/accounts/alice/mailboxes/junk/empty", {
        method: "POST",
        headers: { "x-request-id": `the-job-of-${kind}` },
      });
      assert.equal(status, 202);
      for (let job = { state: "running" }; job.state !== "done"; ) {
        job = (await ask<{ state: string }>(`/v1/jobs/${body.job.id}`)).body;
        assert.match(job.state, /^(?:running|done)$/);
      }
      const events = await eventsAfter(state);
      assert.equal(events.filter(({ type }) => type === "message.deleted").length, 1_001);
      // Some may have been seen marked as deleted before they were gone.
      for (const { type, cause } of events) {
        assert.match(type, /^message\.(?:deleted|updated)$/);
        assert.equal(cause?.requestId, `the-job-of-${kind}`);
      }
    });

    test("what another client does has no request as its cause, however soon after one", async () => {
      await deliver(other, { subject: "Ours and theirs" });
      const { body } = await ask<{ items: { id: string }[] }>("/v1/accounts/alice/messages?mailbox=inbox&limit=1");
      await caused(`/messages/${body.items[0]?.id}`, { method: "PATCH", body: { flags: { add: ["\\Seen"] } } });
      const state = (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body.newState;
      const { exists } = await other.mailboxOpen("INBOX");
      await other.messageFlagsRemove(String(exists), ["\\Seen"]);
      const [event] = await eventsAfter(state);
      assert.deepEqual([event?.type, event?.cause], ["message.updated", null]);
    });
  });
}
