export { Fenced } from "./fenced.ts";
export { NewerStoreError } from "./newer.ts";
export { openStore, type StoreConfig } from "./open.ts";
export { openRedisStore, type RedisStoreOptions } from "./redis/store.ts";
export { type ResealCounts, reseal } from "./reseal.ts";
export { KeyRing, SealError, accountSealContext, webhookSealContext } from "./seal.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./sqlite/store.ts";
export type * from "./store.ts";
