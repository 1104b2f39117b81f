import { comparePositions, type Position } from "@postern/protocol";
import type { LogSpan } from "./store.ts";

/** Whether a sequence can be read from there. */
export function isWithin({ oldest, head }: LogSpan, at: Position): boolean {
  return comparePositions(at, oldest) >= 0 && comparePositions(at, head) <= 0;
}
