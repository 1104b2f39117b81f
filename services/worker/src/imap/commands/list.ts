import { isFailure } from "@postern/protocol";
import type { Connection } from "../connection.ts";
import { decodeMailboxName, encodeMailboxName } from "../encode.ts";
import { type MailboxNames, writtenName } from "../names.ts";
import { type DataResponse, listOf, octetsOf } from "../response.ts";
import type { Abilities, ListedMailbox } from "../session.ts";
import { readStatus, status, statusItems } from "./status.ts";

export interface ListOptions {
  counters: boolean;
  /** Of other users and shared ones (RFC 2342), as octets: some servers leave them out of `*`. */
  prefixes: readonly string[];
}

/**
 * All mailboxes that the user can see, with what LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154) and LIST-STATUS
 * (RFC 5819) save in round trips where offered.
 */
export async function list(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  options: ListOptions,
): Promise<ListedMailbox[]> {
  const found = new Listing(names);
  const extended = abilities.listExtended && (await listExtended(connection, abilities, options, found));
  if (!extended) await listPlain(connection, options, found);
  const mailboxes = found.mailboxes();
  if (options.counters && !(extended && abilities.listStatus)) {
    await addCounters(connection, abilities, names, mailboxes);
  }
  return mailboxes;
}

/** False: the server does not understand what it offers. */
async function listExtended(
  connection: Connection,
  abilities: Abilities,
  { counters, prefixes }: ListOptions,
  found: Listing,
): Promise<boolean> {
  const wanted = [
    "SUBSCRIBED",
    "CHILDREN",
    ...(abilities.specialUse ? ["SPECIAL-USE"] : []),
    ...(counters && abilities.listStatus ? [`STATUS (${statusItems(abilities)})`] : []),
  ];
  try {
    for (const pattern of patterns(prefixes)) {
      const onData = found.reader();
      const parts = ['LIST "" ', writtenName(pattern), ` RETURN (${wanted.join(" ")})`];
      await connection.run({ name: "LIST", parts, onData });
    }
    return true;
  } catch (error) {
    if (isFailure(error) && error.upstream !== undefined && connection.usable) return false;
    throw error;
  }
}

async function listPlain(connection: Connection, { prefixes }: ListOptions, found: Listing): Promise<void> {
  for (const command of ["LIST", "LSUB"]) {
    for (const pattern of patterns(prefixes)) {
      const parts = [`${command} "" `, writtenName(pattern)];
      await connection.run({ name: command, parts, onData: found.reader() });
    }
  }
}

function patterns(prefixes: readonly string[]): string[] {
  return ["*", ...prefixes.map((prefix) => `${prefix}*`)];
}

/** What has been listed so far, each mailbox once. */
class Listing {
  private readonly names: MailboxNames;
  private readonly found = new Map<string, ListedMailbox>();
  private readonly statuses = new Map<string, ListedMailbox["status"]>();

  constructor(names: MailboxNames) {
    this.names = names;
  }

  reader(): (response: DataResponse) => void {
    const asOf = Date.now();
    return (response) => {
      if (response.name === "LIST") this.add(response);
      if (response.name === "LSUB") this.markSubscribed(response);
      if (response.name === "STATUS") {
        this.statuses.set(pathOf(octetsOf(response.values[0]) ?? ""), readStatus(response, asOf));
      }
    };
  }

  mailboxes(): ListedMailbox[] {
    for (const mailbox of this.found.values()) mailbox.status = this.statuses.get(mailbox.path) ?? null;
    return [...this.found.values()];
  }

  private add({ values: [attributeList, delimiter, name] }: DataResponse): void {
    const octets = octetsOf(name);
    if (octets === null || octets === "") return;
    const path = pathOf(octets);
    // Two names that read the same: the one that is written as it should be is kept.
    if (this.found.has(path) && octets !== encodeMailboxName(path)) return;
    this.names.learn(path, octets);
    const attributes = listOf(attributeList).flatMap((value) => octetsOf(value) ?? []);
    const subscribed = attributes.some((attribute) => attribute.toLowerCase() === "\\subscribed");
    this.found.set(path, { path, delimiter: octetsOf(delimiter), attributes, subscribed, status: null });
  }

  private markSubscribed(response: DataResponse): void {
    const octets = octetsOf(response.values[2]);
    const listed = octets === null ? undefined : this.found.get(pathOf(octets));
    if (listed) listed.subscribed = true;
  }
}

/** INBOX is one mailbox however it is spelled (RFC 9051 section 5.1). */
function pathOf(octets: string): string {
  const path = decodeMailboxName(octets);
  return path.toUpperCase() === "INBOX" ? "INBOX" : path;
}

async function addCounters(
  connection: Connection,
  abilities: Abilities,
  names: MailboxNames,
  mailboxes: ListedMailbox[],
): Promise<void> {
  for (const mailbox of mailboxes) {
    if (!isSelectable(mailbox)) continue;
    // One mailbox that cannot be looked into must not hide the others.
    mailbox.status = await status(connection, abilities, names, mailbox.path).catch((error: unknown) => {
      if (connection.usable) return null;
      throw error;
    });
  }
}

function isSelectable(mailbox: ListedMailbox): boolean {
  return !mailbox.attributes.some((attribute) => /^\\(noselect|nonexistent)$/i.test(attribute));
}
