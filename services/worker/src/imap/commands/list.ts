import type { Connection } from "../connection.ts";
import { decodeMailboxName } from "../encode.ts";
import { type DataResponse, listOf, octetsOf } from "../response.ts";
import type { Abilities, ListedMailbox } from "../session.ts";
import { statusItems, readStatus, status } from "./status.ts";

/**
 * All mailboxes that the user can see, with what LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154) and LIST-STATUS
 * (RFC 5819) save in round trips where offered.
 */
export async function list(
  connection: Connection,
  abilities: Abilities,
  options: { counters: boolean },
): Promise<ListedMailbox[]> {
  const mailboxes = abilities.listExtended
    ? await listExtended(connection, abilities, options.counters)
    : await listPlain(connection);
  if (options.counters && !abilities.listStatus) await addCounters(connection, abilities, mailboxes);
  return mailboxes;
}

async function listExtended(connection: Connection, abilities: Abilities, counters: boolean): Promise<ListedMailbox[]> {
  const found = new Map<string, ListedMailbox>();
  const asOf = Date.now();
  const wanted = [
    "SUBSCRIBED",
    "CHILDREN",
    ...(abilities.specialUse ? ["SPECIAL-USE"] : []),
    ...(counters && abilities.listStatus ? [`STATUS (${statusItems(abilities)})`] : []),
  ];
  await connection.run({
    name: "LIST",
    parts: [`LIST "" "*" RETURN (${wanted.join(" ")})`],
    onData: (response) => {
      if (response.name === "LIST") add(found, response, false);
      if (response.name === "STATUS") {
        const listed = found.get(decodeMailboxName(octetsOf(response.values[0]) ?? ""));
        if (listed) listed.status = readStatus(response, asOf);
      }
    },
  });
  return [...found.values()];
}

async function listPlain(connection: Connection): Promise<ListedMailbox[]> {
  const found = new Map<string, ListedMailbox>();
  const onData = (response: DataResponse): void => {
    if (response.name === "LIST") add(found, response, false);
    if (response.name === "LSUB") markSubscribed(found, response);
  };
  await connection.run({ name: "LIST", parts: ['LIST "" "*"'], onData });
  await connection.run({ name: "LSUB", parts: ['LSUB "" "*"'], onData });
  return [...found.values()];
}

function add(found: Map<string, ListedMailbox>, response: DataResponse, subscribed: boolean): void {
  const [attributeList, delimiter, name] = response.values;
  const octets = octetsOf(name);
  if (octets === null || octets === "") return;
  const path = normalize(decodeMailboxName(octets));
  const attributes = listOf(attributeList).flatMap((value) => octetsOf(value) ?? []);
  const isSubscribed = subscribed || attributes.some((attribute) => attribute.toLowerCase() === "\\subscribed");
  found.set(path, { path, delimiter: octetsOf(delimiter), attributes, subscribed: isSubscribed, status: null });
}

function markSubscribed(found: Map<string, ListedMailbox>, response: DataResponse): void {
  const octets = octetsOf(response.values[2]);
  const listed = octets === null ? undefined : found.get(normalize(decodeMailboxName(octets)));
  if (listed) listed.subscribed = true;
}

/** INBOX is one mailbox however it is spelled (RFC 9051 section 5.1). */
function normalize(path: string): string {
  return path.toUpperCase() === "INBOX" ? "INBOX" : path;
}

async function addCounters(connection: Connection, abilities: Abilities, mailboxes: ListedMailbox[]): Promise<void> {
  for (const mailbox of mailboxes) {
    if (!isSelectable(mailbox)) continue;
    // One mailbox that cannot be looked into must not hide the others.
    mailbox.status = await status(connection, abilities, mailbox.path).catch((error: unknown) => {
      if (connection.usable) return null;
      throw error;
    });
  }
}

function isSelectable(mailbox: ListedMailbox): boolean {
  return !mailbox.attributes.some((attribute) => /^\\(noselect|nonexistent)$/i.test(attribute));
}
