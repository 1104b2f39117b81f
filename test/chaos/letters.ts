import { createHash } from "node:crypto";

/**
 * A message is made of its marker alone, which is in its subject and its Message-ID: whoever reads it knows every octet
 * that there should be. And every message says whose it is, so that nobody can be shown another's unnoticed.
 */
export function letterFor(account: string, marker: string): Buffer {
  const chance = createHash("sha256").update(marker).digest();
  // Some of about a hundred kilobytes, so that there is a middle in which to break off.
  const lines = (chance[0] ?? 0) < 12 ? 1_500 : 2 + ((chance[1] ?? 0) % 40);
  const head = [
    "From: Ada <ada@example.org>",
    "To: Bob <bob@example.com>",
    `Subject: ${marker} ${canaryOf(account)}`,
    "Date: Fri, 02 Jan 2026 03:04:05 +0000",
    `Message-ID: <${marker}@chaos.example>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    canaryOf(account),
  ];
  return Buffer.from([...head, ...noise(marker, lines), ""].join("\r\n"));
}

function noise(marker: string, lines: number): string[] {
  const seed = createHash("sha512").update(marker).digest("hex");
  return Array.from({ length: lines }, (_, at) => `${at} ${seed.slice(at % 64)}${seed.slice(0, at % 64)}`.slice(0, 76));
}

const canaryOf = (account: string): string => `canary-of-${account}.`;

/** Whose mail this has in it, other than the account's own. */
export function strangersIn(account: string, octets: Buffer): string[] {
  const found = octets.toString("latin1").matchAll(/canary-of-([a-z0-9]+)\./g);
  return [...new Set([...found].map(([, owner = ""]) => owner))].filter((owner) => owner !== account);
}

export const markerIn = (text: string): string | null => /([a-z0-9]+-[a-z0-9]+-\d+)/.exec(text)?.[1] ?? null;
