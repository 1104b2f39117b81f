export { decodeCharset } from "./charset.ts";
export { decodeHeaders, rawHeaders, referencesOf } from "./headers.ts";
export { type SafeHtml, sanitizeHtml } from "./html.ts";
export { attachmentsOf, type Body, chooseBody, filenameOf, type Leaf, leavesOf, partsOf } from "./parts.ts";
export { snippetOf } from "./snippet.ts";
export { decodeText, textOfHtml } from "./text.ts";
export { decodePieces, encodingOf } from "./transfer.ts";
export { decodeWords } from "./words.ts";
