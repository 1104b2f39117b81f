export { fenceMailboxes, guardSessions, underEpoch } from "./fence.ts";
export { guardMail } from "./guard.ts";
export { createOwnership, type LiveOwnership } from "./ownership.ts";
