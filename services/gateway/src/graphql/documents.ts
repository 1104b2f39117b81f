import { readFileSync } from "node:fs";
import { Failure } from "@postern/protocol";
import { ConfigurationError } from "@postern/service";
import * as z from "zod";

const file = z.record(z.string().min(1), z.string().min(1));

/** The documents that may run, by their ids. */
export type TrustedDocuments = ReadonlyMap<string, string>;

/** Reads `{"<id>": "query …"}`. Throws `ConfigurationError` when the file is not that. */
export function readDocuments(path: string): TrustedDocuments {
  const parsed = file.safeParse(readJson(path));
  if (!parsed.success)
    throw new ConfigurationError("POSTERN_GRAPHQL_DOCUMENTS: the file is to be a JSON object of texts by their ids");
  return new Map(Object.entries(parsed.data).map(([id, text]) => [bare(id), text]));
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigurationError("POSTERN_GRAPHQL_DOCUMENTS: the file cannot be read as JSON", { cause: error });
  }
}

/** Clients that follow the draft's appendix on persisted documents name the kind of a hash, the files of most tools do not. */
function bare(id: string): string {
  return id.replace(/^sha256:/, "");
}

/** The document to run. Where only trusted ones may, a text is taken if it is one of them. Throws `invalid-request`. */
export function documentOf(
  request: { query?: string | undefined; documentId?: string | undefined },
  trusted: TrustedDocuments | null,
): string | undefined {
  if (trusted === null) return request.query;
  if (request.query === undefined && request.documentId === undefined) return undefined;
  const found = request.documentId === undefined ? undefined : trusted.get(bare(request.documentId));
  const text = found ?? request.query;
  if (text !== undefined && (text === found || [...trusted.values()].includes(text))) return text;
  throw new Failure("invalid-request", {
    detail: "Only trusted documents run here: send the `documentId` of one.",
    errors: [{ path: request.documentId === undefined ? "query" : "documentId", message: "is not a trusted document" }],
  });
}
