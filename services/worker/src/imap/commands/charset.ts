import iconv from "iconv-lite";
import { isFailure } from "@postern/protocol";
import type { Command, Connection } from "../connection.ts";
import type { Part } from "../encode.ts";
import { octetsOf, listOf, type StatusResponse } from "../response.ts";

/**
 * Runs a command whose literals are UTF-8. A server that does not know it says which charsets it knows (RFC 9051
 * section 7.1, BADCHARSET); the first of them that can hold the text is tried then.
 */
export async function runInCharset(
  connection: Connection,
  build: (charset: string, key: Part[]) => Omit<Command, "onRefused">,
  key: Part[],
): Promise<void> {
  let known: string[] = [];
  const onRefused = (response: StatusResponse): void => {
    if (response.code === "BADCHARSET") known = charsetsOf(response);
  };
  try {
    await connection.run({ ...build("UTF-8", key), onRefused });
  } catch (error) {
    if (!isFailure(error) || error.upstream?.code !== "BADCHARSET") throw error;
    for (const charset of known) {
      const converted = convert(key, charset);
      if (converted) return void (await connection.run(build(charset, converted)));
    }
    throw error;
  }
}

function charsetsOf({ codeValues }: StatusResponse): string[] {
  return listOf(codeValues[0]).flatMap((value) => {
    const name = octetsOf(value);
    return name !== null && /^[A-Za-z0-9:._-]{1,40}$/.test(name) && iconv.encodingExists(name) ? [name] : [];
  });
}

/** Null where the charset cannot hold the text. */
function convert(key: Part[], charset: string): Part[] | null {
  const parts: Part[] = [];
  for (const part of key) {
    if (typeof part === "string") {
      parts.push(part);
      continue;
    }
    const text = part.literal.toString("utf8");
    const literal = iconv.encode(text, charset);
    if (iconv.decode(literal, charset) !== text) return null;
    parts.push({ literal });
  }
  return parts;
}
