import * as z from "zod";

export const accountId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
  .describe("Chosen when the account is registered, or made by Postern.");

/** For accounts whose maker does not choose: 16 characters, 80 random bits. */
export function newAccountId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => alphabet.charAt(byte % 32)).join("");
}

export const accountState = z.enum(["connecting", "connected", "authenticationFailed", "unreachable", "disabled"]);
export type AccountState = z.infer<typeof accountState>;

export const security = z.enum(["tls", "starttls", "none"]);

const host = z.string().min(1).max(253).describe("Host name or IP address.");
const port = z.int().min(1).max(65535);

export const tlsOptions = z.strictObject({
  ca: z.string().max(65536).optional().describe("PEM certificates of a private CA, trusted for this account alone."),
  servername: z
    .string()
    .max(253)
    .optional()
    .describe("The name that the certificate must carry, where it is not the host."),
});

const endpoint = {
  host,
  port,
  security: security.describe("`tls` from the first byte, `starttls` demanded, or `none`: clear text."),
  tls: tlsOptions.optional(),
};

const credentials = {
  user: z.string().min(1).max(1024),
  password: z.string().min(1).max(4096).optional(),
  accessToken: z.string().min(1).max(16384).optional().describe("OAuth 2.0 bearer token, for OAUTHBEARER or XOAUTH2."),
};

const oneSecret = (value: { password?: string | undefined; accessToken?: string | undefined }): boolean =>
  (value.password === undefined) !== (value.accessToken === undefined);

export const imapInput = z
  .strictObject({ ...endpoint, ...credentials })
  .refine(oneSecret, { message: "exactly one of password and accessToken", path: ["password"] });

/** Kept for sending, which is to come: sealed like the IMAP credentials, used by nothing yet. */
export const smtpInput = z
  .strictObject({ ...endpoint, ...credentials, user: credentials.user.optional() })
  .refine((value) => value.password === undefined || value.accessToken === undefined, {
    message: "at most one of password and accessToken",
    path: ["password"],
  });

const name = z.string().max(200).describe("For people; Postern does not use it.");

export const accountInput = z.strictObject({
  id: accountId.optional(),
  name: name.optional(),
  imap: imapInput,
  smtp: smtpInput.optional(),
});
export type AccountInput = z.infer<typeof accountInput>;

/** A change of the account: what is absent stays. Secrets may be given anew; a new host demands a secret with it. */
export const accountPatch = z.strictObject({
  name: name.nullable().optional(),
  disabled: z.boolean().optional().describe("A disabled account keeps everything and connects to nothing."),
  imap: z
    .strictObject({ ...endpoint, ...credentials })
    .partial()
    .optional(),
  smtp: smtpInput.nullable().optional(),
});
export type AccountPatch = z.infer<typeof accountPatch>;

const shownEndpoint = {
  host: z.string().describe("Host name or IP address."),
  port: z.int().describe("TCP port."),
  security: security.describe("How the connection is secured."),
  user: z.string().describe("The name to log in with."),
};

/** An account as it is shown: no secret, nor whether one is right. */
export const account = z.object({
  id: accountId,
  name: z.string().nullable().describe("For people; null where none was given."),
  state: accountState.describe("How the account's connections fare."),
  stateDetail: z.string().nullable().describe("Why, in the mail server's words where it gave any."),
  stateAt: z.iso.datetime().describe("Since when the account is in this state."),
  declared: z.boolean().describe("Declared in the operator's accounts file, and only to be changed there."),
  imap: z
    .object({ ...shownEndpoint, authentication: z.enum(["password", "accessToken"]).describe("Which secret is kept.") })
    .describe("Where the mail is."),
  smtp: z
    .object({ ...shownEndpoint, user: z.string().nullable().describe("Null: the same as for IMAP.") })
    .nullable()
    .describe("For sending, which is to come."),
  createdAt: z.iso.datetime().describe("When the account was registered."),
  updatedAt: z.iso.datetime().describe("When it was last changed."),
});
export type Account = z.infer<typeof account>;
