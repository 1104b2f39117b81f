import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { KeyRing } from "@postern/store";

export interface Kept {
  value: string;
  /** Whether it was made just now, and ought to be shown to whoever started Postern. */
  isNew: boolean;
}

/** The admin token of this installation: given, kept from the first start, or made now. */
export function adminToken(given: string | undefined, dataDir: string): Kept {
  return keep(given, dataDir, "admin-token", () => `pst_admin_${randomBytes(32).toString("base64url")}`);
}

/** The key ring that seals what the store holds. Who loses the file loses the secrets, so it lies beside the data. */
export function secretKeys(given: string | undefined, dataDir: string): Kept {
  return keep(given, dataDir, "secret-keys", () => KeyRing.generate());
}

function keep(given: string | undefined, dataDir: string, name: string, make: () => string): Kept {
  if (given !== undefined) return { value: given, isNew: false };
  const path = join(dataDir, name);
  if (existsSync(path)) return { value: readFileSync(path, "utf8").trim(), isNew: false };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const value = make();
  // "wx": of two that start at once, one makes it and the other reads it on its next try.
  const file = openSync(path, "wx", 0o600);
  writeSync(file, `${value}\n`);
  closeSync(file);
  return { value, isNew: true };
}
