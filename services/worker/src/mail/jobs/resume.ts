import { type ChangeAction, type ChangeResult, Failure, type Message } from "@postern/protocol";
import { holds } from "../change-flags.ts";

/**
 * What is told of a message in the part of a job that was under way when its process died. Whether something may be done
 * again depends on what it is: flags are as they are to be or not, what was to be deleted is there or not, and MOVE leaves
 * nothing half done. A copy that was made leaves no trace that it was this one.
 */
export function mayRepeat(action: ChangeAction, canMove: boolean): boolean {
  if ("copy" in action) return false;
  const moves = "move" in action || ("delete" in action && !action.delete.permanent);
  return !moves || canMove;
}

export function afterRepeat(action: ChangeAction, result: ChangeResult): ChangeResult {
  if (result.ok) return result;
  const { id, failure } = result;
  if ("flags" in action) {
    const current = failure.current as Message | undefined;
    const isDone = failure.code === "precondition-failed" && current && holds(action.flags, current.flags ?? []);
    return isDone ? { id, ok: true, message: current } : result;
  }
  if (failure.code !== "message-gone") return result;
  if ("delete" in action && action.delete.permanent) return { id, ok: true, message: null };
  return unknownResult(id);
}

export function unknownResult(id: string): ChangeResult {
  const failure = new Failure("outcome-unknown", {
    detail: "The process that was changing the message is gone, and nothing tells how far it came.",
    outcome: "unknown",
  });
  return { id, ok: false, failure: failure.toJSON() };
}
