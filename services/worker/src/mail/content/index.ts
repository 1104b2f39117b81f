export { authenticationOf } from "./authentication.ts";
export { invitesOf } from "./invites.ts";
export { replyTextOf } from "./reply.ts";
export { listUnsubscribeOf } from "./unsubscribe.ts";
export { decodeHeaders, rawHeaders, referencesOf } from "./headers.ts";
export { sanitizeHtml, sanitizeMarking } from "./html.ts";
export { decodeParameters } from "./parameters.ts";
export {
  attachmentsOf,
  chooseBody,
  filenameOf,
  leavesOf,
  MAX_DEPTH,
  MAX_PARTS,
  mayHaveMoreParts,
  partsOf,
} from "./parts.ts";
export { snippetOf } from "./snippet.ts";
export { decodeText, htmlOfText, textOfHtml } from "./text.ts";
export { decodePieces, encodingOf } from "./transfer.ts";
export { decodeWords } from "./words.ts";
