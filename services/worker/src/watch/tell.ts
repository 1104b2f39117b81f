import { type Call, type Message, type MessageField, type NewEvent, packMailboxId } from "@postern/protocol";
import type { Core } from "../mail/core.ts";
import { insideName } from "../mail/causes.ts";
import { getMessages } from "../mail/get-messages.ts";
import type { AccountRef } from "../mail/mailboxes/registry.ts";
import type { Namer } from "./namer.ts";
import type { At, Before, Change } from "./reconcile.ts";
import { flagsIn } from "./seen.ts";

const SUMMARY: MessageField[] = ["id", "subject", "from", "receivedAt"];
/** Of more that come at once no text is read: nobody looks at a notification for each. */
const MOST_SNIPPETS = 50;
const AT_ONCE = 200;

/** Events for what became of messages, with enough of new ones to show a notification. */
export async function tell(
  core: Core,
  account: AccountRef,
  namer: Namer,
  changes: readonly Change[],
  call: Call,
): Promise<NewEvent[]> {
  const come = changes.flatMap(({ before, after }) => (after && !before ? [namer.idOf(after)] : []));
  const summaries = await summariesOf(core, account, come, call);
  const time = new Date().toISOString();
  return changes.flatMap((change) =>
    eventOf(account, namer, change, { time, summaries, causeOf: (id) => core.causes.of(account.id, id) }),
  );
}

async function summariesOf(
  core: Core,
  { id: account }: AccountRef,
  ids: readonly string[],
  call: Call,
): Promise<Map<string, Message>> {
  const found = new Map<string, Message>();
  const fields: MessageField[] = ids.length > MOST_SNIPPETS ? SUMMARY : [...SUMMARY, "snippet"];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const { results } = await getMessages(core, { account, ids: ids.slice(at, at + AT_ONCE), fields }, call);
    for (const result of results) if ("message" in result) found.set(result.message.id, result.message);
  }
  return found;
}

interface Telling {
  time: string;
  summaries: ReadonlyMap<string, Message>;
  causeOf: (name: string) => NewEvent["cause"];
}

function eventOf(account: AccountRef, namer: Namer, { before, after }: Change, telling: Telling): NewEvent[] {
  const { time } = telling;
  const at = after ?? before;
  if (!at) return [];
  const id = namer.idOf(at);
  const mailboxOf = ({ mailbox }: Before): string => packMailboxId({ accountKey: account.key, mailboxKey: mailbox });
  const hasLeft = before !== null && before.mailbox !== after?.mailbox;
  const common = {
    time,
    cause: telling.causeOf(id) ?? (hasLeft ? telling.causeOf(insideName(mailboxOf(before))) : null),
  };
  if (!after) return [{ ...common, type: "message.deleted", message: { id, mailboxId: mailboxOf(at) } }];
  const message = { id, mailboxId: mailboxOf(after), flags: flagsIn(after.message.flags) };
  if (!before) {
    const { subject = null, from = [], receivedAt = null, snippet = null } = telling.summaries.get(id) ?? {};
    return [{ ...common, type: "message.created", message: { ...message, subject, from, receivedAt, snippet } }];
  }
  const flags = before.message.flags === null ? null : flagsIn(before.message.flags);
  if (before.mailbox !== after.mailbox)
    return [{ ...common, type: "message.moved", message, previous: { mailboxId: mailboxOf(before), flags } }];
  if (before.message.flags === after.message.flags && !isReplaced(before, after)) return [];
  return [{ ...common, type: "message.updated", message, previous: { flags } }];
}

/** Another message has its id: a draft that was written anew. */
function isReplaced(
  { message: before, uidValidity }: Before,
  { message: after, uidValidity: validityNow }: At,
): boolean {
  if (uidValidity !== validityNow || before.uid === after.uid) return false;
  return before.guid === null || before.guid !== after.guid;
}
