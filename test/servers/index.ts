export {
  type Credentials,
  type DovecotOptions,
  type DovecotServer,
  type DovecotUser,
  startDovecot,
} from "./dovecot.ts";
export { type RecordingProxy, startRecordingProxy } from "./proxy.ts";
export { type RedisServer, startRedis } from "./redis.ts";
