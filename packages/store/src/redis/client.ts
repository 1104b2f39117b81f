import { createClient, createCluster, createSentinel, RESP_TYPES } from "redis";
import type { RedisTarget } from "./url.ts";

export type Argument = string | Buffer;

/** What is the same of a single Redis, a Cluster and one behind Sentinels. */
export interface Client {
  connect(): Promise<unknown>;
  /** `key` says which node of a cluster is asked; null for a command that any answers. `binary`: strings come as Buffers. */
  send(key: string | null, args: readonly Argument[], binary: boolean): Promise<unknown>;
  /** Cuts; what is under way is rejected. */
  destroy(): void;
}

const CONNECT_TIMEOUT_MS = 2_000;
const PING_EVERY_MS = 1_000;
/** Without an answer to the pings for this long a connection is cut, as is one on which logging in takes so long. */
const SILENCE_MS = 5_000;
const LONGEST_BACKOFF_MS = 1_000;
/** Beyond, commands are refused at once. */
const MAX_PENDING = 10_000;

const asBuffers = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** Tries again for ever, soon at first, at random intervals so that processes do not come back all at once. */
function backoff(retries: number): number {
  return Math.random() * Math.min(25 * 2 ** Math.min(retries, 10), LONGEST_BACKOFF_MS);
}

/** The same for every connection, to whatever kind of Redis. */
function connectionOptions({ tls, username, password }: RedisTarget) {
  const timing = { connectTimeout: CONNECT_TIMEOUT_MS, socketTimeout: SILENCE_MS, reconnectStrategy: backoff };
  return {
    maintNotifications: "disabled" as const,
    commandsQueueMaxLength: MAX_PENDING,
    disableOfflineQueue: true,
    pingInterval: PING_EVERY_MS,
    socket: tls ? { ...timing, tls: true as const } : timing,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}

/** The older protocol: replies are plain arrays and strings, also behind proxies that know no other. */
const RESP = 2;

export function makeClient(target: RedisTarget, onError: (error: unknown) => void): Client {
  if (target.kind === "cluster") return clusterClient(target, onError);
  if (target.kind === "sentinel") return sentinelClient(target, onError);
  return singleClient(target, onError);
}

function singleClient(target: RedisTarget, onError: (error: unknown) => void): Client {
  const { socket, ...options } = connectionOptions(target);
  const { database } = target;
  const client = createClient({ ...options, RESP, database, socket: { ...socket, ...target.hosts[0] } });
  client.on("error", onError);
  return {
    connect: () => client.connect(),
    send: (_, args, binary) => client.sendCommand(args, binary ? asBuffers : {}),
    destroy: () => {
      if (client.isOpen) client.destroy();
    },
  };
}

function clusterClient(target: RedisTarget, onError: (error: unknown) => void): Client {
  const options = connectionOptions(target);
  const rootNodes = target.hosts.map((address) => ({ ...options, socket: { ...options.socket, ...address } }));
  const cluster = createCluster({ rootNodes, defaults: options, RESP });
  cluster.on("error", onError);
  return {
    connect: () => cluster.connect(),
    send: (key, args, binary) => cluster.sendCommand(key ?? undefined, false, [...args], binary ? asBuffers : {}),
    destroy: () => {
      if (cluster.isOpen) cluster.destroy();
    },
  };
}

function sentinelClient(target: RedisTarget, onError: (error: unknown) => void): Client {
  const options = connectionOptions(target);
  // The login is the data servers'; sentinels are asked without one.
  const { username: _, password: __, ...sentinelOptions } = options;
  const sentinel = createSentinel({
    name: target.master ?? "",
    sentinelRootNodes: target.hosts,
    nodeClientOptions: { ...options, database: target.database },
    sentinelClientOptions: sentinelOptions,
    RESP,
  });
  sentinel.on("error", onError);
  return {
    connect: () => sentinel.connect(),
    send: (_key, args, binary) => sentinel.sendCommand(false, [...args], binary ? asBuffers : {}),
    destroy: () => {
      if (sentinel.isOpen) sentinel.destroy().catch(onError);
    },
  };
}

/** Hears what is said on one channel; comes back by itself, and says so. */
export interface Subscriber {
  destroy(): void;
}

export interface Hearing {
  onMessage: (message: string) => void;
  onConnected: () => void;
  onError: (error: unknown) => void;
}

const AGAIN_MS = 500;

export function makeSubscriber(target: RedisTarget, channel: string, hearing: Hearing): Subscriber {
  let client = listenerOf(target, hearing);
  let ended = false;
  const connect = async (): Promise<void> => {
    try {
      await client.connect();
      await client.subscribe(channel, hearing.onMessage);
      hearing.onConnected();
    } catch (error) {
      if (ended) return;
      hearing.onError(error);
      client.destroy();
      client = listenerOf(target, hearing);
      setTimeout(() => void connect(), AGAIN_MS).unref();
    }
  };
  void connect();
  return {
    destroy: () => {
      ended = true;
      client.destroy();
    },
  };
}

interface Listening {
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  destroy(): void;
}

function listenerOf(target: RedisTarget, { onError, onConnected }: Hearing): Listening {
  const { socket, ...options } = connectionOptions(target);
  // A listener waits for long: commands are kept until there is a connection, and silence is nothing bad.
  const patient = { ...options, disableOfflineQueue: false };
  if (target.kind === "cluster") {
    const rootNodes = target.hosts.map((address) => ({ ...patient, socket: { ...socket, ...address } }));
    const cluster = createCluster({ rootNodes, defaults: { ...patient, socket }, RESP });
    cluster.on("error", onError);
    return listening(cluster);
  }
  if (target.kind === "sentinel") {
    const { username: _, password: __, ...sentinelOptions } = { ...patient, socket };
    const sentinel = createSentinel({
      name: target.master ?? "",
      sentinelRootNodes: target.hosts,
      nodeClientOptions: { ...patient, socket, database: target.database },
      sentinelClientOptions: sentinelOptions,
      RESP,
    });
    sentinel.on("error", onError);
    return listening(sentinel);
  }
  const { database } = target;
  const client = createClient({ ...patient, RESP, database, socket: { ...socket, ...target.hosts[0] } });
  client.on("error", onError);
  client.on("ready", onConnected);
  return listening(client);
}

function listening(client: {
  isOpen: boolean;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  destroy(): unknown;
}): Listening {
  return {
    connect: () => client.connect(),
    subscribe: (channel, listener) => client.subscribe(channel, listener),
    destroy: () => {
      if (client.isOpen) client.destroy();
    },
  };
}
