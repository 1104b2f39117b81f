import { execFile } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { request } from "undici";
import { type DovecotServer, type DovecotUser, type RedisServer, startDovecot, startRedis } from "../servers/index.ts";
import { adminToken, startGateway, startWorker } from "../e2e/house.ts";
import type { Service } from "../e2e/service.ts";
import { type Line, startLine } from "./line.ts";

const execute = promisify(execFile);

/** Where messages are. `Shared` has those that everybody flags, `Shelf` and `Box` are for moving about. */
export const BOXES = ["INBOX", "Box", "Shelf", "Trash", "Shared"] as const;
export type Box = (typeof BOXES)[number];

export interface Account {
  id: string;
  password: string;
  quota: string;
  /** Of mailboxes, by path. */
  boxIds: Map<Box, string>;
  /** How often a mailbox's UIDVALIDITY was changed: ids of before may be gone. */
  resets: Map<Box, number>;
}

/** All of Postern and what it stands on, each part of which can be broken and comes back. */
export class World {
  readonly dovecot: DovecotServer;
  readonly line: Line;
  readonly redis: RedisServer;
  readonly cache: RedisServer;
  readonly accounts: Account[];
  readonly adminToken = adminToken;
  gateways: Service[] = [];
  workers: Service[] = [];
  /** What services that ended in order ended with, other than 0. */
  readonly badEnds: string[] = [];

  private constructor(parts: {
    dovecot: DovecotServer;
    line: Line;
    redis: RedisServer;
    cache: RedisServer;
    accounts: Account[];
  }) {
    this.dovecot = parts.dovecot;
    this.line = parts.line;
    this.redis = parts.redis;
    this.cache = parts.cache;
    this.accounts = parts.accounts;
  }

  static async start(names: readonly string[]): Promise<World> {
    const accounts = names.map((id): Account => {
      return { id, password: "secret-0", quota: "10G", boxIds: new Map(), resets: new Map() };
    });
    const [dovecot, redis, cache] = await Promise.all([
      startDovecot({ revives: true, quota: "10G", maxConnections: MOST_CONNECTIONS, users: usersOf(accounts) }),
      startRedis({ revives: true, args: ["--appendonly", "yes", "--appendfsync", "always"] }),
      startRedis({ revives: true }),
    ]);
    const world = new World({ dovecot, line: await startLine(dovecot), redis, cache, accounts });
    world.workers = await Promise.all([world.newWorker(), world.newWorker()]);
    world.gateways = await Promise.all([world.newGateway(), world.newGateway()]);
    return world;
  }

  newWorker(): Promise<Service> {
    return startWorker(this.settings());
  }

  newGateway(): Promise<Service> {
    return startGateway(this.settings());
  }

  private settings(): Record<string, string> {
    return { POSTERN_REDIS_URL: this.redis.url, POSTERN_CACHE_REDIS_URL: this.cache.url };
  }

  /** Passwords and quotas hold from the next login on: whoever is in is thrown out. */
  async rule(account: Account, { password, quota }: Partial<DovecotUser>): Promise<void> {
    Object.assign(account, { ...(password !== undefined && { password }), ...(quota !== undefined && { quota }) });
    this.dovecot.setUsers(usersOf(this.accounts));
    await this.kick(account.id);
  }

  /** Postern is given the account's present password. */
  async tellPassword({ id, password }: Account): Promise<void> {
    for (let tries = 0; tries < 60; tries += 1) {
      const answer = await request(`${this.gateways[0]?.url}/v1/accounts/${id}`, {
        method: "PATCH",
        headers: { authorization: `Bearer ${this.adminToken}`, "content-type": "application/json" },
        body: JSON.stringify({ imap: { password } }),
      });
      await answer.body.dump();
      if (answer.statusCode === 200) return;
      await delay(500);
    }
    throw new Error(`${id} cannot be given a new password`);
  }

  /** Another UIDVALIDITY, as soon as nobody has the mailbox locked. */
  async resetTo({ id }: Account, box: Box, value: number): Promise<void> {
    const update = ["mailbox", "update", "-u", id, "--uid-validity", `${value}`, box];
    for (let tries = 1; ; tries += 1) {
      try {
        await this.dovecot.doveadm(...update);
        return;
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
  }

  /** BYE to all of a user's connections. */
  async kick(user: string): Promise<void> {
    await this.dovecot.doveadm("kick", user).catch(() => undefined);
  }

  /** The processes that serve a user's connections; of everybody without a name. */
  async imapPids(user?: string): Promise<number[]> {
    const text = await this.dovecot.doveadm("who", "-1").catch(() => "");
    return text.split("\n").flatMap((row) => {
      const [name = "", protocol, pid] = row.split(/\s+/);
      return protocol === "imap" && (user === undefined || name === user) ? [Number(pid)] : [];
    });
  }

  /** Gone at once or in order, and back after a while. */
  async outage(server: DovecotServer | RedisServer, pid: number, signal: NodeJS.Signals, ms: number): Promise<void> {
    const down = join(server.folder, "down");
    writeFileSync(down, "");
    process.kill(pid, signal);
    await delay(ms);
    rmSync(down);
    for (let tries = 0; !(await server.isThere()); tries += 1) {
      if (tries > 1_500) throw new Error("a server does not come back");
      await delay(20);
    }
  }

  async redisCli({ port }: RedisServer, ...args: string[]): Promise<string> {
    return (await execute("redis-cli", ["-p", `${port}`, ...args])).stdout;
  }

  async redisPid(server: RedisServer): Promise<number> {
    return Number(/process_id:(\d+)/.exec(await this.redisCli(server, "INFO", "server"))?.[1]);
  }

  /** Ends one; SIGTERM must be followed by an end in order. */
  async end({ process, log }: Service, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const exited = once(process, "exit");
    const began = performance.now();
    process.kill(signal);
    const [code] = await exited;
    const seconds = (performance.now() - began) / 1_000;
    if (signal === "SIGTERM" && code !== 0)
      this.badEnds.push(`${String(code)} after ${seconds.toFixed(1)} s: ${log.slice(-3).join("")}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.gateways.map((service) => this.end(service, "SIGTERM")));
    await Promise.all(this.workers.map((service) => this.end(service, "SIGTERM")));
    this.gateways = [];
    this.workers = [];
  }

  async stopServers(): Promise<void> {
    await Promise.all([this.line.stop(), this.dovecot.stop(), this.redis.stop(), this.cache.stop()]);
  }
}

export const MOST_CONNECTIONS = 12;

const usersOf = (accounts: readonly Account[]): Record<string, DovecotUser> =>
  Object.fromEntries(accounts.map(({ id, password, quota }) => [id, { password, quota }]));
