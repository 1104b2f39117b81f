import { parse } from "fast-querystring";
import { TextMemory } from "@postern/protocol";

const parsed = new TextMemory<Record<string, unknown>>();

/** The same text is the same object, so that what is made of a query can be remembered with it. Nobody may change it. */
export function parseQuery(text: string): Record<string, unknown> {
  return parsed.recall(text, () => Object.freeze(parse(text)));
}
