import {
  type BatchOutput,
  type Call,
  type ChangePreview,
  Failure,
  type Input,
  type ListMessagesInput,
  MOST_AT_ONCE,
  MOST_IN_JOB,
  type Target,
} from "@postern/protocol";
import { performer } from "./changes/perform.ts";
import { runChanges } from "./changes/run.ts";
import type { Core } from "./core.ts";
import { getMessages } from "./get-messages.ts";
import { listMessages } from "./list-messages.ts";
import { accountRef } from "./open-mailbox.ts";

const SAMPLE = 10;
const PAGE = 200;

/** One action on many messages: at once, or as a job where they are too many for one request. */
export async function batchMessages(core: Core, input: Input<"batchMessages">, call: Call): Promise<BatchOutput> {
  const { action, dryRun } = input;
  const account = await accountRef(core, input.account);
  const perform = await performer(core, account, action, call);
  const messages = input.messages ?? (await matching(core, input, call));
  if (dryRun) return { preview: await preview(core, input.account, messages, input.messages !== undefined, call) };
  if (messages.length > MOST_AT_ONCE) return { job: await core.jobs.start(account, action, messages, call) };
  return runChanges(core, { account, messages, call }, perform);
}

/** All that match now, newest first. Who comes later is not among them. */
export async function matching(
  core: Core,
  { account, filter, mailbox }: Pick<Input<"batchMessages">, "account" | "filter" | "mailbox">,
  call: Call,
): Promise<Target[]> {
  const messages = new Map<string, Target>();
  const question: ListMessagesInput = { account, filter, mailbox, limit: PAGE, fields: ["id"] };
  for (let cursor: string | undefined; ; ) {
    const page = await listMessages(core, { ...question, ...(cursor !== undefined && { cursor }) }, call);
    if (page.notModified) throw new Failure("internal", { cause: new Error("not modified, though no etag was sent") });
    for (const { id } of page.items) messages.set(id, { id });
    if (messages.size > MOST_IN_JOB) throw tooMany();
    if (page.nextCursor === null) return [...messages.values()];
    cursor = page.nextCursor;
  }
}

function tooMany(): Failure {
  return new Failure("query-too-costly", {
    detail: `More than ${MOST_IN_JOB} messages match. Narrow the filter.`,
    outcome: "none",
  });
}

async function preview(
  core: Core,
  account: string,
  messages: readonly Target[],
  isNamed: boolean,
  call: Call,
): Promise<ChangePreview> {
  let count = isNamed ? 0 : messages.length;
  const sample: ChangePreview["sample"] = [];
  const looked = isNamed ? messages : messages.slice(0, SAMPLE);
  for (let at = 0; at < looked.length; at += MOST_AT_ONCE) {
    const ids = looked.slice(at, at + MOST_AT_ONCE).map(({ id }) => id);
    const { results } = await getMessages(core, { account, ids, fields: ["id", "mailboxId"] }, call);
    for (const result of results) {
      if (!("message" in result)) continue;
      if (isNamed) count += 1;
      const { id, mailboxId = "" } = result.message;
      if (sample.length < SAMPLE) sample.push({ id, mailboxId });
    }
  }
  return { count, sample };
}
