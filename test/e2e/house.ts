import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { startRedis } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { type Service, startService } from "./service.ts";

/** Postern as it runs: its processes, and where to ask. */
export interface House {
  /** One base URL for each gateway. */
  urls: string[];
  adminToken: string;
  services: Service[];
  stop(): Promise<void>;
}

export type HouseKind = "together" | "apart";
export type ServiceName = "standalone" | "gateway" | "worker";

export const adminToken = `admin-${randomBytes(16).toString("hex")}`;

const common = {
  POSTERN_HOST: "127.0.0.1",
  POSTERN_PORT: "0",
  POSTERN_ADMIN_TOKEN: adminToken,
  POSTERN_ALLOWED_MAIL_HOSTS: "127.0.0.1,localhost",
  POSTERN_ALLOWED_IMAGE_HOSTS: "127.0.0.1",
  POSTERN_SECRET_KEYS: `test:${randomBytes(32).toString("base64")}`,
};

/** `together`: standalone. `apart`: two gateways and two workers with Redis between them. */
export function startHouse(kind: HouseKind, env: Record<string, string> = {}): Promise<House> {
  return kind === "together" ? startTogether({ ...common, ...env }) : startApart({ ...common, ...env });
}

async function startTogether(env: Record<string, string>): Promise<House> {
  const service = await start("standalone", { POSTERN_DATA_DIR: temporaryFolder("postern-data-"), ...env });
  return { urls: [service.url], adminToken, services: [service], stop: service.stop };
}

async function startApart(env: Record<string, string>): Promise<House> {
  const redis = await startRedis();
  const settings = { POSTERN_REDIS_URL: redis.url, ...env };
  const [workers, gateways] = await startBoth(settings).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  const stop = async (): Promise<void> => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await Promise.all(workers.map((worker) => worker.stop()));
    await redis.stop();
  };
  return { urls: gateways.map((gateway) => gateway.url), adminToken, services: [...gateways, ...workers], stop };
}

async function startBoth(settings: Record<string, string>): Promise<[workers: Service[], gateways: Service[]]> {
  const workers = await Promise.all([start("worker", settings), start("worker", settings)]);
  return [workers, await Promise.all([start("gateway", settings), start("gateway", settings)])];
}

function start(name: ServiceName, env: Record<string, string>): Promise<Service> {
  return startService(fileURLToPath(new URL(`../../services/${name}/src/main.ts`, import.meta.url)), env);
}

/** One more worker of a house whose settings are these. */
export function startWorker(env: Record<string, string>): Promise<Service> {
  return startOne("worker", env);
}

/** One more process of a house whose settings are these. */
export function startOne(name: ServiceName, env: Record<string, string>): Promise<Service> {
  return start(name, { ...common, ...env });
}

/** One more gateway. */
export function startGateway(env: Record<string, string>): Promise<Service> {
  return start("gateway", { ...common, ...env });
}
