import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { deployFolder } from "./rendered.ts";

export interface Query {
  where: string;
  text: string;
}

export interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
}

interface Groups {
  groups: { rules: Rule[] }[];
}
interface Panel {
  title: string;
  targets?: { expr: string }[];
}

const read = (path: string): string => readFileSync(join(deployFolder, path), "utf8");

/** As Prometheus reads them, and as the operator's object has them. */
export const alertGroups = (parse(read("prometheus/alerts.yaml")) as Groups).groups;
export const objectGroups = (parse(read("kubernetes/components/monitoring/rules.yaml")) as { spec: Groups }).spec
  .groups;
export const alerts = alertGroups.flatMap(({ rules }) => rules);

export const dashboard = JSON.parse(read("dashboards/postern.json")) as { title: string; panels: Panel[] };

export const queries: Query[] = [
  ...alerts.map(({ alert, expr }) => ({ where: `alert ${alert}`, text: expr })),
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    // Grafana puts a duration there.
    targets.map(({ expr }) => ({ where: `panel ${title}`, text: expr.replaceAll("$__rate_interval", "5m") })),
  ),
];

/** The metrics that a query selects. Throws where it is no PromQL. */
export function metricsOf(query: string): string[] {
  const names: string[] = [];
  parser.parse(query).iterate({
    enter: ({ type, node, from, to }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${query}`);
      if (type.name === "Identifier" && node.parent?.type.name === "VectorSelector") names.push(query.slice(from, to));
    },
  });
  return names;
}

/** Histograms are told of by their family's name. */
export const familyOf = (metric: string): string => metric.replace(/_(bucket|sum|count)$/, "");
