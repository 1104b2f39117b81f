import { fingerprint } from "../../digest.ts";
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

/** The list's etag before anything is read: from states and question alone. */
export function stateEtag(question: string, marks: readonly string[]): Promise<string> {
  return fingerprint(canonical({ question, marks: marks.toSorted() }));
}
