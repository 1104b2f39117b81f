import assert from "node:assert/strict";
import type { ChangeResult, Message } from "@postern/protocol";
import { type CoreOver, newCall } from "./core-house.ts";
import { letter, type RawClient } from "./raw-client.ts";

/** For tests: messages with subjects `1`, `2` … in a mailbox, by another client. */
export async function deliver(client: RawClient, mailbox: string, count: number, flags: string[] = []): Promise<void> {
  const letters = Array.from({ length: count }, (_, at) => {
    const headers = [`Message-ID: <${crypto.randomUUID()}@example.org>`];
    return letter({ subject: `${at + 1}`, headers }, { flags });
  });
  await client.append(mailbox, letters);
}

/** A mailbox's id by its path. */
export async function boxId(over: CoreOver, account: string, path: string): Promise<string> {
  const { items } = await over.core.listMailboxes({ account }, newCall());
  return items.find((each) => each.path === path)?.id ?? assert.fail(`no ${path}`);
}

/** The messages of a mailbox, oldest first. */
export async function listed(over: CoreOver, account: string, mailbox: string): Promise<Message[]> {
  const fields = ["id" as const, "subject" as const, "flags" as const, "etag" as const];
  const page = await over.core.listMessages({ account, mailbox, limit: 200, fields }, newCall());
  assert.ok(!page.notModified);
  return page.items.toReversed();
}

export async function idsIn(over: CoreOver, account: string, mailbox: string): Promise<string[]> {
  return (await listed(over, account, mailbox)).map(({ id }) => id);
}

export const targets = (ids: readonly string[]): { id: string }[] => ids.map((id) => ({ id }));

/** `ok`, or the failure's code and outcome. */
export const outcomes = (results: readonly ChangeResult[]): string[] =>
  results.map((each) => (each.ok ? "ok" : `${each.failure.code} ${each.failure.outcome}`));

/** What another client sees in a mailbox: each message's subject and flags, in order. */
export async function seen(client: RawClient, mailbox: string): Promise<string[]> {
  await client.command(`EXAMINE "${mailbox}"`);
  const text = await client.command("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").catch((error: unknown) => {
    if (/No messages|Invalid messageset/i.test(String(error))) return "";
    throw error;
  });
  const rows = text.matchAll(/FETCH \([^]*?FLAGS \(([^)]*)\)[^]*?Subject: ([^\r]*)/g);
  return [...rows].map(([, flags = "", subject = ""]) =>
    [subject, ...flags.split(" ").filter((flag) => flag !== "" && flag !== "\\Recent")].join(" "),
  );
}
