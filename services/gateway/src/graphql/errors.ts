import { Failure, failureTable, isFailure } from "@postern/protocol";
import { GraphQLError, type GraphQLFormattedError } from "graphql";

/** What an error tells of itself beside its text: the same code as in REST. */
export interface ErrorExtensions {
  code: string;
  retryable?: boolean;
  upstream?: unknown;
  errors?: unknown;
  retryAfter?: number;
  [extra: string]: unknown;
}

/** An error of execution. What nobody expected keeps its text to itself. */
export function formatError(error: GraphQLError, onUnexpected: (error: unknown) => void): GraphQLFormattedError {
  const { originalError, message, locations, path } = error;
  const place = { ...(locations && { locations }), ...(path && { path }) };
  if (!originalError || originalError instanceof GraphQLError) {
    return { message, ...place, extensions: { code: "invalid-request", retryable: false } };
  }
  const failure = Failure.from(originalError);
  if (!isFailure(originalError) || failure.code === "internal") onUnexpected(originalError);
  return { message: failure.detail ?? failure.title, ...place, extensions: extensionsOf(failure) };
}

export function extensionsOf({ code, upstream, errors, retryAfter, outcome }: Failure): ErrorExtensions {
  return {
    code,
    retryable: failureTable[code].retryable,
    ...(upstream && { upstream }),
    ...(errors && { errors }),
    ...(outcome && { outcome }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}
