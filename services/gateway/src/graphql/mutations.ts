import { type Account, accountInput, type AccountPatch, accountPatch, Failure } from "@postern/protocol";
import { requireAccount, requireScope } from "../access/index.ts";
import { batchMessages } from "./batch.ts";
import { changeMutations } from "./changes.ts";
import type { Context } from "./context.ts";
import { definedOf, type Input, known, parse } from "./inputs.ts";

interface ImapFields {
  secret?: { password?: string; accessToken?: string } | null;
  [field: string]: unknown;
}

interface RegisterInput {
  id?: string | null;
  name?: string | null;
  imap: ImapFields;
  verify?: boolean | null;
}

interface UpdateInput {
  id: string;
  name?: string | null;
  disabled?: boolean | null;
  imap?: ImapFields | null;
  verify?: boolean | null;
}

export const mutations = {
  registerAccount: async (
    _: unknown,
    { input }: Input<RegisterInput>,
    { mail, identity, call }: Context,
  ): Promise<{ account: Account }> => {
    requireScope(identity, "manage");
    if (identity.accounts)
      throw new Failure("scope-missing", { detail: "A token bound to accounts cannot register others." });
    const { id, name, imap, verify } = input;
    const account = parse(accountInput, { ...definedOf({ id, name }), imap: flat(imap) });
    return { account: await mail.createAccount({ account, verify: verify ?? false }, call) };
  },
  updateAccount: async (
    _: unknown,
    { input }: Input<UpdateInput>,
    { mail, identity, call }: Context,
  ): Promise<{ account: Account }> => {
    requireAccount(identity, input.id, "manage");
    const { id, name, disabled, imap, verify } = input;
    const patch: AccountPatch = parse(accountPatch, {
      ...(name !== undefined && { name }),
      ...definedOf({ disabled }),
      ...(imap && { imap: flat(imap) }),
    });
    return { account: await mail.updateAccount({ account: known(id), patch, verify: verify ?? false }, call) };
  },
  deleteAccount: async (
    _: unknown,
    { input }: Input<{ id: string }>,
    { mail, identity, call }: Context,
  ): Promise<{ id: string }> => {
    requireAccount(identity, input.id, "manage");
    await mail.deleteAccount({ account: known(input.id) }, call);
    return { id: input.id };
  },
  ...changeMutations,
  batchMessages,
};

/** The secret is one of several in GraphQL, and lies beside the rest within. */
function flat({ secret, ...rest }: ImapFields): Record<string, unknown> {
  return definedOf({ ...rest, ...secret });
}
