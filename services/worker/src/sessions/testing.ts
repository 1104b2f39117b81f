import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Call, type Failure, isFailure, newReport } from "@postern/protocol";
import type { Behaviour, Script, ScriptedConnection, ScriptedServer } from "@postern/test/servers/scripted";
import { connectSession, type ImapSession } from "../imap/index.ts";
import type { Borrow } from "../mail/ports.ts";
import type { Reach } from "./account-sessions.ts";
import { createSessions, type LiveSessions, type SessionsOptions } from "./sessions.ts";

/** For tests: the sessions of a process, with a clock that goes when it is told to. */
export interface SessionsHouse {
  sessions: LiveSessions;
  /** Milliseconds. */
  clock: { now: number };
  /** What all accounts are registered with; a test changes it as an operator does. */
  settings: { generation: number; password: string; refusal: string | null; failure: Failure | null };
  /** The states that accounts came to, with what was said of them. */
  states: string[];
  /** How often somebody began to connect. */
  attempts: () => number;
  use<T>(work: (session: ImapSession) => Promise<T>, wish?: Wish): Promise<T>;
  /** A job that holds a session until it is let go. */
  hold(wish?: Wish): Holding;
}

export interface Wish extends Partial<Omit<Borrow, "call">> {
  signal?: AbortSignal;
  withinMs?: number;
}

export interface Holding {
  /** Resolves when it has a session. */
  started: Promise<void>;
  hasStarted: () => boolean;
  letGo: () => void;
  done: Promise<void>;
}

export interface Server {
  host: string;
  port: number;
}

export function houseAt(t: TestContext, server: Server, options: Partial<SessionsOptions> = {}): SessionsHouse {
  const clock = { now: 1_000_000 };
  const settings: SessionsHouse["settings"] = { generation: 1, password: "secret", refusal: null, failure: null };
  const states: string[] = [];
  let attempts = 0;
  const sessions = createSessions({
    connect: (how) => {
      attempts += 1;
      return connectSession(how);
    },
    reach: async (account): Promise<Reach> => {
      if (settings.failure) throw settings.failure;
      const { generation, password, refusal } = settings;
      const endpoint = { ...server, address: server.host, security: "none", tls: null } as const;
      return {
        generation,
        refusal,
        host: server.host,
        options: async () => ({ ...endpoint, user: account, secret: { password } }),
      };
    },
    onState: (_, generation, state, detail) => states.push(`${generation} ${state}${detail ? `: ${detail}` : ""}`),
    onCommand: () => undefined,
    now: () => clock.now,
    random: () => 1,
    ...options,
  });
  t.after(() => sessions.destroy());
  const use: SessionsHouse["use"] = (work, { signal, withinMs = 600_000, ...wish } = {}) => {
    const call = newCall(clock.now + withinMs, signal);
    return sessions.use({ account: "ada", lane: "interactive", ...wish, call }, work);
  };
  return { sessions, clock, settings, states, attempts: () => attempts, use, hold: (wish) => hold(use, wish) };
}

function hold(use: SessionsHouse["use"], wish?: Wish): Holding {
  const started = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  let hasStarted = false;
  const done = use(async (session) => {
    await session.noop();
    hasStarted = true;
    started.resolve();
    await end.promise;
  }, wish);
  done.catch(started.reject);
  started.promise.catch(() => undefined);
  return { started: started.promise, hasStarted: () => hasStarted, letGo: end.resolve, done };
}

function newCall(deadline: number, signal = new AbortController().signal): Call {
  return { requestId: "test", actor: "admin", deadline, signal, report: newReport() };
}

/** The failure that a promise ends in; anything else fails the test. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const outcome = await promise.then(
    () => new Error("it went well"),
    (error: unknown) => error,
  );
  if (isFailure(outcome)) return outcome;
  throw outcome;
}

export function count(server: ScriptedServer, name: string): number {
  return server.commands.filter((command) => command.name === name).length;
}

export const letIn: Behaviour = async (connection, { tag }) => {
  connection.loggedIn = true;
  await connection.say(`${tag} OK [CAPABILITY IMAP4rev1] Logged in`);
};

/** A server that lets so many in at a time, and does `otherwise` to the others' LOGIN. */
export function limitedTo(limit: number, otherwise: Behaviour): { script: Script; most: () => number } {
  const seated = new Set<ScriptedConnection>();
  let most = 0;
  const login: Behaviour = async (connection, command) => {
    for (const other of seated) if (!other.open) seated.delete(other);
    if (seated.size >= limit) return otherwise(connection, command);
    seated.add(connection);
    most = Math.max(most, seated.size);
    return letIn(connection, command);
  };
  return { script: { on: { LOGIN: login } }, most: () => most };
}

export async function told(failure: Promise<Failure>, code: Failure["code"], detail: RegExp): Promise<void> {
  const { code: actual, detail: words } = await failure;
  assert.equal(actual, code, words ?? "");
  assert.match(words ?? "", detail);
}
