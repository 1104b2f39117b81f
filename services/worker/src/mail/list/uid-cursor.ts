import { Failure } from "@postern/protocol";
import { cursorExpired, type ListRequest } from "./request.ts";

/** The UID from which a list in the order of UIDs goes on; null: from its beginning. */
export function uidCursor({ cursor }: ListRequest, uidValidity: number): number | null {
  if (cursor === null) return null;
  if (cursor.order !== "uid") throw new Failure("cursor-mismatch");
  if (cursor.uidValidity !== uidValidity) throw cursorExpired();
  return cursor.uid;
}
