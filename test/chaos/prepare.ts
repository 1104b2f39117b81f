import { type Dispatcher, request } from "undici";
import type { Commons } from "./commons.ts";
import { letterFor } from "./letters.ts";
import type { Ledger } from "./ledger.ts";
import { PlainImap } from "./plain-imap.ts";
import { type Account, BOXES, type World } from "./world.ts";

/** Makes mailboxes and what all share, and tells Postern of the account. */
export async function prepare(world: World, account: Account, ledger: Ledger, commons: Commons): Promise<void> {
  const client = await PlainImap.login(world.dovecot, account.id, account.password);
  if (!client) throw new Error("the mail server lets nobody in");
  for (const name of BOXES) if (name !== "INBOX" && name !== "Trash") await client.command(`CREATE ${name}`);
  const first = { began: -1, ended: -1, who: "the beginning" };
  for (const marker of commons.shared) {
    await client.command("APPEND Shared ", letterFor(account.id, marker));
    for (const flag of commons.flags) ledger.writes.push({ register: `${marker} ${flag}`, value: "false", ...first });
  }
  for (const marker of commons.travelling) {
    await client.command("APPEND Box ", letterFor(account.id, marker));
    ledger.writes.push({ register: `${marker} box`, value: "Box", ...first });
  }
  await client.command("LOGOUT");
  client.close();
  await ask(world, "POST", "/v1/accounts", { id: account.id, imap: endpoint(world, account) });
  const { items } = (await ask(world, "GET", `/v1/accounts/${account.id}/mailboxes`)) as {
    items: { id: string; path: string }[];
  };
  for (const box of BOXES) account.boxIds.set(box, items.find(({ path }) => path === box)?.id ?? "");
}

function endpoint({ line: { host, port } }: World, { id, password }: Account): object {
  return { host, port, security: "none", user: id, password };
}

async function ask(world: World, method: Dispatcher.HttpMethod, path: string, body?: object): Promise<unknown> {
  const { statusCode, body: answer } = await request(`${world.gateways[0]?.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${world.adminToken}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`);
  return JSON.parse(text);
}
