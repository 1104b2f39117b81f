import { readFileSync } from "node:fs";
import { Failure } from "@postern/protocol";

/** Documents by their ids: `{"<sha256 or any id>": "query …"}`. Throws when the file is not that. */
export function readDocuments(path: string): ReadonlyMap<string, string> {
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
  const entries = Object.entries(parsed as Record<string, unknown>);
  const isOne = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  if (!entries.every(isOne)) throw new Error("trusted documents are to be a JSON object of texts");
  return new Map(entries);
}

/** The document to run. Where only trusted ones may, a text is taken if it is one of them. Throws `invalid-request`. */
export function documentOf(
  request: { query?: string | undefined; documentId?: string | undefined },
  trusted: ReadonlyMap<string, string> | null,
): string | undefined {
  if (trusted === null) return request.query;
  const found = request.documentId === undefined ? undefined : trusted.get(request.documentId);
  if (found !== undefined) return found;
  if (request.query !== undefined && [...trusted.values()].includes(request.query)) return request.query;
  throw new Failure("invalid-request", { detail: "Only trusted documents run here: send the `documentId` of one." });
}
