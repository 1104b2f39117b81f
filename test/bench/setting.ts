import { fileURLToPath } from "node:url";
import type { ImapFlow } from "imapflow";
import { request } from "undici";
import { type Ask, askWith } from "../e2e/client.ts";
import type { House } from "../e2e/house.ts";
import { deliver, write } from "../e2e/mailbox.ts";
import { type Service, startService } from "../e2e/service.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { connect, type MailServer } from "./imap.ts";
import type { Target } from "./sockets.ts";

const MESSAGES = 1_000;
const LARGE = 50 << 20;
const USER = "bench";

/** What all of a run share: a mail server, and the handler that one would write oneself. */
export interface World {
  dovecot: DovecotServer;
  mailServer: MailServer;
  plain: Service;
  stop(): Promise<void>;
}

/** Postern in one of its forms, with the account registered. */
export interface Setting extends World {
  seconds: number;
  clients: number;
  ask: Ask;
  /** A mail client of its own that holds the inbox open. */
  bare: ImapFlow;
  /** A path below the account's messages, asked of Postern. */
  postern(path: string, more?: Partial<Target>): Target;
  graphql(query: string): Target;
  /** A path of the handler that one would write oneself. */
  handler(path: string): Target;
  /** The same octets from memory, without any mail behind them. */
  ceiling(octets: Buffer): Promise<Target>;
  large: { id: string; uid: string };
  small: { id: string; uid: string };
  leave(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const dovecot = await startDovecot();
  const mailServer = { host: dovecot.host, port: dovecot.port, ...dovecot.user(USER) };
  await fill(mailServer);
  const args = ["--host", mailServer.host, "--port", `${mailServer.port}`];
  const login = ["--user", mailServer.user, "--password", mailServer.password];
  const plain = await startService(fileURLToPath(new URL("plain.main.ts", import.meta.url)), {}, [...args, ...login]);
  const stop = async (): Promise<void> => {
    await plain.stop();
    await dovecot.stop();
  };
  return { dovecot, mailServer, plain, stop };
}

async function fill(mailServer: MailServer): Promise<void> {
  const client = await connect(mailServer);
  for (let number = 1; number <= MESSAGES; number += 1)
    await deliver(client, { subject: `Message ${number}`, text: "word ".repeat(200) });
  const large = write({ subject: "Large", text: `${"x".repeat(76)}\r\n`.repeat(Math.ceil(LARGE / 78)) });
  await client.append("INBOX", large);
  await client.logout();
}

export async function enter(
  world: World,
  house: House,
  { seconds, clients }: Pick<Setting, "seconds" | "clients">,
): Promise<Setting> {
  const ask = askWith(house.urls, house.adminToken);
  await register(ask, world.mailServer);
  const bare = await connect(world.mailServer);
  await bare.mailboxOpen("INBOX", { readOnly: true });
  const found = await ask<{ items: { id: string }[] }>(`/v1/accounts/${USER}/messages?mailbox=inbox&limit=2&fields=id`);
  const [large = "", small = ""] = found.body.items.map(({ id }) => id);
  const uids = await bare.search({ all: true }, { uid: true });
  const [smallUid = "", largeUid = ""] = uids ? uids.slice(-2).map(String) : [];
  const ours = {
    headers: { authorization: `Bearer ${house.adminToken}` },
    pids: house.services.map(({ process }) => process.pid ?? 0),
  };
  const theirs = { pids: [world.plain.process.pid ?? 0] };
  return {
    ...world,
    seconds,
    clients,
    ask,
    bare,
    large: { id: large, uid: largeUid },
    small: { id: small, uid: smallUid },
    postern: (path, more = {}) => ({
      ...ours,
      ...more,
      url: `${house.urls[0]}/v1/accounts/${USER}/messages${path}`,
      headers: { ...ours.headers, ...more.headers },
    }),
    graphql: (query) => ({ ...ours, url: `${house.urls[0]}/graphql`, body: { query } }),
    handler: (path) => ({ ...theirs, url: world.plain.url + path }),
    ceiling: async (octets) => {
      const url = `${world.plain.url}/memory`;
      await request(url, { method: "PUT", body: octets, headers: { "content-type": "application/octet-stream" } });
      return { ...theirs, url };
    },
    leave: () => bare.logout(),
  };
}

async function register(ask: Ask, { host, port, user, password }: MailServer): Promise<void> {
  const imap = { host, port, security: "none", user, password };
  const { status, body } = await ask("/v1/accounts?verify=true", { body: { id: USER, imap } });
  if (status !== 201) throw new Error(JSON.stringify(body));
}
