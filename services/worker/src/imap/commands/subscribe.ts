import type { Connection } from "../connection.ts";
import type { MailboxNames } from "../names.ts";

/** SUBSCRIBE and UNSUBSCRIBE (RFC 9051 sections 6.3.7 and 6.3.8). */
export async function subscribe(
  connection: Connection,
  names: MailboxNames,
  path: string,
  command: "SUBSCRIBE" | "UNSUBSCRIBE",
): Promise<void> {
  await names.use(path, (name) => connection.run({ name: command, parts: [`${command} `, name], changes: true }));
}
