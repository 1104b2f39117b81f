// Which room may know what. Prints every import that climbs a fence; exits with 1 when there is one.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

/** `only`: the sole places that may import the module. `never`: what a room may not import. Tests may know the real servers' clients. */
const only = [
  { module: /^imapflow(\/|$)/, places: [/^services\/worker\/src\/imap\//] },
  { module: /^redis(\/|$)|^@redis\//, places: [/^packages\/store\/src\/redis/] },
  { module: /^(graphql|mercurius)(\/|$)/, places: [/^services\/gateway\/src\/graphql\//] },
  {
    module: /^@opentelemetry\/|^@fastify\/otel$/,
    places: [/^packages\/service\/src\/open-telemetry\.ts$/, /^services\/gateway\/src\/http\/spans\.ts$/],
  },
  {
    module: /^(fastify|@fastify\/.*)$/,
    places: [
      /^services\/gateway\/src\/(rest|graphql|http)\//,
      /^services\/gateway\/src\/(gateway|openapi|http|access\/index)\.ts$/,
      /^packages\/wire\//,
      /^services\/\w+\/src\/http\.ts$/,
    ],
  },
];
const never = [
  {
    room: /^services\/worker\/src\/mail\//,
    modules: [/^node:/, /^imapflow/, /^redis/, /^fastify/, /^@fastify/, /^graphql/, /^mercurius/],
  },
  { room: /^services\/worker\/src\/pool\//, modules: [/^(?!\.\/)/] },
  { room: /^packages\/protocol\//, modules: [/^(?!zod$|node:zlib$|\.)/] },
  { room: /^services\/gateway\//, modules: [/^@postern\/worker/] },
  { room: /^services\/worker\//, modules: [/^@postern\/gateway/] },
];

const isTest = (file) => /\.test\.ts$|^test\//.test(file);

/** What is wrong with one file's imports, as sentences. `file` is its path from the project's folder, with slashes. */
export function climbs(file, source) {
  if (isTest(file)) return [];
  const imported = importsOf(source);
  return [
    ...imported.flatMap((name) =>
      only
        .filter(({ module, places }) => module.test(name) && !places.some((place) => place.test(file)))
        .map(() => `${file} must not know ${name}`),
    ),
    ...imported.flatMap((name) =>
      never
        .filter(({ room, modules }) => room.test(file) && modules.some((module) => module.test(name)))
        .map(() => `${file} must not import ${name}`),
    ),
    ...imported
      .filter((name) => leavesPackage(file, name))
      .map((name) => `${file} reaches past another package's door with ${name}`),
  ];
}

function importsOf(source) {
  const pattern =
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']/gm;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3]);
}

/** A relative path out of the package, or a path into another one. */
function leavesPackage(file, name) {
  if (name.startsWith("@postern/")) return name.split("/").length > 2 && !name.startsWith("@postern/test/");
  if (!name.startsWith(".")) return false;
  const home = file.split("/").slice(0, 2).join("/");
  return !normalize(join(dirname(file), name)).startsWith(`${home}/`);
}

/** Cycles of value imports between the files of a map from path to source. */
export function cycles(sources) {
  const found = [];
  const done = new Set();
  const visit = (file, path) => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push([...path.slice(at), file].join(" → "));
      return;
    }
    if (done.has(file) || !sources.has(file)) return;
    for (const name of valueImportsOf(sources.get(file))) {
      if (name.startsWith(".")) visit(normalize(join(dirname(file), name)), [...path, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return found;
}

function valueImportsOf(source) {
  const pattern = /^(?:import|export)\s+(?!type\b)[^;'"]*?\bfrom\s*["']([^"']+)["']/gm;
  return [...source.matchAll(pattern)].map((match) => match[1]);
}

function main() {
  const files = globSync("{packages,services,test}/**/*.ts", { exclude: (name) => name.includes("node_modules") });
  const sources = new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
  const problems = [
    ...[...sources].flatMap(([file, source]) => climbs(file, source)),
    ...cycles(sources).map((cycle) => `cycle: ${cycle}`),
  ];
  for (const problem of problems) console.error(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
