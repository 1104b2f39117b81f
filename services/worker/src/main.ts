import { randomUUID } from "node:crypto";
import { createLogger, runService, startTracing } from "@postern/service";
import { openStore } from "@postern/store";
import { announceWorker } from "@postern/wire";
import { collectDefaultMetrics, Registry } from "prom-client";
import { readWorkerConfig } from "./config.ts";
import { untilLeftAlone, workerHttp } from "./http.ts";
import { createWorker } from "./worker.ts";

const log = createLogger({ level: process.env.POSTERN_LOG_LEVEL ?? "info", service: "worker" });

await runService(async () => {
  const config = readWorkerConfig(process.env);
  const tracing = await startTracing(process.env, "worker");
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const store = await openStore({ redisUrl: config.redisUrl, cacheRedisUrl: config.cacheRedisUrl });
  const self = { id: randomUUID(), url: config.advertiseUrl ?? "" };
  const worker = await createWorker({ ...config, store, log, metrics, tracing, self: () => self });
  let draining = false;
  const app = workerHttp({
    mail: worker.mail,
    secret: config.clusterSecret,
    log,
    metrics,
    isDraining: () => draining,
    ping: store.ping,
  });
  const url = await app.listen({ host: config.host, port: config.port });
  self.url = config.advertiseUrl ?? url;
  const announcement = announceWorker(store.workers, self);
  await announcement.started;
  log.info({ url }, "listening");
  return {
    stop: async () => {
      draining = true;
      await announcement.withdraw();
      await worker.handOver();
      await untilLeftAlone(app.server);
      await app.close();
      await worker.stop();
      await store.close();
      await tracing?.stop();
    },
  };
}, log);
