import { accountId, Failure, type Scope } from "@postern/protocol";

/** Who asks. */
export interface Identity {
  /** For the audit log: `admin`, or the token's id. */
  actor: string;
  scopes: ReadonlySet<Scope>;
  /** Null: every account. */
  accounts: ReadonlySet<string> | null;
  /** Where a ticket let them in: until when (epoch seconds), and to which path alone (null: any). */
  ticket?: { expiresAt: number; path: string | null };
}

/** Nobody sees an account whose id none can have. */
export function canSee(identity: Identity, account: string): boolean {
  return identity.accounts ? identity.accounts.has(account) : accountId.safeParse(account).success;
}

/** Throws `scope-missing`. No scope implies another. */
export function requireScope(identity: Identity, ...anyOf: Scope[]): void {
  if (anyOf.some((scope) => identity.scopes.has(scope))) return;
  throw new Failure("scope-missing", { detail: `This needs a token with the scope ${anyOf.join(" or ")}.` });
}

/** Throws `not-found` for an account that the token must not learn of, just as for one that is not there; then `scope-missing`. */
export function requireAccount(identity: Identity, account: string, ...anyOf: Scope[]): void {
  if (!canSee(identity, account)) throw noSuchAccount();
  requireScope(identity, ...anyOf);
}

export function noSuchAccount(): Failure {
  return new Failure("not-found", { detail: "There is no such account." });
}
