import type { Call, ChangeAction } from "@postern/protocol";
import { changeChunk } from "../change-flags.ts";
import { copyChunk } from "../copy-messages.ts";
import type { Core } from "../core.ts";
import { deletion } from "../delete-messages.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { resolveMailbox } from "../mailboxes/resolve.ts";
import { moveChunk } from "../move-messages.ts";
import type { Chunk } from "./run.ts";

/** How an action is done to a chunk. Throws `not-found` where it names a mailbox that is not there. */
export async function performer(
  core: Core,
  account: AccountRef,
  action: ChangeAction,
  call: Call,
): Promise<(chunk: Chunk) => Promise<void>> {
  if ("flags" in action) return (chunk) => changeChunk(core, chunk, action.flags);
  if ("delete" in action) return deletion(core, action.delete.permanent ?? false);
  const mailbox = await resolveMailbox(core, account, "move" in action ? action.move : action.copy, call);
  return "move" in action ? (chunk) => moveChunk(core, chunk, mailbox) : (chunk) => copyChunk(core, chunk, mailbox);
}
