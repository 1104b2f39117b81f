import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type RecordingProxy, startRecordingProxy } from "../servers/proxy.ts";
import { type Ask, askWith } from "./client.ts";
import { type Explanation, register, run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

const SECRET = "canary-8f31";
const LIST = "/v1/accounts/ada/messages?mailbox=inbox";

interface Page {
  items: { id: string; attachments: { part: string }[] }[];
  explain?: Explanation;
}

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`explaining, services ${kind}`, () => {
    let house: House;
    let dovecot: DovecotServer;
    let proxy: RecordingProxy;
    let ask: Ask;

    before(async () => {
      dovecot = await startDovecot();
      proxy = await startRecordingProxy(dovecot);
      house = await startHouse(kind);
      // One gateway alone: what another has not asked for yet is not at hand there.
      ask = askWith(house.urls.slice(0, 1), house.adminToken);
      const other = await otherClient(dovecot, "ada");
      await deliver(other, { subject: SECRET }, { subject: "Second" });
      await other.logout();
      await register(ask, dovecot, "ada", proxy);
    });

    after(async () => {
      await house.stop();
      await proxy.stop();
      await dovecot.stop();
    });

    const explained = async (path: string): Promise<Explanation> => {
      const { status, body, bytes } = await ask<Page>(path);
      assert.equal(status, 200, bytes.toString());
      assert.ok(body.explain, bytes.toString());
      return body.explain;
    };
    const inFlight = async (): Promise<number> => {
      const metrics = (await ask("/metrics")).bytes.toString();
      return Number(/^postern_http_in_flight(?:\{.*\})? (\d+)$/m.exec(metrics)?.[1]);
    };
    const namesOf = ({ commands }: Explanation): string[] => commands.map(({ command }) => command);

    test("a list that has to be read tells its commands, and one that is at hand that a single STATUS proved it", async () => {
      const read = await explained(`${LIST}&explain=true`);
      // Of a mailbox that nothing is known of, opening it tells as much as a STATUS before it would.
      for (const command of ["EXAMINE", "FETCH"]) assert.ok(namesOf(read).includes(command), command);
      assert.match(read.remarks.join(" "), /put together anew/);
      assert.equal(read.roundTrips, read.commands.length);
      assert.equal(
        read.octets,
        read.commands.reduce((sum, { octets }) => sum + octets, 0),
      );
      assert.ok(read.commands.every(({ ok, ms }) => ok && ms > 0));

      const again = await explained(`${LIST}&explain=true`);
      // As long as there is one connection alone, it opens the mailbox again before it asks.
      assert.deepEqual(
        namesOf(again).filter((name) => name !== "EXAMINE"),
        ["STATUS"],
      );
      assert.match(again.remarks.join(" "), /at hand/);
    });

    test("nothing of what was asked for is told", async () => {
      const { commands, remarks } = await explained(`${LIST}&subject=${SECRET}&explain=true`);
      assert.ok(commands.some(({ command }) => command === "SEARCH"));
      assert.doesNotMatch(JSON.stringify({ commands, remarks }), new RegExp(SECRET));
    });

    test("who does not ask is told nothing", async () => {
      for (const path of [LIST, `${LIST}&explain=false`]) {
        const { body } = await ask<Page>(path);
        assert.equal(body.explain, undefined);
      }
      const { extensions } = await run<unknown>(ask, `{ account(id: "ada") { mailboxes { name } } }`);
      assert.equal(extensions?.imap, undefined);
    });

    test("whatever is no yes or no is refused", async () => {
      const { status, body } = await ask(`${LIST}&explain=perhaps`);
      assert.equal(status, 400);
      assert.deepEqual(body.errors, [{ path: "explain", message: "is to be true or false" }]);
    });

    test("many who ask at once share a command, and are told so", async () => {
      const release = proxy.hold();
      const asking = Promise.all(Array.from({ length: 20 }, () => explained(`${LIST}&limit=1&explain=true`)));
      // Who asks for the metrics is one more.
      while ((await inFlight()) <= 20);
      release();
      const all = await asking;
      const proofs = all.flatMap(({ commands }) => commands.filter(({ command }) => command === "STATUS"));
      assert.equal(proofs.length, 20);
      assert.ok(proofs.some(({ shared }) => shared));
      assert.ok(proofs.some(({ shared }) => !shared));
    });

    test("mailboxes, a message, several, a search and a quota are explained like a list", async () => {
      const { body } = await ask<Page>(LIST);
      const id = body.items[0]?.id ?? "";
      const base = "/v1/accounts/ada";
      assert.ok(namesOf(await explained(`${base}/mailboxes?explain=true`)).includes("LIST"));
      assert.ok(namesOf(await explained(`${base}/mailboxes/inbox?explain=true`)).length > 0);
      assert.ok(namesOf(await explained(`${base}/messages/${id}?explain=true`)).includes("FETCH"));
      await explained(`${base}/quota?explain=true`);
      for (const [path, asked] of [
        ["search", { mailbox: "inbox", filter: { or: [{ seen: true }, { subject: "Second" }] } }],
        ["get", { ids: [id], fields: ["size"] }],
      ] as const) {
        const answer = await ask<Page>(`${base}/messages/${path}?explain=true`, { body: asked });
        assert.ok(answer.body.explain && answer.body.explain.commands.length > 0, answer.bytes.toString());
      }
    });

    test("octets have it in their header, up to the first of them", async () => {
      const { body } = await ask<Page>(LIST);
      const id = body.items[0]?.id ?? "";
      const { headers } = await ask(`/v1/accounts/ada/messages/${id}/raw?explain=true`);
      const explanation = JSON.parse(String(headers["postern-explain"])) as Explanation;
      assert.ok(namesOf(explanation).includes("FETCH"));
    });

    test("GraphQL tells it in its extensions, asked for in the request's or in the address", async () => {
      const query = `{ account(id: "ada") { mailbox(role: INBOX) { messages { nodes { subject } } } } }`;
      const answers = [
        await ask<{ extensions: { imap: Explanation } }>("/graphql", {
          body: { query, extensions: { explain: true } },
        }),
        await ask<{ extensions: { imap: Explanation } }>("/graphql?explain=true", { body: { query } }),
      ];
      for (const { body, bytes } of answers)
        assert.ok(namesOf(body.extensions.imap).includes("STATUS"), bytes.toString());
    });
  });
}
