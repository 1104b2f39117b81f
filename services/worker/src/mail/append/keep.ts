import { type Call, type Input, mailboxRole, type Message, packMessageId } from "@postern/protocol";
import type { Core } from "../core.ts";
import { type MadeRole, madeRoles, ensureRole } from "../mailboxes/ensure-role.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { resolveMailbox } from "../mailboxes/resolve.ts";
import type { Spooled } from "../ports.ts";
import { replaceMessage } from "./replace-message.ts";
import { showStored } from "./show-stored.ts";
import { storeMessage } from "./store-message.ts";

type Storing = Pick<Input<"appendMessage">, "flags" | "receivedAt" | "fields">;

/** A mailbox by its key, or the message that is replaced. */
export type Where = { mailbox: number } | { replaces: string; ifMatch?: string[] | undefined };

/** Known before anything is taken in: what has no place need not be sent. */
export async function findWhere(
  core: Core,
  account: AccountRef,
  where: Input<"appendMessage">["where"],
  call: Call,
): Promise<Where> {
  if ("replaces" in where) return where;
  const role = mailboxRole.safeParse(where.mailbox);
  if (role.success && isMade(role.data)) return { mailbox: (await ensureRole(core, account, role.data, call)).key };
  return { mailbox: await resolveMailbox(core, account, where.mailbox, call) };
}

function isMade(role: string): role is MadeRole {
  return role in madeRoles;
}

/** Stores a message that is here whole, and shows it as any read would. */
export async function keep(
  core: Core,
  account: AccountRef,
  where: Where,
  { flags, receivedAt, fields, spooled }: Storing & { spooled: Spooled },
  call: Call,
): Promise<Message> {
  const arrived = receivedAt === undefined ? null : new Date(receivedAt);
  if ("replaces" in where) {
    await replaceMessage(core, account, { ...where, flags: flags ?? null, receivedAt: arrived, spooled }, call);
    return showStored(core, account, where.replaces, fields, call);
  }
  const message = { mailbox: where.mailbox, flags: flags ?? [], receivedAt: arrived, spooled };
  const { mailbox, uidValidity, uid } = await storeMessage(core, account, message, call);
  const id = packMessageId({ accountKey: account.key, mailboxKey: mailbox, uidValidity, uid });
  return showStored(core, account, id, fields, call);
}
