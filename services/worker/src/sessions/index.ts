export type { Reach } from "./account-sessions.ts";
export { createSessions, type LiveSessions, type SessionsOptions } from "./sessions.ts";
