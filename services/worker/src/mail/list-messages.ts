import { type Call, type ListMessagesInput, type ListMessagesOutput, noteProof, TextMemory } from "@postern/protocol";
import type { Core } from "./core.ts";
import { unpackCursor } from "./list/cursor.ts";
import { parseFilter } from "./list/filter-tree.ts";
import { listAll } from "./list/several.ts";
import type { ListRequest } from "./list/request.ts";
import { listOne } from "./list/single.ts";
import { listQuestion, pageQuestion } from "./list/question.ts";
import { resolveMailbox } from "./mailboxes/resolve.ts";
import type { AccountRef } from "./mailboxes/registry.ts";
import { accountRef } from "./open-mailbox.ts";
import { needsOf } from "./rows/needs.ts";

/**
 * A page of messages of one mailbox or of all, and the cursors that lead on from it. A cursor is a place, not a number:
 * what came or went since it was given makes nothing appear twice or be left out.
 */
export async function listMessages(core: Core, input: ListMessagesInput, call: Call): Promise<ListMessagesOutput> {
  const account = await accountRef(core, input.account);
  const mailbox = input.mailbox === undefined ? null : await resolveMailbox(core, account, input.mailbox, call);
  const text = `${account.key} ${mailbox} ${JSON.stringify(input)}`;
  let asked = understood.get(text);
  if (!asked) understood.keep(text, (asked = await understand(account, mailbox, input)));
  const request: ListRequest = { ...asked, account, call };
  const stale = staleAnswer(core, request, input.maxStaleMs);
  if (stale) return stale;
  return mailbox === null ? listAll(core, request) : listOne(core, request, mailbox);
}

/** What was asked before: whoever follows a mailbox asks the same again and again. */
const understood = new TextMemory<Asked>();

type Asked = Omit<ListRequest, "account" | "call">;

async function understand(account: AccountRef, mailbox: number | null, input: ListMessagesInput): Promise<Asked> {
  const question = listQuestion(account, mailbox, input);
  return {
    question,
    filter: input.filter ? parseFilter(input.filter) : null,
    sort: input.sort ?? null,
    span: { limit: input.limit, direction: input.direction ?? "forward" },
    cursor: input.cursor === undefined ? null : await unpackCursor(question, input.cursor),
    pageQuestion: pageQuestion(question, input),
    ifNoneMatch: new Set(input.ifNoneMatch),
    fields: input.fields,
    needs: needsOf(input.fields),
    itemCursors: input.itemCursors ?? false,
  };
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
