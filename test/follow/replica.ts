import assert from "node:assert/strict";

/** An event, whichever way it came. */
export interface Told {
  id: string;
  type: string;
  message?: { id: string; mailboxId: string; flags?: string[]; subject?: string | null } | null;
  mailbox?: { id: string; path: string } | null;
  previous?: { flags?: string[] | null; mailboxId?: string | null; path?: string | null } | null;
}

export interface Item {
  id: string;
  mailboxId: string;
  flags: string[];
  subject: string | null;
}

/** What there is, by paths of mailboxes: each message as its subject and flags, sorted. */
export type Contents = Record<string, string[]>;

/** An account's mail as somebody knows it who listed it once and then heard of its changes alone. */
export class Replica {
  /** The latest event's id. */
  at: string;
  private readonly mailboxes = new Map<string, string>();
  private readonly messages = new Map<string, Item>();
  private readonly seen = new Map<string, string>();

  constructor(at: string, mailboxes: readonly { id: string; path: string }[], messages: readonly Item[]) {
    this.at = at;
    for (const { id, path } of mailboxes) this.mailboxes.set(id, path);
    for (const message of messages) this.messages.set(message.id, message);
  }

  /** Throws where it does not follow from what was told before. */
  take(event: Told): void {
    const content = JSON.stringify([event.type, event.message, event.mailbox, event.previous]);
    const before = this.seen.get(event.id);
    if (before !== undefined) return assert.equal(content, before, `two events have the id ${event.id}`);
    this.seen.set(event.id, content);
    this.at = event.id;
    if (event.mailbox) this.takeMailbox(event, event.mailbox);
    if (event.message) this.takeMessage(event, event.message);
  }

  private takeMailbox({ id: event, type, previous }: Told, { id, path }: { id: string; path: string }): void {
    const known = this.mailboxes.get(id);
    assert.equal(known === undefined, /created$/i.test(type), `${event}: ${type} of ${path}`);
    if (/renamed$/i.test(type)) assert.equal(known, previous?.path, `${event}: the path before`);
    if (/deleted$/i.test(type)) this.mailboxes.delete(id);
    else this.mailboxes.set(id, path);
  }

  private takeMessage({ id: event, type, previous }: Told, message: NonNullable<Told["message"]>): void {
    const known = this.messages.get(message.id);
    const { id, mailboxId, flags = [] } = message;
    const what = `${event}: ${type} of ${id}`;
    assert.equal(known === undefined, /created$/i.test(type), what);
    if (/deleted$/i.test(type)) {
      assert.equal(known?.mailboxId, mailboxId, what);
      return void this.messages.delete(id);
    }
    if (known) {
      assert.deepEqual(previous?.flags?.toSorted(), known.flags.toSorted(), `${what}: the flags before`);
      if (/moved$/i.test(type)) assert.equal(previous?.mailboxId, known.mailboxId, `${what}: the mailbox before`);
    }
    this.messages.set(id, { id, mailboxId, flags, subject: known?.subject ?? message.subject ?? null });
  }

  places(): Record<string, string> {
    return placesOf(this.messages.values());
  }

  contents(): Contents {
    return contentsOf(
      [...this.mailboxes].map(([id, path]) => ({ id, path })),
      [...this.messages.values()],
    );
  }
}

/** Where each message is, by id. */
export function placesOf(messages: Iterable<Item>): Record<string, string> {
  const places = [...messages].map(({ id, mailboxId, subject }): [string, string] => [id, `${mailboxId} ${subject}`]);
  return Object.fromEntries(places.sort());
}

export function contentsOf(mailboxes: readonly { id: string; path: string }[], messages: readonly Item[]): Contents {
  const paths = new Map(mailboxes.map(({ id, path }) => [id, path]));
  const contents: Contents = Object.fromEntries([...paths.values()].sort().map((path) => [path, []]));
  for (const { id, mailboxId, flags, subject } of messages) {
    const path = paths.get(mailboxId);
    assert.ok(path !== undefined, `${id} is in a mailbox that is not known`);
    contents[path]?.push(lineOf(subject, flags));
  }
  for (const lines of Object.values(contents)) lines.sort();
  return contents;
}

export function lineOf(subject: string | null, flags: Iterable<string>): string {
  return [subject, ...[...flags].filter((flag) => flag !== "\\Recent").sort()].join(" ");
}
