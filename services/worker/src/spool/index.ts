export { createSpool } from "./spool.ts";
