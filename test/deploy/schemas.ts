import { readdirSync, readFileSync } from "node:fs";
import { HTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1";
import { PrometheusRule, ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Service, ServiceAccount } from "kubernetes-models/v1";
import type { Manifest } from "./rendered.ts";

/** One of the classes that validate. */
interface Model {
  readonly apiVersion: string;
  readonly kind: string;
  new (data: never): { validate(): void };
}

const models: readonly Model[] = [
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  HTTPRoute,
  Ingress,
  NetworkPolicy,
  PodDisruptionBudget,
  PrometheusRule,
  Service,
  ServiceAccount,
  ServiceMonitor,
  StatefulSet,
];

/** What Kubernetes' own schema of this kind has against a manifest, in words. */
export function violations(manifest: Manifest): string[] {
  const model = models.find(({ apiVersion, kind }) => apiVersion === manifest.apiVersion && kind === manifest.kind);
  if (!model) return [`there is no schema for ${manifest.apiVersion} ${manifest.kind}`];
  try {
    new model(manifest as never).validate();
  } catch (error) {
    return [String(error)];
  }
  const unknown = [...memberNames(manifest)].filter((name) => !words.has(name));
  return unknown.map((name) => `${name} is in no schema`);
}

/**
 * The API server drops members that it does not know, and the schemas let them pass: a misspelt probe would be none at all.
 * Every member that a schema knows is a word of the validators' sources.
 */
function readWords(): Set<string> {
  const doors = [
    import.meta.resolve("kubernetes-models"),
    import.meta.resolve("@kubernetes-models/apimachinery"),
    import.meta.resolve("@kubernetes-models/prometheus-operator"),
    import.meta.resolve("@kubernetes-models/gateway-api"),
  ];
  const folders = doors.map((door) => new URL("_schemas/", door));
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => new URL(file, folder)));
  const sources = files.filter(({ pathname }) => pathname.endsWith(".js")).map((file) => readFileSync(file, "utf8"));
  return new Set(sources.flatMap((source) => [...new Set(source.match(/\w+/g))]));
}

const words = readWords();

/** Members that are maps have names of the manifest's own, and so have those that are named like labels. */
const maps = /^(labels|annotations|matchLabels|data|requests|limits|status)$/;

function* memberNames(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value) && !name.includes("/")) yield name;
    if (!maps.test(name)) yield* memberNames(member);
  }
}
