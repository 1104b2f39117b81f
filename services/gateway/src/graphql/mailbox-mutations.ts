import { type Mailbox, mailboxInput, mailboxPatch, type MailboxRole } from "@postern/protocol";
import { requireAccount } from "../access/index.ts";
import type { Context } from "./context.ts";
import { definedOf, type Input, known, parse } from "./inputs.ts";

interface CreateInput {
  account: string;
  name?: string | null;
  parentId?: string | null;
  path?: string | null;
  role?: MailboxRole | null;
  subscribed?: boolean | null;
}

interface UpdateInput {
  account: string;
  id: string;
  name?: string | null;
  parentId?: string | null;
  subscribed?: boolean | null;
}

interface DeleteInput {
  account: string;
  id: string;
  onlyEmpty?: boolean | null;
}

interface Payload {
  mailbox: Mailbox & { account: string };
}

export const mailboxMutations = {
  createMailbox: async (_: unknown, { input }: Input<CreateInput>, context: Context): Promise<Payload> => {
    const account = enter(input.account, context);
    const { account: __, ...rest } = input;
    const mailbox = parse(mailboxInput, definedOf(rest));
    return shown(account, await context.mail.createMailbox({ account, mailbox }, context.call), context);
  },
  updateMailbox: async (_: unknown, { input }: Input<UpdateInput>, context: Context): Promise<Payload> => {
    const account = enter(input.account, context);
    const { name, parentId, subscribed, id } = input;
    const patch = parse(mailboxPatch, {
      ...definedOf({ name, subscribed }),
      // Null is a place: at the top.
      ...(parentId !== undefined && { parentId }),
    });
    return shown(account, await context.mail.updateMailbox({ account, mailbox: id, patch }, context.call), context);
  },
  deleteMailbox: async (_: unknown, { input }: Input<DeleteInput>, context: Context): Promise<{ id: string }> => {
    const account = enter(input.account, context);
    const { id, onlyEmpty } = input;
    await context.mail.deleteMailbox({ account, mailbox: id, onlyEmpty: onlyEmpty ?? false }, context.call);
    context.loaders.mailboxes.clear(account);
    return { id };
  },
};

function enter(account: string, { identity }: Context): string {
  requireAccount(identity, account, "write");
  return known(account);
}

/** What was read of the account's mailboxes before is of before. */
function shown(account: string, mailbox: Mailbox, { loaders }: Context): Payload {
  loaders.mailboxes.clear(account);
  return { mailbox: { ...mailbox, account } };
}
