import { createHmac, randomBytes } from "node:crypto";

const PREFIX = "whsec_";

/** What a receiver verifies with, as Standard Webhooks spells it. */
export function makeSecret(): string {
  return PREFIX + randomBytes(32).toString("base64");
}

/** The value of `webhook-signature` (https://www.standardwebhooks.com): one for each secret that is good at present. */
export function signatures(secrets: readonly string[], id: string, timestamp: number, body: string): string {
  return secrets.map((secret) => `v1,${sign(secret, `${id}.${timestamp}.${body}`)}`).join(" ");
}

function sign(secret: string, content: string): string {
  const key = Buffer.from(secret.slice(PREFIX.length), "base64");
  return createHmac("sha256", key).update(content).digest("base64");
}
