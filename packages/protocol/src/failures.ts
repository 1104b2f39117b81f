/**
 * Everything that can go wrong, by its stable code. A code says what the caller can do about it;
 * each face of the gateway gives it a status of its own, exhaustively.
 * `retryable`: the same request may succeed later without anything being changed by the caller.
 */
export const failureTable = {
  "invalid-request": { title: "The request is malformed", retryable: false },
  "cursor-mismatch": { title: "The cursor belongs to another list", retryable: false },
  unauthenticated: { title: "No valid token", retryable: false },
  "scope-missing": { title: "The token lacks the scope", retryable: false },
  "not-permitted": { title: "The mail server does not permit it", retryable: false },
  "not-found": { title: "Not found", retryable: false },
  "method-not-allowed": { title: "The method is not allowed here", retryable: false },
  "not-acceptable": { title: "No acceptable representation", retryable: false },
  "account-exists": { title: "An account with this id exists", retryable: false },
  "mailbox-exists": { title: "A mailbox of this name exists", retryable: false },
  "mailbox-has-children": { title: "There are mailboxes below this one", retryable: false },
  "mailbox-not-empty": { title: "The mailbox has messages", retryable: false },
  "expunge-withheld": { title: "Other messages would have been expunged as well", retryable: false },
  "idempotency-key-in-use": { title: "The first request with this key is under way", retryable: false },
  "outcome-unknown": { title: "What became of the first request is not known", retryable: false },
  "account-declared": { title: "The account is declared in a file", retryable: false },
  "account-disabled": { title: "The account is disabled", retryable: false },
  "account-reauth-required": { title: "The mail server refuses the account's login", retryable: false },
  "message-gone": { title: "The message is gone", retryable: false },
  "cursor-expired": { title: "The cursor has expired", retryable: false },
  "state-expired": { title: "The state has expired", retryable: false },
  "request-timeout": { title: "The request did not arrive in time", retryable: true },
  "precondition-failed": { title: "The precondition does not hold", retryable: false },
  "payload-too-large": { title: "The request body is too large", retryable: false },
  "unsupported-media-type": { title: "The request body's media type is not supported", retryable: false },
  "headers-too-large": { title: "The request's header is too large", retryable: false },
  "range-not-satisfiable": { title: "The range is not satisfiable", retryable: false },
  "login-refused": { title: "The mail server refused the login", retryable: false },
  "host-not-allowed": { title: "The host is not allowed", retryable: false },
  "not-possible": { title: "The mail server cannot do this", retryable: false },
  "upstream-limit": { title: "A limit of the mail server is reached", retryable: false },
  "idempotency-key-reused": { title: "The key was sent with another request", retryable: false },
  "query-too-costly": { title: "The query would cost too much", retryable: false },
  "too-many-requests": { title: "Too many requests", retryable: true },
  cancelled: { title: "The caller gave up", retryable: true },
  internal: { title: "Internal error", retryable: true },
  "upstream-refused": { title: "The mail server refused", retryable: false },
  "partly-done": { title: "Only a part of it was done", retryable: false },
  "image-unavailable": { title: "There is no image to be had", retryable: false },
  "upstream-protocol": { title: "The mail server broke the protocol", retryable: true },
  "upstream-in-use": { title: "Somebody else is using it on the mail server", retryable: true },
  unavailable: { title: "Temporarily unavailable", retryable: true },
  "upstream-unreachable": { title: "The mail server cannot be reached", retryable: true },
  "upstream-connection-limit": { title: "The mail server's connection limit is reached", retryable: true },
  "upstream-timeout": { title: "The mail server did not answer in time", retryable: true },
  "over-quota": { title: "The mailbox is over quota", retryable: false },
} as const satisfies Record<string, { title: string; retryable: boolean }>;

export type FailureCode = keyof typeof failureTable;

/** For writes: what became of it. */
export type Outcome = "none" | "done" | "unknown";

/** What the mail server said: NO, BAD or BYE, its response code (RFC 9051 section 7.1) if any, and its text. */
export interface Upstream {
  status: "NO" | "BAD" | "BYE" | null;
  code: string | null;
  text: string;
}

export interface FieldError {
  /** Where in the request, dotted: `imap.port`, `limit`. */
  path: string;
  message: string;
}

export interface FailureOptions {
  detail?: string;
  upstream?: Upstream;
  errors?: FieldError[];
  outcome?: Outcome;
  /** Seconds after which trying again makes sense. */
  retryAfter?: number;
  /** For `precondition-failed` and the like: the thing as it is now. */
  current?: unknown;
  cause?: unknown;
}

/** The serialized form that crosses between processes. Never holds a stack or a cause. */
export interface FailureJson {
  code: FailureCode;
  detail: string | null;
  retryable: boolean;
  upstream?: Upstream;
  errors?: FieldError[];
  outcome?: Outcome;
  retryAfter?: number;
  current?: unknown;
}

/** The one error type that rooms throw at each other. Anything else that is thrown is a defect and becomes `internal`. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly detail: string | null;
  readonly upstream: Upstream | undefined;
  readonly errors: FieldError[] | undefined;
  readonly outcome: Outcome | undefined;
  readonly retryAfter: number | undefined;
  readonly current: unknown;

  constructor(code: FailureCode, options: FailureOptions = {}) {
    super(options.detail ?? failureTable[code].title, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "Failure";
    this.code = code;
    this.detail = options.detail ?? null;
    this.upstream = options.upstream;
    this.errors = options.errors;
    this.outcome = options.outcome;
    this.retryAfter = options.retryAfter;
    this.current = options.current;
  }

  get title(): string {
    return failureTable[this.code].title;
  }

  get retryable(): boolean {
    return failureTable[this.code].retryable;
  }

  /** The same failure, with what has become of the write that it ended. */
  withOutcome(outcome: Outcome): Failure {
    const { code, detail, retryable: _, ...rest } = this.toJSON();
    const { cause } = this;
    return new Failure(code, {
      ...rest,
      ...(detail !== null && { detail }),
      ...(cause !== undefined && { cause }),
      outcome,
    });
  }

  toJSON(): FailureJson {
    return {
      code: this.code,
      detail: this.detail,
      retryable: this.retryable,
      ...(this.upstream && { upstream: this.upstream }),
      ...(this.errors && { errors: this.errors }),
      ...(this.outcome && { outcome: this.outcome }),
      ...(this.retryAfter !== undefined && { retryAfter: this.retryAfter }),
      ...(this.current !== undefined && { current: this.current }),
    };
  }

  static fromJSON(json: FailureJson): Failure {
    const { code, detail, retryable: _, ...rest } = json;
    return new Failure(code in failureTable ? code : "internal", { ...(detail !== null && { detail }), ...rest });
  }

  /** The failure itself, or `internal` for anything else, whose text is kept from the caller. */
  static from(error: unknown): Failure {
    return error instanceof Failure ? error : new Failure("internal", { cause: error });
  }
}

export function isFailure(error: unknown, code?: FailureCode): error is Failure {
  return error instanceof Failure && (code === undefined || error.code === code);
}
