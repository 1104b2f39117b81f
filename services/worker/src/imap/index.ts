export { connectSession } from "./connect.ts";
export type * from "./session.ts";
