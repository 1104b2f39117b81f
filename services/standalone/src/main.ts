import { createGateway } from "@postern/gateway";
import { createLogger, runService, startTracing } from "@postern/service";
import { openStore } from "@postern/store";
import { createWorker } from "@postern/worker";
import { collectDefaultMetrics, Registry } from "prom-client";
import { readStandaloneConfig } from "./config.ts";

const log = createLogger({ level: process.env.POSTERN_LOG_LEVEL ?? "info", service: "standalone" });

await runService(async () => {
  const { face, dataDir, adminToken, ...settings } = readStandaloneConfig(process.env);
  const tracing = await startTracing(process.env, "standalone");
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const store = await openStore({ dataDir });
  // Nobody is sent to it: the storage is this process' own.
  const self = { id: "standalone", url: "http://standalone.invalid" };
  const worker = await createWorker({ ...settings, store, log, metrics, tracing, self: () => self, leaseMs: null });
  const gateway = await createGateway({
    mail: worker.mail,
    store,
    face,
    adminToken: adminToken.value,
    ring: settings.ring,
    log,
    metrics,
    traced: tracing !== null,
  });
  const url = await gateway.app.listen({ host: face.host, port: face.port });
  log.info({ url }, "listening");
  // Shown once, to whoever starts Postern for the first time, and never to the log.
  if (adminToken.isNew)
    process.stderr.write(`\nThe admin token, made just now and kept in ${dataDir}: ${adminToken.value}\n\n`);
  return {
    stop: async () => {
      await gateway.drain();
      await worker.stop();
      await store.close();
      await tracing?.stop();
    },
  };
}, log);
