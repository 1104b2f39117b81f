import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./setup.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");

test("no package runs a script when it is installed, and none is taken that is younger than three days", () => {
  const settings = read("pnpm-workspace.yaml");
  assert.match(settings, /^minimumReleaseAge: 4320$/m);
  assert.match(settings, /^strictDepBuilds: true$/m);
  assert.match(settings, /^blockExoticSubdeps: true$/m);
  const [, builds = ""] = /^allowBuilds:\n((?:[ ].*\n?)+)/m.exec(settings) ?? [];
  assert.doesNotMatch(builds, /: true/);
});

test("every dependency is pinned, and the lockfile has its hash", () => {
  for (const file of [
    "package.json",
    ...globSync("{packages,services}/*/package.json", { cwd: root }),
    "test/package.json",
  ]) {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(file));
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
      assert.match(version, /^(\d+\.\d+\.\d+(-[\w.]+)?|workspace:\*)$/, `${file}: ${name}`);
  }
  const lock = read("pnpm-lock.yaml");
  const packages = lock.slice(lock.indexOf("\npackages:"), lock.indexOf("\nsnapshots:"));
  const entries = packages.split(/\n {2}(?=\S)/).slice(1);
  assert.ok(entries.length > 300);
  for (const entry of entries) assert.match(entry, /resolution: \{integrity: sha512-/, entry.slice(0, 80));
});

test("installing takes what the lockfile says wherever it is not a developer who asks", () => {
  for (const file of ["scripts/setup.mjs", "deploy/Dockerfile"])
    for (const [line] of read(file).matchAll(/.*pnpm.{0,4}install.*/g))
      assert.match(line, /--frozen-lockfile|^#/, file);
});

test("what Postern is made of is told as CycloneDX, with versions, hashes and licences, and without tools", () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-sbom-"));
  const out = join(folder, "sbom.json");
  const { status, stderr } = spawnSync(process.execPath, [join(root, "scripts/sbom.mjs"), out], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const { bomFormat, specVersion, components } = JSON.parse(readFileSync(out, "utf8"));
  rmSync(folder, { recursive: true });
  assert.deepEqual([bomFormat, specVersion], ["CycloneDX", "1.6"]);
  const names = new Set(components.map(({ group, name }) => (group ? `${group}/${name}` : name)));
  for (const file of globSync("{packages,services}/*/package.json", { cwd: root }))
    for (const name of Object.keys(JSON.parse(read(file)).dependencies ?? {})) assert.ok(names.has(name), name);
  for (const tool of ["typescript", "oxlint", "autocannon", "knip"]) assert.ok(!names.has(tool), tool);
  for (const { group, name, version, purl, licenses, externalReferences = [] } of components) {
    assert.ok(version && purl, name);
    if (group === "@postern") continue;
    assert.ok(licenses?.length > 0, `${name} has a licence`);
    assert.ok(
      externalReferences.some(({ hashes = [] }) => hashes.some(({ alg }) => alg === "SHA-512")),
      name,
    );
  }
});
