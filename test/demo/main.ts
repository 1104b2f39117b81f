import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { askWith } from "../e2e/client.ts";
import { otherClient } from "../e2e/mailbox.ts";
import { type Service, startService } from "../e2e/service.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { sampleMailbox } from "./letters.ts";

/** A real mail server with a mailbox to try things with, and Postern in front of it, until Ctrl-C. */

const user = "robin";
const adminToken = `demo-${randomBytes(12).toString("hex")}`;

console.log("Starting Dovecot with a sample mailbox …");
const dovecot = await startDovecot();
const count = await fill(dovecot);
console.log(`${count} messages delivered. Starting Postern …`);
const postern = await start(dovecot);
await register(dovecot, postern);
console.log(introduction(postern.url));

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop());

/** Once, however often it is asked for: a Ctrl-C comes from the terminal and from npm. */
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  console.log("\nStopping …");
  await postern.stop();
  await dovecot.stop();
  process.exit(0);
}

async function fill(server: DovecotServer): Promise<number> {
  const client = await otherClient(server, user);
  await client.mailboxCreate("Projects/Allotment");
  const letters = await sampleMailbox();
  for (const { mailbox, octets, flags, receivedAt } of letters) await client.append(mailbox, octets, flags, receivedAt);
  await client.logout();
  return letters.length;
}

function start(server: DovecotServer): Promise<Service> {
  const main = fileURLToPath(new URL("../../services/standalone/src/main.ts", import.meta.url));
  const given = Object.entries(process.env).filter(([name]) => name.startsWith("POSTERN_"));
  return startService(main, {
    POSTERN_DATA_DIR: temporaryFolder("postern-demo-"),
    POSTERN_ALLOWED_MAIL_HOSTS: `${server.host}:${server.port}`,
    POSTERN_ADMIN_TOKEN: adminToken,
    ...(Object.fromEntries(given) as Record<string, string>),
  });
}

async function register(server: DovecotServer, { url }: Service): Promise<void> {
  const imap = { host: server.host, port: server.port, security: "none", ...server.user(user) };
  const ask = askWith([url], process.env.POSTERN_ADMIN_TOKEN ?? adminToken);
  const { status, body } = await ask("/v1/accounts?verify=true", {
    body: { id: "demo", name: "Robin's mailbox", imap },
  });
  if (status !== 201) throw new Error(`the account could not be registered: ${JSON.stringify(body)}`);
}

function introduction(url: string): string {
  const token = process.env.POSTERN_ADMIN_TOKEN ?? adminToken;
  const curl = `curl -s -H 'Authorization: Bearer ${token}'`;
  const query =
    '{"query":"{ account(id: \\"demo\\") { mailbox(role: INBOX) { unseen messages(first: 3) { nodes { subject from { name } snippet } } } } }"}';
  return `
Postern is at ${url}, with one account: demo. Try:

  ${curl} ${url}/v1/accounts/demo/mailboxes
  ${curl} '${url}/v1/accounts/demo/messages?mailbox=inbox&limit=5&fields=subject,from,receivedAt,flags'
  ${curl} '${url}/v1/accounts/demo/messages?mailbox=inbox&text=K%C3%B6ln&fields=subject,from,snippet'
  ${curl} -H 'Content-Type: application/json' ${url}/graphql \\
    -d '${query}'

Reference:  ${url}/docs
GraphiQL:   ${url}/graphiql   (header {"Authorization": "Bearer ${token}"})

Ctrl-C stops everything.`;
}
