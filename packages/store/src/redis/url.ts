/** Where Redis is, read from a URL. Passwords stay in here: `describe` is what may be shown. */
export interface RedisTarget {
  kind: "single" | "cluster" | "sentinel";
  hosts: { host: string; port: number }[];
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  /** Always 0 in a cluster. */
  database: number;
  /** The name under which the sentinels know the master. */
  master: string | undefined;
}

const form = /^(rediss?)(?:\+(cluster|sentinel))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;
const DEFAULT_PORT = { single: 6379, cluster: 6379, sentinel: 26379 };

/**
 * `redis://[user:password@]host[:port][/database]`, `redis+cluster://host,host`, `redis+sentinel://host,host/master[/database]`;
 * `rediss` for TLS. Throws without repeating the URL, which may hold a password.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const match = form.exec(url);
  if (!match)
    throw new TypeError("not a URL of the form redis[s][+cluster|+sentinel]://[user:password@]host[:port],…/…");
  const [, scheme, kindText, login, hostsText = "", path = ""] = match;
  const kind = kindText === "cluster" || kindText === "sentinel" ? kindText : "single";
  const hosts = hostsText.split(",").map((text) => parseHost(text, DEFAULT_PORT[kind]));
  if (kind === "single" && hosts.length > 1)
    throw new TypeError("several Redis hosts want redis+cluster:// or redis+sentinel://");
  const [username, password] = parseLogin(login);
  return { kind, hosts, tls: scheme === "rediss", username, password, ...parsePath(kind, path) };
}

/** Without user and password. */
export function describeTarget({ kind, hosts, tls, master, database }: RedisTarget): string {
  const scheme = `${tls ? "rediss" : "redis"}${kind === "single" ? "" : `+${kind}`}`;
  const path = [...(master === undefined ? [] : [master]), ...(database === 0 ? [] : [database])].join("/");
  const spelled = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  return `${scheme}://${spelled.join(",")}${path && `/${path}`}`;
}

function parseHost(text: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65535) throw new TypeError("a Redis URL has a host that cannot be read");
  return { host, port };
}

/** `password`, `:password` and `user:password`, each percent-encoded. */
function parseLogin(login: string | undefined): [username: string | undefined, password: string | undefined] {
  if (!login) return [undefined, undefined];
  const colon = login.indexOf(":");
  const [user, password] = colon < 0 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  return [decoded(user) || undefined, decoded(password) || undefined];
}

function parsePath(kind: RedisTarget["kind"], path: string): Pick<RedisTarget, "master" | "database"> {
  const segments = path.split("/").filter((segment) => segment !== "");
  const master = kind === "sentinel" ? segments.shift() : undefined;
  if (kind === "sentinel" && master === undefined)
    throw new TypeError("redis+sentinel:// wants the master's name as path");
  const database = Number(segments[0] ?? 0);
  if (segments.length > 1 || !Number.isInteger(database) || database < 0)
    throw new TypeError("a Redis URL has a path that is no database number");
  if (kind === "cluster" && database !== 0) throw new TypeError("a Redis Cluster has no database but 0");
  return { master: master === undefined ? undefined : decoded(master), database };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError("a Redis URL has a part that is not percent-encoded");
  }
}
