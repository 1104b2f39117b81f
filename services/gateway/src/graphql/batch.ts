import {
  accountId,
  type ChangeAction,
  changeAction,
  type ChangePreview,
  Failure,
  type Job,
  MOST_IN_JOB,
} from "@postern/protocol";
import { requireAccount } from "../access/index.ts";
import { type ChangeInput, type Flags, given, mailboxOf, payload, type ResultSource, targetsOf } from "./changes.ts";
import type { Context } from "./context.ts";
import { type Input, parse } from "./inputs.ts";
import { filterOf, type GraphqlFilter, invalid } from "./messages.ts";

interface ActionInput {
  flags?: Flags | null;
  move?: string | null;
  copy?: string | null;
  delete?: { permanent?: boolean | null } | null;
}

interface BatchInput extends Omit<ChangeInput, "ids"> {
  ids?: string[] | null;
  filter?: GraphqlFilter | null;
  mailbox?: string | null;
  action: ActionInput;
  dryRun?: boolean | null;
}

interface BatchPayload {
  results: ResultSource[] | null;
  preview: ChangePreview | null;
  job: Job | null;
}

export async function batchMessages(
  _: unknown,
  { input }: Input<BatchInput>,
  { mail, identity, call }: Context,
): Promise<BatchPayload> {
  const { account, ids, ifMatch, mailbox } = input;
  const dryRun = input.dryRun ?? false;
  requireAccount(identity, account, "write");
  if (!ids || dryRun) requireAccount(identity, account, "read");
  if (!accountId.safeParse(account).success) throw new Failure("not-found", { detail: "There is no such account." });
  const filter = filterOf(input.filter);
  const isNamed = ids !== null && ids !== undefined;
  if (isNamed ? Boolean(filter ?? mailbox) : !(filter ?? mailbox))
    throw invalid("input.ids", "goes alone; without it give filter, mailbox or both");
  if (ifMatch && !isNamed) throw invalid("input.ifMatch", "goes with ids, one for each");
  const answer = await mail.batchMessages(
    {
      account,
      ...(isNamed && { messages: targetsOf({ account, ids, ifMatch }, identity, MOST_IN_JOB).messages }),
      ...(filter && { filter }),
      ...(mailbox && { mailbox: mailboxOf(mailbox) }),
      action: actionOf(input.action),
      dryRun,
    },
    call,
  );
  const nothing = { results: null, preview: null, job: null };
  if ("job" in answer) return { ...nothing, job: answer.job };
  if ("preview" in answer) return { ...nothing, preview: answer.preview };
  return { ...nothing, ...payload(account, answer.results) };
}

/** One of them: the schema sees to it. */
function actionOf({ flags, move, copy, delete: deletion }: ActionInput): ChangeAction {
  if (flags) return parse(changeAction, { flags: given(flags) }, "input.action");
  if (move) return { move: mailboxOf(move, "input.action.move") };
  if (copy) return { copy: mailboxOf(copy, "input.action.copy") };
  return { delete: { permanent: deletion?.permanent ?? false } };
}
