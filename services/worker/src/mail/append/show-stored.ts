import { type Call, Failure, isFailure, type Message, type MessageField } from "@postern/protocol";
import { afterwards } from "../afterwards.ts";
import type { Core } from "../core.ts";
import { getMessages } from "../get-messages.ts";
import type { AccountRef } from "../mailboxes/registry.ts";

/** A message that was just stored, as any read would show it. */
export async function showStored(
  core: Core,
  account: AccountRef,
  id: string,
  fields: readonly MessageField[],
  call: Call,
): Promise<Message> {
  const [result] = await read(core, account, id, fields, afterwards(call));
  if (!result) return { id };
  if ("message" in result) return result.message;
  // Seen: a server that takes a message into a mailbox that was deleted a moment ago.
  throw Failure.fromJSON({ ...result.failure, outcome: "done" });
}

/** It is stored, whether or not it can be read now: then there is just its id to tell. */
async function read(core: Core, account: AccountRef, id: string, fields: readonly MessageField[], call: Call) {
  try {
    return (await getMessages(core, { account: account.id, ids: [id], fields: [...fields] }, call)).results;
  } catch (error) {
    if (isFailure(error)) return [];
    throw error;
  }
}
