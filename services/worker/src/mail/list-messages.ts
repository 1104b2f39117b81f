import {
  type Call,
  type ListMessagesInput,
  type ListMessagesOutput,
  type MessageFilter,
  noteProof,
  TextMemory,
} from "@postern/protocol";
import type { Core } from "./core.ts";
import { unpackCursor } from "./list/cursor.ts";
import { type MembersOf, parseFilter, threadsIn } from "./list/filter-tree.ts";
import { listAll } from "./list/several.ts";
import type { ListRequest } from "./list/request.ts";
import { listOne } from "./list/single.ts";
import { listQuestion, pageQuestion } from "./list/question.ts";
import { tooCostly } from "./list/query.ts";
import { resolveMailbox } from "./mailboxes/resolve.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { accountRef } from "./open-mailbox.ts";
import { steadily } from "./places/steadily.ts";
import { needsOf } from "./rows/needs.ts";

const MOST_THREADS = 20;

/**
 * A page of messages of one mailbox or of all, and the cursors that lead on from it. A cursor is a place, not a number:
 * what came or went since it was given makes nothing appear twice or be left out.
 */
export async function listMessages(core: Core, input: ListMessagesInput, call: Call): Promise<ListMessagesOutput> {
  const account = await accountRef(core, input.account);
  const mailbox = input.mailbox === undefined ? null : await resolveMailbox(core, account, input.mailbox, call);
  const threads = input.filter ? await threadsOf(core, account, input.filter, call) : noThreads;
  const text = `${account.key} ${mailbox} ${textOf(input)}${spelled(threads)}`;
  let asked = understood.get(text);
  if (!asked) understood.keep(text, (asked = await understand(account, mailbox, input, threads)));
  const request: ListRequest = {
    ...asked,
    account,
    threads: core.threadIds,
    accounts: core.accounts,
    workshop: core.workshop,
    call,
  };
  const stale = staleAnswer(core, request, input.maxStaleMs);
  if (stale) return stale;
  return steadily(core, account, mailbox, call, () =>
    mailbox === null ? listAll(core, request) : listOne(core, request, mailbox),
  );
}

const noThreads: MembersOf = new Map();
const texts = new WeakMap<ListMessagesInput, string>();

/** A face gives the same object for the same question. */
function textOf(input: ListMessagesInput): string {
  let text = texts.get(input);
  if (text === undefined) texts.set(input, (text = JSON.stringify(input)));
  return text;
}

/** What was asked before: whoever follows a mailbox asks the same again and again. */
const understood = new TextMemory<Asked>();

type Asked = Omit<ListRequest, "account" | "threads" | "accounts" | "workshop" | "call">;

async function understand(
  account: AccountRef,
  mailbox: number | null,
  input: ListMessagesInput,
  threads: MembersOf,
): Promise<Asked> {
  const question = listQuestion(account, mailbox, input);
  return {
    question,
    filter: input.filter ? parseFilter(input.filter, threads) : null,
    sort: input.sort ?? null,
    span: { limit: input.limit, direction: input.direction ?? "forward" },
    cursor: input.cursor === undefined ? null : await unpackCursor(question, input.cursor),
    // Which messages a thread has, no mailbox's state tells.
    pageQuestion: pageQuestion(question, input) + spelled(threads),
    ifNoneMatch: new Set(input.ifNoneMatch),
    fields: input.fields,
    needs: needsOf(input.fields),
    itemCursors: input.itemCursors ?? false,
  };
}

/** What the threads have that the filter names. */
async function threadsOf(core: Core, account: AccountRef, filter: MessageFilter, call: Call): Promise<MembersOf> {
  const ids = threadsIn(filter);
  if (ids.length > MOST_THREADS) throw tooCostly(`A filter may name at most ${MOST_THREADS} threads.`);
  const found = ids.map(async (id) => [id, await core.threads.members(core, account, id, call)] as const);
  return new Map(await Promise.all(found));
}

function spelled(threads: MembersOf): string {
  if (threads.size === 0) return "";
  const places = [...threads.values()].flatMap(({ byMailbox }) =>
    [...byMailbox].map(([mailbox, { uidValidity, members }]) => [mailbox, uidValidity, ...members.keys()]),
  );
  return places.length === 0 ? "" : JSON.stringify(places);
}

/** What is at hand, where the caller takes what was true a while ago. */
function staleAnswer(core: Core, request: ListRequest, maxStaleMs: number | undefined): ListMessagesOutput | null {
  const { pageQuestion, ifNoneMatch, call } = request;
  const known = maxStaleMs === undefined ? null : core.answers.latest(pageQuestion);
  if (!known || known.asOf < Date.now() - (maxStaleMs ?? 0)) return null;
  call.report.stale = true;
  noteProof(call.report, known.asOf);
  const { etag } = known.page;
  return ifNoneMatch.has(etag) ? { notModified: true, etag } : known.page;
}
