import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { temporaryFolder } from "../servers/process.ts";

export const deployFolder = fileURLToPath(new URL("../../deploy/", import.meta.url));

/** A Kubernetes object; what is in it is looked at by schemas and policies. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [more: string]: unknown;
}

/** Those that bring kustomize along. */
const renderers = [
  ["kustomize", "build"],
  ["kubectl", "kustomize"],
] as const;

/** Undefined where there is no renderer that knows components (kustomize 3.7 and newer). */
export const renderer = renderers.find(([command, verb]) => {
  const folder = temporaryFolder("postern-kustomize-");
  mkdirSync(join(folder, "part"));
  const head = "apiVersion: kustomize.config.k8s.io";
  writeFileSync(
    join(folder, "part/kustomization.yaml"),
    `${head}/v1alpha1\nkind: Component\nconfigMapGenerator: [{ name: part }]\n`,
  );
  writeFileSync(join(folder, "kustomization.yaml"), `${head}/v1beta1\nkind: Kustomization\ncomponents: [part]\n`);
  return spawnSync(command, [verb, folder]).status === 0;
});

/** What `kubectl apply -k` would send. */
export function render(overlay: string): Manifest[] {
  return rendered(join(deployFolder, "kubernetes/overlays", overlay));
}

/** The base with one more component, as an operator would put it together. */
export function renderWith(component: string): Manifest[] {
  const folder = temporaryFolder("postern-overlay-");
  const to = (path: string): string => relative(folder, join(deployFolder, "kubernetes", path));
  const lines = [
    "apiVersion: kustomize.config.k8s.io/v1beta1",
    "kind: Kustomization",
    "namespace: postern",
    `resources: [${to("base")}]`,
    `components: [${to(`components/${component}`)}]`,
  ];
  writeFileSync(join(folder, "kustomization.yaml"), `${lines.join("\n")}\n`);
  return rendered(folder);
}

function rendered(folder: string): Manifest[] {
  if (!renderer) throw new Error("there is neither kustomize nor a kubectl that has it");
  const { status, stdout, stderr } = spawnSync(renderer[0], [renderer[1], folder], { encoding: "utf8" });
  // A deprecation today is an error tomorrow.
  if (status !== 0 || stderr !== "") throw new Error(`${folder}: ${stderr}`);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}
