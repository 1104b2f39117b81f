import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type House, startHouse } from "../e2e/house.ts";
import { alertGroups, alerts, dashboard, familyOf, metricsOf, objectGroups, queries } from "./queries.ts";

const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");

describe("metrics, alerts and the dashboard", () => {
  const houses: House[] = [];
  const exposed = new Map<string, Set<string>>();

  before(async () => {
    for (const kind of ["together", "apart"] as const) houses.push(await startHouse(kind));
    for (const { url } of houses.flatMap(({ services }) => services)) {
      const answer = await fetch(`${url}/metrics`, { headers: { connection: "close" } });
      note(await answer.text());
    }
  });
  after(async () => {
    for (const house of houses) await house.stop();
  });

  const note = (text: string): void => {
    for (const [, name = "", help = ""] of text.matchAll(/^# HELP (\S+) (.*)$/gm))
      exposed.set(name, (exposed.get(name) ?? new Set()).add(help));
  };
  const own = (): string[] => [...exposed.keys()].filter((name) => name.startsWith("postern_")).sort();

  test("every metric of Postern is documented, and no other is", () => {
    assert.ok(own().length >= 10);
    const documented = new Set([...page.matchAll(/\bpostern_[a-z_]+/g)].map(([name]) => familyOf(name)));
    assert.deepEqual([...documented].sort(), own(), "docs/operating.md tells of what /metrics exposes");
  });

  test("every alert and every panel asks for metrics that are there", () => {
    const unknown = queries.flatMap(({ where, text }) =>
      metricsOf(text)
        .filter((name) => name !== "up" && !exposed.has(familyOf(name)))
        .map((name) => `${where} asks for ${name}`),
    );
    assert.deepEqual(unknown, []);
  });
});

test("every alert says what to do, in a section of its own", () => {
  for (const { alert, annotations, labels } of alerts) {
    assert.equal(annotations.runbook, `docs/operating.md#${alert.toLowerCase()}`);
    assert.ok(page.split("\n").includes(`### ${alert}`), `${alert} is in docs/operating.md`);
    assert.ok(annotations.summary.length > 10 && /^(critical|warning)$/.test(labels.severity), alert);
  }
});

test("Prometheus and its operator are given the same alerts", () => {
  assert.deepEqual(objectGroups, alertGroups);
});

test("what selects nothing and what is no PromQL is found out", () => {
  assert.deepEqual(metricsOf('sum by (le) (rate(a_bucket{b="c"}[5m])) / up'), ["a_bucket", "up"]);
  assert.throws(() => metricsOf("sum(rate(a[5m])"), /no PromQL/);
});

test("the dashboard begins with what tells whether all is well, and every panel has a title and a query", () => {
  const [row, ...first] = dashboard.panels;
  assert.equal(row?.title, "Is it well?");
  assert.deepEqual(
    first.slice(0, 4).map(({ title }) => title),
    ["Processes up", "Requests", "Failing", "Slowest twentieth"],
  );
  for (const { title, targets } of dashboard.panels) assert.ok(title && (targets === undefined || targets.length > 0));
});
