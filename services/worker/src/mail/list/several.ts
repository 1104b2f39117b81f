import { type Call, isFailure, type ListMessagesOutput } from "@postern/protocol";
import type { MailboxRecord } from "@postern/store";
import type { Core } from "../core.ts";
import { isSelectable } from "../mailboxes/tree.ts";
import { type OpenMailbox, openMailbox } from "../open-mailbox.ts";
import { readMessagesJson } from "../rows/read-messages.ts";
import { inParallel } from "./in-parallel.ts";
import { merge, type MergedItem } from "./merge.ts";
import { orderOf } from "./order.ts";
import { tooCostly } from "./query.ts";
import { type ListRequest, packPage, type Page, pageAsRead } from "./request.ts";
import type { Strand } from "./strand.ts";
import { refuseStandstill, strandOf } from "./single.ts";
import { markOf, type StateMark } from "./states.ts";

/** Mailboxes that one request visits. */
const MOST_MAILBOXES = 1_000;

/** A page of all selectable mailboxes: each is asked for what it has to give, and the best of all make the page. */
export async function listAll(core: Core, request: ListRequest): Promise<ListMessagesOutput> {
  const { filled, marks, asOf } = await mailboxesToVisit(core, request);
  if (filled.length > MOST_MAILBOXES) {
    throw tooCostly(`A list over all mailboxes visits at most ${MOST_MAILBOXES} of them; here are ${filled.length}.`);
  }
  const read = (): Promise<Page> => readAllMailboxes(core, request, filled);
  if (marks === null) return pageAsRead(request, await read());
  const { pageQuestion: question, ifNoneMatch } = request;
  return core.answers.serve({ question, marks, asOf, ifNoneMatch }, read);
}

async function readAllMailboxes(core: Core, request: ListRequest, filled: readonly MailboxRecord[]): Promise<Page> {
  const order = orderOf(request.sort ?? "-receivedAt");
  const visits = await inParallel(filled, ({ key }) =>
    visit(core, request, key, (open) => strandOf(core, request, open, order, filled.length)),
  );
  const strands = visits.flatMap((strand) => strand ?? []);
  const merged = merge(strands, order, request.span);
  refuseStandstill(request, merged.items.length === 0 && merged.hasPrevious);
  const messages = await readAll(core, request, merged.items, strands);
  const items = merged.items.flatMap(({ mailbox, uid, cursor }) => {
    const json = messages.get(mailbox)?.get(uid);
    return json ? [{ json, cursor }] : [];
  });
  return packPage(request, { ...merged, items, end: merged.end ?? request.cursor });
}

/** Mailboxes that may have messages, and the marks of all where the counters that came with the list tell them. */
async function mailboxesToVisit(
  core: Core,
  { account, call }: ListRequest,
): Promise<{ filled: MailboxRecord[]; marks: string[] | null; asOf: number }> {
  const { listed, records, asOf } = await core.listings.current(account, "offered", call);
  const filled: MailboxRecord[] = [];
  const marks: StateMark[] = [];
  for (const mailbox of listed) {
    const record = records.get(mailbox.path);
    if (!record || !isSelectable(mailbox)) continue;
    marks.push(mailbox.status && markOf(record.key, mailbox.status));
    if (mailbox.status?.messages !== 0) filled.push(record);
  }
  return { filled, marks: marks.every((mark) => mark !== null) ? marks : null, asOf };
}

/** Undefined for a mailbox that is gone since it was listed, or that the user may see but not read. */
async function visit<T>(
  core: Core,
  { account, call }: Pick<ListRequest, "account"> & { call: Call },
  mailbox: number,
  work: (open: OpenMailbox) => Promise<T>,
): Promise<T | undefined> {
  let opened = false;
  try {
    return await openMailbox(core, { account, mailbox, lane: "interactive", call }, (open) => {
      opened = true;
      return work(open);
    });
  } catch (error) {
    if (!opened && (isFailure(error, "not-found") || isDenied(error))) return undefined;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return isFailure(error, "upstream-refused") && error.upstream?.code === "NOPERM";
}

async function readAll(
  core: Core,
  request: ListRequest,
  items: readonly MergedItem[],
  strands: readonly Strand[],
): Promise<Map<number, Map<number, string>>> {
  const byMailbox = Map.groupBy(items, ({ mailbox }) => mailbox);
  const read = await inParallel([...byMailbox], async ([mailbox, wanted]) => {
    const uidValidity = strands.find((strand) => strand.mailbox === mailbox)?.uidValidity;
    const uids = wanted.map(({ uid }) => uid);
    const { account, call } = request;
    const messages = await visit(core, { account, call }, mailbox, (open) =>
      open.state.uidValidity === uidValidity
        ? readMessagesJson(core.facts, open, uids, request)
        : Promise.resolve(null),
    );
    return [mailbox, messages ?? new Map<number, string>()] as const;
  });
  return new Map(read);
}
