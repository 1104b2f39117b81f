import { letterFor, markerIn } from "./letters.ts";
import { PlainImap } from "./plain-imap.ts";
import { type Account, BOXES, type Box, type World } from "./world.ts";

/** A message as it lies in a mailbox. */
export interface Lying {
  box: Box;
  uid: number;
  marker: string;
  flags: string[];
  /** Whether every octet is as it was written. */
  isWhole: boolean;
}

/** All of an account's messages, read from the mail server itself. */
export async function readAll(world: World, account: Account): Promise<Lying[]> {
  const client = await PlainImap.login(world.dovecot, account.id, account.password);
  if (!client) throw new Error(`the mail server lets nobody into ${account.id}`);
  try {
    const lying: Lying[] = [];
    for (const box of BOXES) lying.push(...(await readBox(client, account.id, box)));
    return lying;
  } finally {
    await client.command("LOGOUT");
    client.close();
  }
}

async function readBox(client: PlainImap, account: string, box: Box): Promise<Lying[]> {
  const lying: Lying[] = [];
  const opened = await client.command(`EXAMINE ${box}`);
  if (opened.status !== "OK") throw new Error(`${box} of ${account} cannot be read`);
  const count = Number(/\* (\d+) EXISTS/.exec(opened.untagged)?.[1]);
  for (let from = 1; from <= count; from += 100) {
    const reply = await client.command(`FETCH ${from}:${Math.min(count, from + 99)} (UID FLAGS BODY.PEEK[])`);
    if (reply.status !== "OK") throw new Error(`${box} of ${account} cannot be read`);
    lying.push(...rowsIn(reply.untagged, account, box));
  }
  return lying;
}

function rowsIn(text: string, account: string, box: Box): Lying[] {
  const rows: Lying[] = [];
  const head = /\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) BODY\[\] \{(\d+)\}\r\n/y;
  for (let at = 0; at < text.length; ) {
    head.lastIndex = at;
    const found = head.exec(text);
    if (!found) {
      at = text.indexOf("\r\n", at) + 2;
      if (at < 2) break;
      continue;
    }
    const end = head.lastIndex + Number(found[3]);
    const octets = Buffer.from(text.slice(head.lastIndex, end), "latin1");
    const marker = markerIn(/^Subject: (.*)$/m.exec(octets.toString("latin1"))?.[1] ?? "") ?? "";
    const flags = (found[2] ?? "").split(" ").filter((flag) => flag !== "" && flag !== "\\Recent");
    rows.push({ box, uid: Number(found[1]), marker, flags, isWhole: octets.equals(letterFor(account, marker)) });
    at = end;
  }
  return rows;
}
