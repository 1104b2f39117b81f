import { setTimeout as delay } from "node:timers/promises";
import { PlainImap } from "./plain-imap.ts";
import type { Random } from "./random.ts";
import { type Account, MOST_CONNECTIONS, type World } from "./world.ts";

/** What goes wrong. Each is over, and all is whole again, when its promise resolves. */
export type Fault = (world: World, random: Random) => Promise<void>;

const someone = (world: World, random: Random): Account => random.of(world.accounts);

/** For a while the network is like this. */
const weather =
  (change: Partial<World["line"]["weather"]>, ms: [low: number, high: number]): Fault =>
  async ({ line }, random) => {
    Object.assign(line.weather, change);
    await delay(random.between(...ms));
    line.clear();
  };

async function signalAll(pids: readonly number[], signal: NodeJS.Signals): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

/** Holds those processes for a while. */
async function freeze(pids: readonly number[], ms: number): Promise<void> {
  await signalAll(pids, "SIGSTOP");
  await delay(ms);
  await signalAll(pids, "SIGCONT");
}

export const faults = {
  /** The mail server goes, at once or in order, and comes back. */
  "imap-restart": async (world, random) => {
    const signal = random.of(["SIGTERM", "SIGKILL"] as const);
    const serving = await world.imapPids();
    const outage = world.outage(world.dovecot, world.dovecot.masterPid(), signal, random.between(100, 2_000));
    await signalAll(serving, signal);
    await outage;
  },
  /** What serves one user's connections dies while something is fetched. */
  "imap-kill": async (world, random) => {
    await Promise.race([world.line.next("FETCH"), delay(2_000)]);
    await signalAll(await world.imapPids(someone(world, random).id), "SIGKILL");
  },
  "imap-freeze": async (world, random) =>
    freeze(await world.imapPids(someone(world, random).id), random.between(500, 4_000)),
  /** Connections are cut in the middle of what the server says. */
  cut: async ({ line }, random) => {
    for (let times = 0; times < 4; times += 1) {
      line.cutAfter(random.of([1, 20, 300, 4_000, 60_000]), "server");
      await delay(random.between(100, 400));
    }
    line.cutAfter(Number.POSITIVE_INFINITY, "server");
  },
  /** Connections are cut in the middle of what the client says. */
  "cut-sent": async ({ line }, random) => {
    for (let times = 0; times < 4; times += 1) {
      line.cutAfter(random.of([1, 10, 40, 400, 4_000]), "client");
      await delay(random.between(100, 400));
    }
    line.cutAfter(Number.POSITIVE_INFINITY, "client");
  },
  /** The server's end of every connection is gone, and no packet says so. */
  "half-open": async ({ line }) => line.forsake(),
  latency: weather({ delayMs: 500 }, [2_000, 4_000]),
  throttle: weather({ bytesPerSecond: 8_192 }, [2_000, 4_000]),
  unreachable: async (world, random) => {
    world.line.cutAfter(0, "client");
    await weather({ isClosed: true }, [500, 2_000])(world, random);
    world.line.cutAfter(Number.POSITIVE_INFINITY, "client");
  },
  bye: async (world, random) => {
    for (let times = 0; times < 3; times += 1) {
      await world.kick(someone(world, random).id);
      await delay(random.between(50, 500));
    }
  },
  /** Others have all the connections that the server allows a user. */
  "connection-limit": async (world, random) => {
    const { id, password } = someone(world, random);
    await world.kick(id);
    const logins = Array.from({ length: MOST_CONNECTIONS }, () => PlainImap.login(world.dovecot, id, password));
    const others = await Promise.all(logins);
    await delay(random.between(1_000, 3_000));
    for (const other of others) other?.close();
  },
  /** The password is another one; after a while the account is given it. */
  password: async (world, random) => {
    const account = someone(world, random);
    await world.rule(account, { password: `secret-${random.below(1_000_000)}` });
    await delay(random.between(500, 2_000));
    await world.tellPassword(account);
  },
  quota: async (world, random) => {
    const account = someone(world, random);
    const { quota } = account;
    await world.rule(account, { quota: "1K" });
    await delay(random.between(1_000, 3_000));
    await world.rule(account, { quota });
  },
  uidvalidity: async (world, random) => {
    const account = someone(world, random);
    const box = random.of(["INBOX", "Box", "Shelf"] as const);
    account.resets.set(box, (account.resets.get(box) ?? 0) + 1);
    const value = 2_000_000_000 + random.below(1_000_000_000);
    await world.resetTo(account, box, value);
  },
  "redis-kill": async (world, random) =>
    world.outage(world.redis, await world.redisPid(world.redis), "SIGKILL", random.between(100, 3_000)),
  "redis-freeze": async (world, random) => freeze([await world.redisPid(world.redis)], random.between(500, 5_000)),
  "cache-flush": async (world) => void (await world.redisCli(world.cache, "FLUSHALL")),
  "cache-kill": async (world, random) =>
    world.outage(world.cache, await world.redisPid(world.cache), "SIGKILL", random.between(100, 3_000)),
  "cache-full": async (world, random) => {
    await world.redisCli(world.cache, "CONFIG", "SET", "maxmemory", "1");
    await delay(random.between(1_000, 3_000));
    await world.redisCli(world.cache, "CONFIG", "SET", "maxmemory", "0");
  },
  "worker-kill": async (world, random) => {
    const at = random.below(world.workers.length);
    const [killed] = world.workers.splice(at, 1);
    if (killed) await world.end(killed, "SIGKILL");
    world.workers.push(await world.newWorker());
  },
  "worker-freeze": async (world, random) => {
    const { process } = random.of(world.workers);
    await freeze([process.pid ?? 0], random.between(500, 12_000));
  },
  "worker-restart": async (world) => {
    world.workers.push(await world.newWorker());
    const old = world.workers.shift();
    if (old) await world.end(old, "SIGTERM");
  },
  "gateway-roll": async (world) => {
    world.gateways.push(await world.newGateway());
    const old = world.gateways.shift();
    if (old) await world.end(old, "SIGTERM");
  },
  "gateway-kill": async (world) => {
    const killed = world.gateways.shift();
    if (killed) await world.end(killed, "SIGKILL");
    world.gateways.push(await world.newGateway());
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];
