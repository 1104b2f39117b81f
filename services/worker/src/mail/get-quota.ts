import { type Call, type Input, noteProof, type Output } from "@postern/protocol";
import type { Core } from "./core.ts";
import { accountRef } from "./open-mailbox.ts";

/** The quota roots that INBOX counts towards (RFC 9208); none where the server keeps no quota. */
export async function getQuota(core: Core, input: Input<"getQuota">, call: Call): Promise<Output<"getQuota">> {
  const account = await accountRef(core, input.account);
  const items = await core.sessions.use({ account: account.id, lane: "interactive", call }, (session) => {
    noteProof(call.report, Date.now());
    return session.quota("INBOX");
  });
  return { items };
}
