import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { request } from "undici";

const TOKEN = "readme-0123456789abcdef";
const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** Each curl line of the README that is followed by what it prints in the demo. */
const examples = [...readme.matchAll(/```sh\n(curl [^`]*)```\s+```json\n([^`]*)```/g)].map(
  ([, command = "", output = ""]) => ({ command, output }),
);

let url: string;
let stopDemo: () => Promise<unknown>;

before(async () => {
  const env = { ...process.env, POSTERN_PORT: "0", POSTERN_ADMIN_TOKEN: TOKEN };
  const main = fileURLToPath(new URL("../demo/main.ts", import.meta.url));
  const demo = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(demo, "exit");
  stopDemo = () => (demo.kill("SIGTERM"), ended);
  for await (const line of createInterface({ input: demo.stdout })) {
    const found = /^Postern is at (\S+),/.exec(line)?.[1];
    if (found === undefined) continue;
    url = found;
    break;
  }
});

after(() => stopDemo());

test("the README shows a REST and a GraphQL example", () => {
  const paths = examples.map(({ command }) => /8025(\/[a-z0-9]+)/.exec(command)?.[1]);
  assert.deepEqual(paths, ["/v1", "/graphql"]);
});

for (const { command, output } of examples) {
  const address = /http:\/\/127\.0\.0\.1:8025[^\s']*/.exec(command)?.[0] ?? "";
  test(`${address.slice(0, 60)} prints in the demo what the README says`, async () => {
    const body = /-d '([^']*)'/s.exec(command)?.[1];
    const { body: answer } = await request(address.replace("http://127.0.0.1:8025", url), {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${TOKEN}`, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body }),
    });
    assert.deepEqual(timeless(await answer.json()), timeless(JSON.parse(output)));
  });
}

/** Without what is another in each demo. */
function timeless(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, member: unknown) => (/^(id|asOf|state)$/.test(key) ? key : member)));
}
