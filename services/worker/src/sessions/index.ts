export type { Reach } from "./account-sessions.ts";
export { createSessions, type LiveSessions } from "./sessions.ts";
