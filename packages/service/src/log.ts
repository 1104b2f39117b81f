import { type DestinationStream, type Logger, pino } from "pino";

/** Wherever one of these turns up in a log line, it is a secret or somebody's mail. */
const secretKeys = [
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
];

/** The paths of a secret at the line's top, and one and two levels down. */
const redactedPaths = secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** JSON lines to standard output (or `destination`). Error objects lose what libraries hang on them beside message and stack. */
export function createLogger(options: { level: string; service: string }, destination?: DestinationStream): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service },
    redact: { paths: redactedPaths, censor: "[redacted]" },
    serializers: { err: plainError },
  };
  return destination ? pino(settings, destination) : pino(settings);
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
