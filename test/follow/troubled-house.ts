import { once } from "node:events";
import fc from "fast-check";
import { request } from "undici";
import { adminToken, type HouseKind, type ServiceName, startOne } from "../e2e/house.ts";
import type { Service } from "../e2e/service.ts";
import { type RedisServer, startRedis } from "../servers/index.ts";
import { temporaryFolder } from "../servers/process.ts";
import { Front } from "./front.ts";

/** What befalls those who serve: ended as on a restart, killed, or frozen until others have noticed. */
export interface Trouble {
  who: "gateway" | "worker" | "redis";
  how: "stopped" | "killed" | "frozen";
  which: number;
}

export const trouble: fc.Arbitrary<Trouble> = fc.record({
  who: fc.constantFrom("gateway", "worker", "redis"),
  how: fc.constantFrom("stopped", "killed", "frozen"),
  which: fc.nat(1),
});

const env = {
  POSTERN_ALLOWED_WEBHOOK_HOSTS: "127.0.0.1",
  POSTERN_WEBHOOK_RETRIES: "0.2,0.5,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
  POSTERN_WEBHOOK_TIMEOUT: "2",
};
const PATIENCE_MS = 10_000;
/** How long another one may take to notice that somebody is frozen. */
const LEASE_SECONDS = 2;

/** Postern behind one address, whose processes come to harm. */
export class TroubledHouse {
  readonly front: Front;
  readonly token = adminToken;
  private readonly env: Record<string, string>;
  private readonly redis: { folder: string; port: number; server: RedisServer } | null;
  private readonly services: Record<"gateway" | "worker", Service[]> = { gateway: [], worker: [] };
  private readonly kind: HouseKind;

  private constructor(kind: HouseKind, front: Front, redis: TroubledHouse["redis"]) {
    this.kind = kind;
    this.front = front;
    this.redis = redis;
    this.env = redis
      ? { ...env, POSTERN_REDIS_URL: redis.server.url, POSTERN_LEASE_SECONDS: `${LEASE_SECONDS}` }
      : { ...env, POSTERN_DATA_DIR: temporaryFolder("postern-data-") };
  }

  static async start(kind: HouseKind): Promise<TroubledHouse> {
    const house = new TroubledHouse(kind, await Front.start(), kind === "apart" ? await startKeptRedis() : null);
    const names: ServiceName[] = kind === "apart" ? ["worker", "worker", "gateway", "gateway"] : ["standalone"];
    await Promise.all(names.map((name) => house.add(name)));
    return house;
  }

  private async add(name: ServiceName): Promise<void> {
    const service = await startOne(name, this.env);
    this.services[name === "worker" ? "worker" : "gateway"].push(service);
    this.aim();
  }

  private aim(): void {
    this.front.targets = this.services.gateway.map(({ url }) => url);
  }

  /** Over when somebody else serves in its place, or it does again; frozen at least for as long as something else lasts. */
  async befall({ who, how, which }: Trouble, meanwhile: Promise<unknown>): Promise<void> {
    if (this.redis && who === "redis") return this.troubleRedis(this.redis, how, meanwhile);
    const role = this.redis && who === "worker" ? "worker" : "gateway";
    const service = this.services[role][which % this.services[role].length];
    if (!service) throw new Error(`there is no ${role}`);
    if (how === "frozen") return this.freeze(service, role, meanwhile);
    const exited = once(service.process, "exit");
    service.process.kill(how === "stopped" ? "SIGTERM" : "SIGKILL");
    this.services[role] = this.services[role].filter((other) => other !== service);
    this.aim();
    const starting = this.kind === "apart" ? this.add(role) : exited.then(() => this.add("standalone"));
    await Promise.all([exited, starting]);
  }

  private async freeze(service: Service, role: "gateway" | "worker", meanwhile: Promise<unknown>): Promise<void> {
    const pid = service.process.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      const others = this.services.gateway.filter((other) => other !== service);
      // Answered by another: where it is a worker that is frozen, its accounts have gone over.
      if (role === "worker") await Promise.all(this.accounts.map((account) => this.answered(others, account)));
      await meanwhile;
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }

  /** Those that are served. */
  accounts: string[] = [];

  private async answered(gateways: readonly Service[], account: string): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      const url = `${gateways[turn % gateways.length]?.url}/v1/accounts/${account}/messages?limit=1`;
      const headers = { authorization: `Bearer ${this.token}` };
      const answer = await request(url, { headers, reset: true, headersTimeout: PATIENCE_MS }).catch(() => null);
      await answer?.body.dump().catch(() => undefined);
      if (answer?.statusCode === 200) return;
    }
  }

  private async troubleRedis(
    redis: NonNullable<TroubledHouse["redis"]>,
    how: Trouble["how"],
    meanwhile: Promise<unknown>,
  ): Promise<void> {
    const { pid } = redis.server;
    if (how === "frozen") {
      process.kill(pid, "SIGSTOP");
      try {
        await Promise.all([meanwhile, ...this.services.gateway.map(untilDegraded)]);
      } finally {
        process.kill(pid, "SIGCONT");
      }
      return;
    }
    process.kill(pid, how === "stopped" ? "SIGTERM" : "SIGKILL");
    await redis.server.stop();
    redis.server = await startRedis({ ...redis, args: keeping });
  }

  async stop(): Promise<void> {
    this.front.stop();
    const { gateway, worker } = this.services;
    await Promise.all(gateway.map((service) => service.stop()));
    await Promise.all(worker.map((service) => service.stop()));
    await this.redis?.server.stop();
  }

  /** What the processes that run have logged, for those who look into what went wrong. */
  logs(): string[] {
    return [...this.services.gateway, ...this.services.worker].flatMap(({ log }) => log);
  }
}

/** What was acknowledged is on the disk. */
const keeping = ["--appendonly", "yes", "--appendfsync", "always"];

async function startKeptRedis(): Promise<NonNullable<TroubledHouse["redis"]>> {
  const folder = temporaryFolder("postern-kept-");
  const server = await startRedis({ folder, args: keeping });
  return { folder, port: server.port, server };
}

async function untilDegraded({ url }: Service): Promise<void> {
  for (;;) {
    const answer = await request(`${url}/readyz`, { reset: true });
    const { status } = (await answer.body.json()) as { status: string };
    if (status === "degraded") return;
  }
}
