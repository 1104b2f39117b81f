import { test } from "node:test";
import { startRedis } from "@postern/test/servers";
import { trims } from "../contract/events.ts";
import { redisEvents } from "./events.ts";
import { Growth } from "./growth.ts";
import { Link } from "./link.ts";
import { openRedisStore } from "./store.ts";
import { parseRedisUrl } from "./url.ts";

test("the log of an account is bounded, and who would miss something is told", async (t) => {
  const redis = await startRedis();
  t.after(redis.stop);
  const { accounts, close } = await openRedisStore({ durableUrl: redis.url });
  t.after(close);
  const link = new Link(parseRedisUrl(redis.url));
  t.after(() => link.close());
  await link.connected(10_000);
  const growth = new Growth(parseRedisUrl(redis.url));
  await trims({ accounts, events: redisEvents(link, growth, { kept: 10, slack: 5 }) });
});
