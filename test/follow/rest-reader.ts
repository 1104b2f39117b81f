import { request } from "undici";
import { type Contents, contentsOf, type Item } from "./replica.ts";
import type { Where } from "./readers.ts";

interface Changes {
  created: string[];
  updated: string[];
  destroyed: string[];
  newState: string;
  hasMore: boolean;
}

type Result = Item | { problem: { code: string } };

const AGAIN_MS = 100;
/** Whoever is frozen is not waited for: another one may answer. */
const PATIENCE_MS = 10_000;
/** No more than this in one answer, so that there are several. */
const LIMIT = 37;

/** Asks until it is answered: those who serve come and go. */
export async function insist<T>({ url, token }: Where, path: string, body?: unknown): Promise<T> {
  for (;;) {
    const answer = await request(url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      reset: true,
      headersTimeout: PATIENCE_MS,
    }).catch(() => null);
    const text = await answer?.body.text().catch(() => null);
    if (answer && text != null && answer.statusCode < 300) return JSON.parse(text) as T;
    if (answer && answer.statusCode < 500) throw new Error(`${path}: ${answer.statusCode} ${text}`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** What somebody has who was away since a state, and asks what has become of which messages. */
export async function contentsByChanges(where: Where, since: string, before: readonly Item[]): Promise<Contents> {
  const path = `/v1/accounts/${where.account}`;
  const ids = new Map(before.map((item) => [item.id, item]));
  const touched = new Set<string>();
  for (let state = since; ; ) {
    const changes = await insist<Changes>(where, `${path}/changes?since=${state}&limit=${LIMIT}`);
    for (const id of [...changes.created, ...changes.updated]) touched.add(id);
    for (const id of changes.destroyed) {
      touched.delete(id);
      ids.delete(id);
    }
    if (!changes.hasMore) break;
    if (changes.newState === state) throw new Error(`${state} leads nowhere`);
    state = changes.newState;
  }
  const wanted = [...touched];
  for (let at = 0; at < wanted.length; at += 100) {
    const asked = { ids: wanted.slice(at, at + 100), fields: ["id", "mailboxId", "flags", "subject"] };
    const { items } = await insist<{ items: Result[] }>(where, `${path}/messages/get`, asked);
    for (const item of items) {
      if ("problem" in item) throw new Error(`a message that changed is not there: ${JSON.stringify(item)}`);
      ids.set(item.id, item);
    }
  }
  return contentsOf(await mailboxesOf(where), [...ids.values()]);
}

export async function mailboxesOf(where: Where): Promise<{ id: string; path: string }[]> {
  const path = `/v1/accounts/${where.account}/mailboxes`;
  return (await insist<{ items: { id: string; path: string }[] }>(where, path)).items;
}

/** All of an account's messages, page by page. */
export async function messagesOf(where: Where): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor = ""; ; ) {
    const path = `/v1/accounts/${where.account}/messages?fields=mailboxId,flags,subject&limit=200${cursor}`;
    const page = await insist<{ items: Item[]; nextCursor: string | null }>(where, path);
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    cursor = `&cursor=${page.nextCursor}`;
  }
}
