import { type FailureCode, failureTable } from "@postern/protocol";
import * as z from "zod";
import type { ZodOpenApiResponseObject } from "zod-openapi";
import { statusOf } from "./problem.ts";
import { asOf, challenge, notStored, retryAfter, unsatisfiedRange, withFields } from "./responses.ts";

const shape = {
  type: z.string().describe("A name for the kind of problem, made of `code`."),
  title: z.string().describe("The kind of problem in words."),
  status: z.int().describe("The status code."),
  detail: z.string().optional().describe("What happened this time."),
  instance: z.string().describe("The path that was asked for."),
  code: z.enum(Object.keys(failureTable) as FailureCode[]).describe("Stable: what programs should go by."),
  retryable: z.boolean().describe("Whether the same request may succeed later."),
  outcome: z.enum(["none", "done", "unknown"]).optional().describe("Of a write: what became of it."),
  upstream: z
    .object({
      status: z.enum(["NO", "BAD", "BYE"]).nullable().describe("Null where it gave none."),
      code: z.string().nullable().describe("Without its brackets; null where there was none."),
      text: z.string().describe("In the server's words."),
    })
    .optional()
    .describe("What the mail server said: its status, its response code (RFC 9051 section 7.1) and its text."),
  errors: z
    .array(
      z.object({
        path: z.string().describe("Where in the request, dotted: `imap.port`, `limit`."),
        message: z.string().describe("What is wrong there."),
      }),
    )
    .optional()
    .describe("What is wrong with the request, and where."),
  current: z.looseObject({}).optional().describe("The thing as it is now, where that helps."),
};

export const problem = z
  .object(shape)
  .meta({ id: "Problem", description: "What went wrong (RFC 9457). Every code is explained in docs/failures.md." });

/** What any request may meet, whatever it asks for. */
const always: FailureCode[] = [
  "invalid-request",
  "unauthenticated",
  "scope-missing",
  "request-timeout",
  "headers-too-large",
  "internal",
  "unavailable",
];

/** Where the answer is JSON. */
const inJson: FailureCode[] = ["not-acceptable"];

/** What a request with a body may meet. */
const withBody: FailureCode[] = ["payload-too-large", "unsupported-media-type"];

/** What is asked of the process that has the account. */
export const ofAccounts: FailureCode[] = ["not-found", "upstream-timeout"];

/** What is asked of an account's mail server. */
export const ofMail: FailureCode[] = [
  ...ofAccounts,
  "account-disabled",
  "account-reauth-required",
  "host-not-allowed",
  "too-many-requests",
  "upstream-refused",
  "upstream-protocol",
  "upstream-unreachable",
  "upstream-connection-limit",
  "over-quota",
];

/** Where a message is stored. */
export const ofStoring: FailureCode[] = [...ofMail, "message-gone"];

/** What a change of messages may meet. */
export const ofChange: FailureCode[] = [
  ...ofMail,
  "message-gone",
  "precondition-failed",
  "not-permitted",
  "not-possible",
  "mailbox-exists",
  "expunge-withheld",
  "partly-done",
  "upstream-limit",
  "upstream-in-use",
];

export interface Failing {
  method: string;
  isJson: boolean;
  /** What this operation may meet beside what all do. */
  failures: readonly FailureCode[];
}

/** The problem documents of an operation by their status. Equal ones are the same object, and so the same component. */
export function problemResponses(): (failing: Failing) => Record<string, ZodOpenApiResponseObject> {
  const made = new Map<string, ZodOpenApiResponseObject>();
  const responseOf = (status: number, codes: FailureCode[]): ZodOpenApiResponseObject => {
    const id = codes.map(pascal).join("Or");
    const response = made.get(id) ?? describe(id, status, codes);
    made.set(id, response);
    return response;
  };
  return ({ method, isJson, failures }) => {
    const hasBody = method !== "GET" && method !== "HEAD";
    const all = [...new Set([...always, ...(isJson ? inJson : []), ...(hasBody ? withBody : []), ...failures])];
    const byStatus = Object.groupBy(all, (code) => statusOf[code]);
    return Object.fromEntries(
      Object.entries(byStatus).map(([status, codes = []]) => [status, responseOf(Number(status), codes.sort())]),
    );
  };
}

function describe(id: string, status: number, codes: FailureCode[]): ZodOpenApiResponseObject {
  const exact = z.object({
    ...shape,
    type: z.enum(codes.map(typeOf)).describe("A name for the kind of problem, made of `code`."),
    status: z.literal(status),
    code: z.enum(codes).describe("Stable: what programs should go by."),
  });
  const examples = Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }]));
  return {
    id,
    description: codes.map((code) => `\`${code}\`: ${failureTable[code].title}.`).join(" "),
    headers: withFields({ ...asOf, ...notStored, ...fieldsOf(codes) }),
    content: { "application/problem+json": { schema: exact, examples } },
  };
}

function fieldsOf(codes: FailureCode[]) {
  return {
    ...(codes.some(saysWhen) && retryAfter),
    ...(codes.includes("unauthenticated") && challenge),
    ...(codes.includes("range-not-satisfiable") && unsatisfiedRange),
  };
}

/** Whether the answer tells when it makes sense to ask again. */
function saysWhen(code: FailureCode): boolean {
  return failureTable[code].retryable || code === "idempotency-key-in-use";
}

function exampleOf(code: FailureCode) {
  const { title, retryable } = failureTable[code];
  return { type: typeOf(code), title, status: statusOf[code], instance: "/v1/accounts/ada", code, retryable };
}

const typeOf = (code: FailureCode): string => `urn:postern:problem:${code}`;

function pascal(code: string): string {
  return code.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}
