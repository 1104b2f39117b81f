import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Told {
  events: { id: string; type: string; message: { subject: string } | null };
}

const query = `subscription ($account: ID!, $after: ID) {
  events(account: $account, after: $after) { id type message { subject } previous { flags } }
}`;

for (const kind of ["together", "apart"] as const satisfies HouseKind[]) {
  describe(`GraphQL subscriptions, services ${kind}`, { timeout: 120_000 }, () => {
    let house: House;
    let dovecot: DovecotServer;
    let ask: Ask;
    let deliverOne: (subject: string) => Promise<void>;
    const endings: (() => unknown)[] = [];

    before(async () => {
      dovecot = await startDovecot();
      endings.unshift(dovecot.stop);
      house = await startHouse(kind);
      endings.unshift(house.stop);
      ask = askWith(house.urls, house.adminToken);
      const other = await otherClient(dovecot, "alice");
      endings.unshift(() => other.logout());
      deliverOne = (subject) => deliver(other, { subject });
      const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
      const { status } = await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } });
      assert.equal(status, 201);
    });

    after(async () => {
      for (const end of endings) await end();
    });

    const state = async (): Promise<string> =>
      (await ask<{ newState: string }>("/v1/accounts/alice/changes")).body.newState;

    function overWebSocket(token: string) {
      const url = `${house.urls[0]?.replace("http", "ws")}/graphql`;
      return createWsClient({ url, connectionParams: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
    }

    function overSse(token: string) {
      const headers = { authorization: `Bearer ${token}` };
      return createSseClient({ url: `${house.urls[0]}/graphql`, headers, retryAttempts: 0 });
    }

    for (const [name, connect] of [
      ["graphql-transport-ws", overWebSocket],
      ["SSE", overSse],
    ] as const) {
      test(`over ${name} events come from a state on, as they happen`, async () => {
        const after = await state();
        await deliverOne(`Before, ${name}`);
        const client = connect(house.adminToken);
        const subjects: (string | undefined)[] = [];
        for await (const { data, errors } of client.iterate<Told>({ query, variables: { account: "alice", after } })) {
          assert.equal(errors, undefined);
          if (data?.events.type !== "MESSAGE_CREATED") continue;
          subjects.push(data.events.message?.subject);
          if (subjects.length === 1) await deliverOne(`During, ${name}`);
          else break;
        }
        assert.deepEqual(subjects, [`Before, ${name}`, `During, ${name}`]);
        await client.dispose();
      });

      test(`over ${name} errors have the codes of REST`, async () => {
        const client = connect(house.adminToken);
        const codes: unknown[] = [];
        for (const variables of [
          { account: "nobody" },
          { account: "alice", after: "0-0" },
          { account: "alice", after: "x" },
        ]) {
          const take = async (): Promise<void> => {
            for await (const { errors = [] } of client.iterate<Told>({ query, variables }))
              codes.push(errors[0]?.extensions?.code);
          };
          await take().catch((errors: { extensions: { code: string } }[]) => codes.push(errors[0]?.extensions.code));
        }
        assert.deepEqual(codes, ["not-found", "state-expired", "invalid-request"]);
        await client.dispose();
      });

      test(`over ${name} a stream ends with its token`, async () => {
        const { body } = await ask<{ id: string; token: string }>("/v1/tokens", { body: { scopes: ["read"] } });
        const client = connect(body.token);
        const after = await state();
        await deliverOne("Heard");
        for await (const _ of client.iterate<Told>({ query, variables: { account: "alice", after } }))
          await ask(`/v1/tokens/${body.id}`, { method: "DELETE" });
        await client.dispose();
      });
    }
  });
}
