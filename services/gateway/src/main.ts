import { createLogger, runService, startTracing } from "@postern/service";
import { openStore } from "@postern/store";
import { connectMail, followWorkers, routeMail } from "@postern/wire";
import { collectDefaultMetrics, Registry } from "prom-client";
import { readGatewayConfig } from "./config.ts";
import { createGateway } from "./gateway.ts";

const log = createLogger({ level: process.env.POSTERN_LOG_LEVEL ?? "info", service: "gateway" });

await runService(async () => {
  const { face, redisUrl, cacheRedisUrl, adminToken, ring, clusterSecret } = readGatewayConfig(process.env);
  const tracing = await startTracing(process.env, "gateway");
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const store = await openStore({ redisUrl, cacheRedisUrl });
  const workers = followWorkers(store.workers);
  await workers.refresh();
  const far = routeMail({ workers: workers.current, connect: (url) => connectMail({ url, secret: clusterSecret }) });
  const traced = tracing !== null;
  const gateway = await createGateway({ mail: far.mail, store, face, adminToken, ring, log, metrics, traced });
  const url = await gateway.app.listen({ host: face.host, port: face.port });
  log.info({ url }, "listening");
  return {
    stop: async () => {
      await gateway.drain();
      workers.close();
      await far.close();
      await store.close();
      await tracing?.stop();
    },
  };
}, log);
