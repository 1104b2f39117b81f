import type { MessageField } from "@postern/protocol";
import { fieldsForHtml } from "../http/shown-html.ts";

/** GraphQL fields of a message that are not fields of the core by the same name. */
const made: Readonly<Record<string, MessageField[]>> = {
  __typename: [],
  rawUrl: [],
  mailbox: ["mailboxId"],
  html: fieldsForHtml("block"),
  "html(remoteImages: keep)": fieldsForHtml("keep"),
  "html(remoteImages: proxy)": fieldsForHtml("proxy"),
  thread: ["threadId"],
};

/** What the core is to be asked for, for these GraphQL fields. */
export function messageFieldsFor(selected: ReadonlySet<string>): MessageField[] {
  const fields = [...selected].flatMap((name) => made[name] ?? [name as MessageField]);
  return [...new Set<MessageField>(["id", ...fields])];
}
