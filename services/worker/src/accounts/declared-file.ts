import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { accountId, imapInput } from "@postern/protocol";
import { ConfigurationError } from "@postern/service";
import * as z from "zod";

const secretFiles = { passwordFile: z.string().optional(), accessTokenFile: z.string().optional() };
const declaredAccounts = z.array(
  z.strictObject({ id: accountId, name: z.string().max(200).optional(), imap: z.looseObject(secretFiles) }),
);
const declaredFile = z.strictObject({ accounts: declaredAccounts });

/** An account as the file has it, with its secret read. */
export interface DeclaredAccount {
  id: string;
  name?: string | undefined;
  imap: z.infer<typeof imapInput>;
}

/** Throws `ConfigurationError` without repeating anything that the file holds, which has secrets. */
export function readDeclared(path: string): DeclaredAccount[] {
  const json = readJson(path);
  const parsed = Array.isArray(json) ? declaredAccounts.safeParse(json) : declaredFile.safeParse(json);
  if (!parsed.success)
    throw new ConfigurationError(`the accounts file is not as it should be:\n${z.prettifyError(parsed.error)}`);
  const accounts = Array.isArray(parsed.data) ? parsed.data : parsed.data.accounts;
  const ids = new Set(accounts.map(({ id }) => id));
  if (ids.size < accounts.length) throw new ConfigurationError("the accounts file declares an id twice");
  return accounts.map((account) => complete(account, dirname(path)));
}

function complete({ id, name, imap }: z.infer<typeof declaredAccounts>[number], folder: string): DeclaredAccount {
  const { passwordFile, accessTokenFile, ...rest } = imap;
  const secrets = { password: passwordFile, accessToken: accessTokenFile };
  const settings: Record<string, unknown> = { ...rest };
  for (const [secret, file] of Object.entries(secrets)) {
    if (file === undefined) continue;
    if (secret in settings)
      throw new ConfigurationError(`account ${id} in the accounts file has both ${secret} and ${secret}File`);
    settings[secret] = readSecret(resolve(folder, file), id);
  }
  const parsed = imapInput.safeParse(settings);
  if (!parsed.success)
    throw new ConfigurationError(`account ${id} in the accounts file:\n${z.prettifyError(parsed.error)}`);
  return { id, ...(name !== undefined && { name }), imap: parsed.data };
}

function readSecret(path: string, id: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new ConfigurationError(`the secret of account ${id} cannot be read from its file`, { cause: error });
  }
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigurationError("the accounts file cannot be read", { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's own words quote what it stumbled over; of them only the place is told.
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0];
    throw new ConfigurationError(`the accounts file is no JSON${place === undefined ? "" : ` ${place}`}`);
  }
}
