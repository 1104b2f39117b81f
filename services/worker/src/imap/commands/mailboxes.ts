import { Failure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { encodeMailboxName, type Part } from "../encode.ts";
import { upstreamOf } from "../failures.ts";
import { type MailboxNames, writtenName } from "../names.ts";
import type { StatusResponse } from "../response.ts";

/** RENAME (RFC 9051 section 6.3.6). */
export async function rename(connection: Connection, names: MailboxNames, from: string, to: string): Promise<void> {
  const target = writtenName(encodeMailboxName(to));
  await onExisting(names, from, (name, onRefused) =>
    connection.run({ name: "RENAME", parts: ["RENAME ", name, " ", target], changes: true, onRefused }),
  );
  names.forget(from);
}

/** DELETE (RFC 9051 section 6.3.5). */
export async function remove(connection: Connection, names: MailboxNames, path: string): Promise<void> {
  await onExisting(names, path, (name, onRefused) =>
    connection.run({ name: "DELETE", parts: ["DELETE ", name], changes: true, onRefused }),
  );
  names.forget(path);
}

async function onExisting(
  names: MailboxNames,
  path: string,
  command: (name: Part, onRefused: (response: StatusResponse) => void) => Promise<StatusResponse>,
): Promise<void> {
  const refused: StatusResponse[] = [];
  const done = await names.use(path, (name) => command(name, (response) => refused.push(response)));
  if (done) return;
  const [refusal] = refused;
  throw new Failure("not-found", {
    detail: `There is no mailbox ${path} on the mail server.`,
    ...(refusal && { upstream: upstreamOf(refusal) }),
    outcome: "none",
  });
}
