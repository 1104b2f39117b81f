import { type Call, type EmptyOutput, Failure, type Input, MOST_AT_ONCE } from "@postern/protocol";
import { matching } from "./batch-messages.ts";
import { runChanges } from "./changes/run.ts";
import type { Core } from "./core.ts";
import { deletion } from "./delete-messages.ts";
import { resolveMailbox } from "./mailboxes/resolve.ts";
import { accountRef, noSuchMailbox } from "./open-mailbox.ts";

/** Deletes for good all that is in Trash or Junk when it begins. */
export async function emptyMailbox(core: Core, input: Input<"emptyMailbox">, call: Call): Promise<EmptyOutput> {
  const account = await accountRef(core, input.account);
  const key = await resolveMailbox(core, account, input.mailbox, call);
  const record = await core.registry.find(account, key);
  const { roles } = await core.listings.current(account, "none", call);
  const role = record && roles.get(record.path);
  if (!record) throw noSuchMailbox();
  if (role !== "trash" && role !== "junk") {
    throw new Failure("not-possible", { detail: "Only Trash and Junk can be emptied.", outcome: "none" });
  }
  const messages = await matching(core, input, call);
  const action = { delete: { permanent: true } };
  if (messages.length > MOST_AT_ONCE) return { job: await core.jobs.start(account, action, messages, call) };
  const { results } = await runChanges(core, { account, messages, call }, deletion(core, true));
  const deleted = results.filter(({ ok }) => ok).length;
  // What others deleted meanwhile is gone as well.
  const failed = results.find((each) => !each.ok && each.failure.code !== "message-gone");
  if (!failed || failed.ok) return { deleted };
  const failure = Failure.fromJSON(failed.failure);
  if (deleted === 0) throw failure;
  throw new Failure("partly-done", {
    detail: `${deleted} of ${messages.length} messages were deleted. ${failure.detail ?? failure.title}`,
    ...(failure.upstream && { upstream: failure.upstream }),
    outcome: "unknown",
  });
}
