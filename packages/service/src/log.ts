import { type DestinationStream, type Logger, pino } from "pino";

/** Wherever one of these turns up in a log line, it is a secret or somebody's mail. */
const secretKeys = new Set([
  "authorization",
  "cookie",
  "password",
  "accessToken",
  "refreshToken",
  "secret",
  "token",
  "ticket",
  "sealed",
  "user",
  "subject",
  "text",
  "html",
  "snippet",
]);
const DEEPEST = 4;

/**
 * JSON lines to standard output (or `destination`). Error objects lose what libraries hang on them beside message and stack.
 *
 * Pino's own redaction costs more than all the rest of a small request where paths have wildcards; looking at the keys of
 * what is logged costs next to nothing.
 */
export function createLogger(
  options: { level: string; service: string },
  destination: DestinationStream = standardOutput(),
): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service },
    formatters: { log: (line: Record<string, unknown>) => redacted(line) },
    serializers: { err: plainError },
  };
  return pino(settings, destination);
}

/** Octets of lines that are written at once, and how long a line waits for others at most. */
const BATCH_OCTETS = 64 << 10;
const BATCH_MS = 50;

/**
 * To write each line by itself would cost more than many a request does. What has not been written when the process exits
 * is written then.
 */
function standardOutput(): DestinationStream & { flushSync(): void } {
  const output = pino.destination({ sync: false, minLength: BATCH_OCTETS, maxWrite: 2 * BATCH_OCTETS });
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    timer = null;
    output.flush();
  };
  return {
    write: (line) => {
      output.write(line);
      timer ??= setTimeout(flush, BATCH_MS).unref();
    },
    flushSync: () => output.flushSync(),
  };
}

/** The same, or a copy where a secret is in it. What lies deeper than lines are made is left out. */
function redacted(of: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let copy: Record<string, unknown> | null = null;
  for (const [key, value] of Object.entries(of)) {
    const shown = secretKeys.has(key) ? "[redacted]" : isRecord(value) ? within(value, depth) : value;
    if (shown !== value) copy = { ...(copy ?? of), [key]: shown };
  }
  return copy ?? of;
}

function within(value: Record<string, unknown>, depth: number): unknown {
  return depth >= DEEPEST ? "[too deep]" : redacted(value, depth + 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Error);
}

interface PlainError {
  type: string;
  message: string;
  code?: unknown;
  stack?: string | undefined;
  cause?: PlainError;
}

function plainError(error: unknown, depth = 0): PlainError {
  if (!(error instanceof Error)) return { type: typeof error, message: "a value that is no error was thrown" };
  return {
    type: error.name,
    message: error.message,
    ...("code" in error && { code: error.code }),
    stack: error.stack,
    ...(error.cause !== undefined && depth < 3 && { cause: plainError(error.cause, depth + 1) }),
  };
}

export type { Logger };
