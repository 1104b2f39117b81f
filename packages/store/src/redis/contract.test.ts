import { startRedis } from "@postern/test/servers";
import { storeContract } from "../contract/index.ts";
import { openRedisStore } from "./store.ts";

storeContract("the Redis store", async () => {
  const redis = await startRedis();
  return { open: () => openRedisStore({ durableUrl: redis.url }), stop: redis.stop };
});
