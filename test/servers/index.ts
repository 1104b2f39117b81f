export { type Credentials, type DovecotOptions, type DovecotServer, startDovecot } from "./dovecot.ts";
export { type RedisServer, startRedis } from "./redis.ts";
