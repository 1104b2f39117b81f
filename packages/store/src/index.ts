export { KeyRing, SealError, accountSealContext } from "./seal.ts";
export { openSqliteStore } from "./sqlite/store.ts";
export type * from "./store.ts";
