import assert from "node:assert/strict";
import type { DovecotServer } from "../servers/index.ts";
import { type Ask, type Asking } from "./client.ts";

/** How an answer came about. */
export interface Explanation {
  roundTrips: number;
  commands: { command: string; ms: number; octets: number; ok: boolean; shared: boolean }[];
  octets: number;
  imapMs: number;
  waitMs: number;
  cache: { hits: number; misses: number };
  remarks: string[];
}

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions: {
    code: string;
    retryable?: boolean;
    upstream?: { status: string | null; text: string };
    errors?: { path: string; message: string }[];
  };
}

export interface GraphqlAnswer<T> {
  data: T;
  errors?: GraphqlError[];
  extensions?: { asOf?: string; imap?: Explanation };
}

/** Asks a query and takes the answer as it is. */
export async function run<T>(
  ask: Ask,
  query: string,
  variables?: Record<string, unknown>,
  asking: Asking = {},
): Promise<GraphqlAnswer<T>> {
  const { status, body } = await ask<GraphqlAnswer<T>>("/graphql", { body: { query, variables }, ...asking });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

/** Asks a query that is to have no errors. */
export async function dataOf<T>(ask: Ask, query: string, variables?: Record<string, unknown>): Promise<T> {
  const { data, errors } = await run<T>(ask, query, variables);
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Codes of all errors of an answer. */
export function codesOf({ errors = [] }: { errors?: GraphqlError[] }): string[] {
  return errors.map(({ extensions }) => extensions.code);
}

/** Registers the mailbox of the server's user with this name, reached directly or by way of somebody else. */
export async function register(
  ask: Ask,
  dovecot: DovecotServer,
  id: string,
  { host, port }: { host: string; port: number } = dovecot,
): Promise<void> {
  const { user, password } = dovecot.user(id);
  const imap = { host, port, security: "none", user, password };
  const { status, body } = await ask("/v1/accounts", { body: { id, imap } });
  assert.equal(status, 201, JSON.stringify(body));
}
