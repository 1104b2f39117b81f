import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Failure, type Scope, scope } from "@postern/protocol";
import type { AuditLog, TokenRecord, TokenStore } from "@postern/store";
import type { Identity } from "./identity.ts";

export interface AccessOptions {
  tokens: TokenStore;
  audit: AuditLog;
  adminToken: string;
  now?: () => number;
}

export interface TokenRequest {
  accounts?: string[] | undefined;
  scopes: Scope[];
  /** Seconds. */
  expiresIn?: number | undefined;
  name?: string | undefined;
}

/** A token as it is shown: never its secret. */
export interface ShownToken {
  id: string;
  name: string | null;
  scopes: Scope[];
  accounts: string[] | null;
  createdAt: string;
  expiresAt: string | null;
}

export interface Access {
  /** Throws `unauthenticated`. */
  authenticate(authorization: string | undefined): Promise<Identity>;
  createToken(request: TokenRequest, actor: string, requestId: string): Promise<ShownToken & { token: string }>;
  listTokens(query: { after?: string | undefined; limit: number }): Promise<ShownToken[]>;
  deleteToken(id: string, actor: string, requestId: string): Promise<void>;
}

/** A token that was looked up is believed for this long: a revoked one works at most so much longer. */
const BELIEVED_MS = 2_000;
const MOST_BELIEVED = 10_000;

/** Tokens read `pst_` + id + `_` + secret; what is kept is the secret's hash, found by the id and compared in constant time. */
export function createAccess({ tokens, audit, adminToken, now = Date.now }: AccessOptions): Access {
  const adminHash = hash(adminToken);
  const believed = new Map<string, { record: TokenRecord; until: number }>();
  let deletions = 0;

  const recordOf = async (id: string): Promise<TokenRecord | null> => {
    const known = believed.get(id);
    if (known && known.until > now()) return known.record;
    const deletionsBefore = deletions;
    const record = await tokens.get(id);
    if (believed.size >= MOST_BELIEVED) believed.clear();
    // What was read while a token was being deleted may be that token.
    if (record && deletions === deletionsBefore) believed.set(id, { record, until: now() + BELIEVED_MS });
    else believed.delete(id);
    return record;
  };

  const note = (
    action: string,
    subject: string,
    actor: string,
    requestId: string,
    detail: string | null,
  ): Promise<void> => audit.append({ at: now(), actor, action, subject, requestId, detail });

  return {
    authenticate: async (authorization) => {
      const presented = /^Bearer +(\S{1,1000})$/i.exec(authorization ?? "")?.[1];
      if (presented === undefined) throw unauthenticated("Send a token as `Authorization: Bearer …`.");
      if (timingSafeEqual(hash(presented), adminHash))
        return { actor: "admin", scopes: new Set(scope.options), accounts: null };
      const [, id, secret] = /^pst_([A-Za-z0-9]{16})_([A-Za-z0-9_-]{43})$/.exec(presented) ?? [];
      const record = id === undefined ? null : await recordOf(`tok_${id}`);
      // Compared even when there is no such token, so that the time taken does not tell.
      const matches = timingSafeEqual(hash(secret ?? ""), Buffer.from(record?.hash ?? "0".repeat(64), "hex"));
      if (!record || !matches || (record.expiresAt !== null && record.expiresAt <= now())) {
        throw unauthenticated("The token is not valid, or no longer.");
      }
      return identityOf(record);
    },
    createToken: async ({ accounts, scopes, expiresIn, name }, actor, requestId) => {
      const id = randomText(16);
      const secret = randomBytes(32).toString("base64url");
      const record: TokenRecord = {
        id: `tok_${id}`,
        hash: hash(secret).toString("hex"),
        name: name ?? null,
        scopes: [...new Set(scopes)],
        accounts: accounts ? [...new Set(accounts)] : null,
        createdAt: now(),
        expiresAt: expiresIn === undefined ? null : now() + expiresIn * 1_000,
      };
      await tokens.create(record);
      await note("token.created", record.id, actor, requestId, record.scopes.join(", "));
      return { ...shown(record), token: `pst_${id}_${secret}` };
    },
    listTokens: async (query) => (await tokens.list(query)).map(shown),
    deleteToken: async (id, actor, requestId) => {
      const isRemoved = await tokens.remove(id);
      deletions += 1;
      believed.delete(id);
      if (!isRemoved) throw new Failure("not-found", { detail: "There is no such token." });
      await note("token.deleted", id, actor, requestId, null);
    },
  };
}

function identityOf({ id, scopes, accounts }: TokenRecord): Identity {
  return { actor: id, scopes: new Set(scopes), accounts: accounts && new Set(accounts) };
}

function shown({ id, name, scopes, accounts, createdAt, expiresAt }: TokenRecord): ShownToken {
  const time = (at: number): string => new Date(at).toISOString();
  return {
    id,
    name,
    scopes,
    accounts,
    createdAt: time(createdAt),
    expiresAt: expiresAt === null ? null : time(expiresAt),
  };
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function randomText(length: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  let text = "";
  // Octets above the last whole multiple of the alphabet's length would favour its beginning.
  while (text.length < length) for (const octet of randomBytes(length)) if (octet < 248) text += alphabet[octet % 62];
  return text.slice(0, length);
}

function unauthenticated(detail: string): Failure {
  return new Failure("unauthenticated", { detail });
}
