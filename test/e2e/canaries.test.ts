import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type DovecotServer, type RedisServer, startDovecot, startRedis } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { type House, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Operation {
  requestBody?: { content: Record<string, { example?: unknown }> };
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}

/** In something that has to be found again, whatever it is wrapped in. */
const canary = (what: string): string => `kanarie-${what}-${randomBytes(9).toString("hex")}`;

/** Whoever has one of these is somebody else. */
const secrets = {
  password: canary("password"),
  accessToken: canary("access-token"),
  admin: canary("admin-token"),
  key: randomBytes(32).toString("base64"),
  cluster: canary("cluster-secret"),
};
/** Somebody's mail. */
const mail = { subject: canary("subject"), text: canary("text"), search: canary("search"), name: canary("name") };

describe("secrets and mail, with everything logged that can be", () => {
  let house: House;
  let dovecot: DovecotServer;
  let redis: RedisServer;
  let admin: Ask;
  /** The secret part of a token that was made. */
  let token = "";
  /** What callers were told that went wrong. */
  const problems: string[] = [];
  const endings: (() => Promise<unknown>)[] = [];

  before(async () => {
    dovecot = await startDovecot();
    endings.unshift(dovecot.stop);
    redis = await startRedis({ args: ["--rdbcompression", "no"] });
    endings.unshift(redis.stop);
    house = await startHouse("apart", {
      POSTERN_LOG_LEVEL: "trace",
      POSTERN_REDIS_URL: redis.url,
      POSTERN_ADMIN_TOKEN: secrets.admin,
      POSTERN_SECRET_KEYS: `k:${secrets.key}`,
      POSTERN_CLUSTER_SECRET: secrets.cluster,
    });
    endings.unshift(house.stop);
    admin = askWith(house.urls, secrets.admin);
    await useEverything();
  });

  after(async () => {
    for (const end of endings) await end();
  });

  const noting: Ask = async (path, asking) => {
    const answer = await admin(path, asking);
    if (answer.status >= 400) problems.push(answer.bytes.toString(), JSON.stringify(answer.headers));
    return answer as never;
  };

  const useEverything = async (): Promise<void> => {
    const other = await otherClient(dovecot, "ada");
    await deliver(other, { subject: mail.subject, text: mail.text });
    await other.logout();
    const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("ada") };
    assert.equal((await noting("/v1/accounts?verify=true", { body: { id: "ada", imap } })).status, 201);
    const { user } = dovecot.user("eve");
    for (const secret of [{ password: secrets.password }, { accessToken: secrets.accessToken }]) {
      const { password: _, ...where } = imap;
      const wrong = { ...where, user, ...secret };
      await noting("/v1/accounts?verify=true", { body: { id: "eve", imap: wrong } });
      await noting("/v1/accounts", { body: { id: `eve-${Object.keys(secret)[0]?.toLowerCase()}`, imap: wrong } });
    }
    // A password that somebody wrote into the wrong place.
    await noting("/v1/accounts", { body: { id: "bad", imap: { ...imap, port: secrets.password } } });
    const made = await noting<{ token: string }>("/v1/tokens", { body: { scopes: ["read"], name: "canary" } });
    token = made.body.token.slice(-43);
    const reader = askWith(house.urls, made.body.token);
    const listed = await reader<{ items: { id: string }[] }>(
      `/v1/accounts/ada/messages?mailbox=inbox&fields=id,subject,text,html,attachments,snippet`,
    );
    assert.ok(listed.bytes.includes(mail.text));
    await reader(`/v1/accounts/ada/messages?subject=${mail.search}&header[X-Name]=${mail.name}`);
    await reader(`/v1/accounts/ada/messages/${listed.body.items[0]?.id}/raw`);
    await noting("/graphql", {
      body: { query: `{ account(id: "ada") { messages(filter: {subject: "${mail.search}"}) { nodes { id } } } }` },
    });
    await noting("/graphql", { body: { query: `{ ${mail.search.replaceAll("-", "_")} }` } });
    await noting(`/v1/accounts/eve-password/messages?text=${mail.search}`);
    await everyRoute();
  };

  /** Each with its example, and with nonsense in place of what it wants. */
  const everyRoute = async (): Promise<void> => {
    const { body } = await admin<OpenApi>("/openapi.json");
    for (const [template, operations] of Object.entries(body.paths))
      for (const [method, { requestBody }] of Object.entries(operations)) {
        // A stream of events does not end by itself.
        if (template.endsWith("/events")) continue;
        const path = template.replace("{account}", "ada").replace(/\{\w+\}/g, mail.name);
        if (path === "/v1/accounts/ada" && method === "delete") continue;
        const example = requestBody?.content["application/json"]?.example;
        for (const sent of [example, example && { [mail.name]: mail.text }])
          await noting(path, {
            method: method.toUpperCase(),
            ...(sent !== undefined && { body: sent }),
          });
      }
  };

  const nowhere = (text: string, wanted: Record<string, string>, where: string): void => {
    for (const [what, secret] of Object.entries(wanted))
      for (const form of [secret, Buffer.from(secret).toString("base64").replace(/=+$/, "")])
        assert.ok(!text.includes(form), `${what} is in ${where}: ${around(text, form)}`);
  };

  test("no log has any of it", () => {
    const log = house.services.flatMap((service) => service.log).join("\n");
    assert.match(log, /"msg":"request"/);
    nowhere(log, { ...secrets, token, subject: mail.subject, text: mail.text, search: mail.search }, "a log");
  });

  test("no metric has any of it", async () => {
    for (const { url } of house.services) {
      const answer = await fetch(`${url}/metrics`, { headers: { connection: "close" } });
      nowhere(await answer.text(), { ...secrets, token, ...mail }, "a metric");
    }
  });

  test("no error has a secret, or what was in a mailbox", () => {
    assert.ok(problems.length > 20);
    nowhere(problems.join("\n"), { ...secrets, token, subject: mail.subject }, "an error");
  });

  test("Redis has no secret but sealed ones", async () => {
    const dump = await dumped(redis);
    assert.ok(dump.includes("ada"));
    nowhere(dump, { ...secrets, token }, "Redis");
  });
});

/** All that Redis keeps, as it would lie on a disk. */
async function dumped(redis: RedisServer): Promise<string> {
  await told(redis, "SAVE\r\n", "+OK");
  const answer = await told(redis, "CONFIG GET dir\r\n", "postern-redis-");
  const folder = answer.split("\r\n").find((line) => line.startsWith("/")) ?? "";
  return readFileSync(join(folder, "dump.rdb"), "latin1");
}

function told(redis: RedisServer, request: string, until: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(redis.port, "127.0.0.1", () => socket.write(request));
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      if (answer.includes(until) && answer.endsWith("\r\n")) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

function around(text: string, found: string): string {
  const at = text.indexOf(found);
  return text.slice(Math.max(0, at - 120), at + found.length + 40);
}
