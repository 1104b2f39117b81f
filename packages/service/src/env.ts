import { readFileSync } from "node:fs";
import * as z from "zod";

export type Environment = Record<string, string | undefined>;

/** What is wrong with the environment, in words for the operator. Never holds a value, which may be a secret. */
export class ConfigurationError extends Error {
  override name = "ConfigurationError";
}

/**
 * Reads the `POSTERN_` variables that `shape` names (in capitals, without the prefix). An empty variable counts as unset.
 * `NAME_FILE` gives the path of a file that holds the value, so that secrets can be mounted; giving both is an error.
 */
export function readEnvironment<S extends z.ZodRawShape>(env: Environment, shape: S): z.infer<z.ZodObject<S>> {
  const variables = Object.keys(shape).map((name) => [name, readVariable(env, name)] as const);
  const values = Object.fromEntries(variables.filter(([, value]) => value !== undefined));
  const parsed = z.object(shape).safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `POSTERN_${String(issue.path[0])}: ${issue.message}`);
  throw new ConfigurationError(problems.join("\n"));
}

function readVariable(env: Environment, name: string): string | undefined {
  const value = env[`POSTERN_${name}`] || undefined;
  const path = env[`POSTERN_${name}_FILE`] || undefined;
  if (path === undefined || name.endsWith("_FILE")) return value;
  if (value !== undefined) throw new ConfigurationError(`POSTERN_${name} and POSTERN_${name}_FILE are both set`);
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new ConfigurationError(`POSTERN_${name}_FILE cannot be read`, { cause: error });
  }
}

/** `a, b,c` → `["a", "b", "c"]`; unset → `[]`. */
export const commaList = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );

export const portNumber = z.coerce.number().int().min(0).max(65535);

export const logLevel = z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info");
