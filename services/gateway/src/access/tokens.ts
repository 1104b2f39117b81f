import { createHash, hash as digest, randomBytes, timingSafeEqual } from "node:crypto";
import { Failure, type FieldError, isFailure, type Scope, scope } from "@postern/protocol";
import type { AuditLog, TokenRecord, TokenStore } from "@postern/store";
import { canSee, type Identity, requireScope } from "./identity.ts";
import { opens, targetOf, type Ticket, type Tickets } from "./tickets.ts";

export interface AccessOptions {
  tokens: TokenStore;
  tickets: Tickets;
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

export interface TicketRequest {
  scopes: Scope[];
  /** Absent: those that the caller may see. */
  accounts?: string[] | undefined;
  path?: string | undefined;
  /** Seconds. */
  expiresIn: number;
}

/** What a request shows to be let in, and what it asks for. */
export interface Presented {
  authorization: string | undefined;
  ticket: string | undefined;
  method: string;
  /** With its query. */
  url: string;
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

export interface Access extends Pick<Tickets, "signImage" | "isSignedImage"> {
  /** Whoever this header was found to be a moment ago, without a look at the store; null: that has to be found out. */
  known(authorization: string | undefined): Identity | null;
  /** Throws `unauthenticated`. */
  authenticate(authorization: string | undefined): Promise<Identity>;
  /** By the header where there is one, else by the ticket. Throws `unauthenticated`. */
  admit(presented: Presented): Promise<Identity>;
  /** A ticket that can do no more than its maker. Throws `scope-missing`, and `invalid-request` for accounts not seen. */
  issueTicket(identity: Identity, request: TicketRequest): Ticket & { text: string };
  /** A ticket by which whoever has its address reads this path of the account for one to two hours, if they may at all. */
  partTicket(identity: Identity, account: string, path: string): string;
  /** Whether `admin`, or the token of this id, may still do anything. */
  isValid(actor: string): Promise<boolean>;
  createToken(request: TokenRequest, actor: string, requestId: string): Promise<ShownToken & { token: string }>;
  listTokens(query: { after?: string | undefined; limit: number }): Promise<ShownToken[]>;
  deleteToken(id: string, actor: string, requestId: string): Promise<void>;
}

/** A token that was looked up is believed for this long: a revoked one works at most so much longer. */
const BELIEVED_MS = 2_000;
/** While the store is away nobody can say that it was revoked: it is believed for this long after the last look-up that went well. */
const BELIEVED_ALONE_MS = 30_000;
const MOST_BELIEVED = 10_000;
const HOUR_MS = 3_600_000;

interface Believed {
  record: TokenRecord;
  until: number;
  /** The same where it cannot be looked up again. */
  alone: number;
}

/** Tokens read `pst_` + id + `_` + secret; what is kept is the secret's hash, found by the id and compared in constant time. */
export function createAccess({ tokens, tickets, audit, adminToken, now = Date.now }: AccessOptions): Access {
  const adminHash = hash(adminToken);
  const believed = new Map<string, Believed>();
  /** By the hash of a header: a look-up that takes longer for a near miss tells nothing of what would hit. */
  const recognized = new Map<string, { identity: Identity; until: number }>();
  let deletions = 0;

  const known = (authorization: string | undefined): Identity | null => {
    if (authorization === undefined) return null;
    const found = recognized.get(fingerprint(authorization));
    return found && found.until > now() ? found.identity : null;
  };

  const recognize = (authorization: string, identity: Identity, until: number): Identity => {
    if (recognized.size >= MOST_BELIEVED) recognized.clear();
    if (until > now()) recognized.set(fingerprint(authorization), { identity, until });
    return identity;
  };

  const believeAlone = (id: string, known: Believed): boolean => {
    if (known.alone <= now() || believed.get(id) !== known) return false;
    known.until = Math.min(known.alone, now() + BELIEVED_MS);
    return true;
  };

  const recordOf = async (id: string): Promise<TokenRecord | null> => {
    const known = believed.get(id);
    if (known && known.until > now()) return known.record;
    const deletionsBefore = deletions;
    let record: TokenRecord | null;
    try {
      record = await tokens.get(id);
    } catch (error) {
      if (known && isFailure(error, "unavailable") && believeAlone(id, known)) return known.record;
      throw error;
    }
    if (believed.size >= MOST_BELIEVED) believed.clear();
    // What was read while a token was being deleted may be that token.
    if (record && deletions === deletionsBefore)
      believed.set(id, { record, until: now() + BELIEVED_MS, alone: now() + BELIEVED_ALONE_MS });
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

  const isOver = ({ expiresAt }: TokenRecord): boolean => expiresAt !== null && expiresAt <= now();

  const authenticate = async (authorization = ""): Promise<Identity> => {
    const recent = known(authorization);
    if (recent) return recent;
    const presented = /^Bearer +(\S{1,1000})$/i.exec(authorization)?.[1];
    if (presented === undefined) throw unauthenticated("Send a token as `Authorization: Bearer …`.");
    if (timingSafeEqual(hash(presented), adminHash)) return recognize(authorization, admin, Infinity);
    const [, id, secret] = /^pst_([A-Za-z0-9]{16})_([A-Za-z0-9_-]{43})$/.exec(presented) ?? [];
    const record = id === undefined ? null : await recordOf(`tok_${id}`);
    // Compared even when there is no such token, so that the time taken does not tell.
    const matches = timingSafeEqual(hash(secret ?? ""), Buffer.from(record?.hash ?? "0".repeat(64), "hex"));
    if (!record || !matches || isOver(record)) throw unauthenticated("The token is not valid, or no longer.");
    // Believed no longer than the record is, which was forgotten if it was deleted meanwhile.
    const until = Math.min(believed.get(record.id)?.until ?? 0, record.expiresAt ?? Infinity);
    return recognize(authorization, identityOf(record), until);
  };

  /** A ticket is worth what its token still is. */
  const makerOf = async ({ actor }: Ticket): Promise<Identity> => {
    if (actor === "admin") return admin;
    const record = await recordOf(actor);
    if (!record || isOver(record)) throw unauthenticated("The ticket's token is no longer valid.");
    return identityOf(record);
  };

  return {
    known,
    authenticate,
    admit: async ({ authorization, ticket: text, method, url }) => {
      if (text === undefined || authorization !== undefined) return authenticate(authorization);
      const ticket = tickets.read(text);
      if (method !== "GET" && method !== "HEAD") throw unauthenticated("A ticket opens GET and HEAD alone.");
      if (!opens(ticket.path, targetOf(url))) throw unauthenticated("The ticket is for another path.");
      return narrowed(await makerOf(ticket), ticket);
    },
    signImage: tickets.signImage,
    isSignedImage: tickets.isSignedImage,
    isValid: async (actor) => {
      if (actor === "admin") return true;
      const record = await recordOf(actor);
      return record !== null && !isOver(record);
    },
    issueTicket: (identity, { scopes, accounts, path = null, expiresIn }) => {
      for (const wanted of scopes) requireScope(identity, wanted);
      refuseHidden(identity, accounts ?? []);
      const ticket: Ticket = {
        actor: identity.actor,
        scopes: [...new Set(scopes)],
        accounts: accounts ? [...new Set(accounts)] : identity.accounts && [...identity.accounts],
        expiresAt: Math.floor(now() / 1_000) + expiresIn,
        path: path === null ? null : targetOf(path),
      };
      return { ...ticket, text: tickets.write(ticket) };
    },
    partTicket: ({ actor, ticket }, account, path) => {
      // The same within an hour, so that what was loaded by it is loaded once.
      const lasting = (Math.floor(now() / HOUR_MS) + 2) * (HOUR_MS / 1_000);
      const expiresAt = Math.min(lasting, ticket?.expiresAt ?? lasting);
      return tickets.write({ actor, scopes: ["read"], accounts: [account], expiresAt, path });
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
      recognized.clear();
      if (!isRemoved) throw new Failure("not-found", { detail: "There is no such token." });
      await note("token.deleted", id, actor, requestId, null);
    },
  };
}

const admin: Identity = { actor: "admin", scopes: new Set(scope.options), accounts: null };

function narrowed(maker: Identity, { scopes, accounts, expiresAt, path }: Ticket): Identity {
  return {
    actor: maker.actor,
    scopes: new Set(scopes.filter((wanted) => maker.scopes.has(wanted))),
    accounts: accounts ? new Set(accounts.filter((account) => canSee(maker, account))) : maker.accounts,
    ticket: { expiresAt, path },
  };
}

function refuseHidden(identity: Identity, accounts: readonly string[]): void {
  const errors = accounts.flatMap((id, index) => (canSee(identity, id) ? [] : [noSuchAccountAt(index)]));
  if (errors.length > 0) throw new Failure("invalid-request", { detail: NO_SUCH_ACCOUNTS, errors });
}

export const NO_SUCH_ACCOUNTS = "The request names accounts that are not there.";
export function noSuchAccountAt(index: number): FieldError {
  return { path: `accounts.${index}`, message: "there is no such account" };
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

/** To find a text again without keeping it. */
function fingerprint(text: string): string {
  return digest("sha256", text, "base64");
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
