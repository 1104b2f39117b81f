import type { MessagePage } from "@postern/protocol";
import { fingerprint } from "../digest.ts";
import type { OpenMailbox } from "../open-mailbox.ts";
import { canonical } from "./question.ts";

/** What tells that nothing in a mailbox has changed. Null: its server has no CONDSTORE, nothing tells. */
export type StateMark = string | null;

export interface MailboxState {
  uidValidity: number;
  uidNext: number | null;
  highestModseq: bigint | null;
  messages: number;
}

export function markOf(mailbox: number, state: MailboxState): StateMark {
  if (state.highestModseq === null || state.uidNext === null) return null;
  return [mailbox, state.uidValidity, state.uidNext, state.highestModseq, state.messages].join(".");
}

export function openMark({ record, state }: OpenMailbox): StateMark {
  return markOf(record.key, state);
}

/** The list's etag before anything is read: from states and question alone. Null where a mailbox's state does not tell. */
export async function stateEtag(question: string, marks: readonly StateMark[]): Promise<string | null> {
  return marks.includes(null) ? null : fingerprint(canonical({ question, marks: marks.toSorted() }));
}

/** The etag of a page whose mailboxes' states do not tell: of what is in it. */
export async function pageEtag(question: string, page: Omit<MessagePage, "etag">): Promise<string> {
  return fingerprint(canonical({ question, page }));
}
