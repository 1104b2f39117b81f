import { isIPv4, isIPv6 } from "node:net";
import {
  clusterSecret,
  commaList,
  type Environment,
  isAllowance,
  logLevel,
  portNumber,
  readEnvironment,
  readKeyRing,
} from "@postern/service";
import type { WebhookConfig } from "./webhooks/index.ts";
import type { KeyRing } from "@postern/store";
import * as z from "zod";

const isPublic = (text: string): boolean => {
  const url = URL.parse(text);
  return /^https?:$/.test(url?.protocol ?? "") && !url?.search && !url?.hash && !url?.username && !url?.password;
};

/** Names that stand for ranges (proxy-addr). */
const rangeNames = new Set(["loopback", "linklocal", "uniquelocal"]);

function isProxy(text: string): boolean {
  if (rangeNames.has(text)) return true;
  const [address = "", bits, ...rest] = text.split("/");
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  if (rest.length > 0 || most < 0) return false;
  // proxy-addr takes no range of zero bits: everybody would be a proxy.
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= most);
}

/** As browsers send it (RFC 6454 section 6.2): nothing else would ever be equal to it. */
function isOrigin(text: string): boolean {
  if (text === "*") return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d+)?$/.test(text)) return false;
  return !/^https?:/.test(text) || URL.parse(text)?.origin === text;
}

const exemptHosts = commaList.refine((entries) => entries.every(isAllowance), {
  message: "hosts, host:port, addresses or CIDR ranges, with commas between them",
});

/** The variables of the HTTP face: the same in a gateway of its own and in standalone. */
export const faceVariables = {
  HOST: z.string().default("127.0.0.1"),
  PORT: portNumber.default(8025),
  PUBLIC_URL: z
    .string()
    .refine(isPublic, "is no http or https address without a query, fragment or user")
    .transform((url) => url.replace(/\/+$/, ""))
    .optional(),
  TRUSTED_PROXIES: commaList.refine(
    (list) => list.every(isProxy),
    "takes IP addresses, CIDR ranges and the names of special ranges",
  ),
  CORS_ORIGINS: commaList.refine(
    (list) => list.every(isOrigin),
    "takes origins as browsers send them, such as https and a host, or * for all",
  ),
  GRAPHIQL: z.stringbool().default(true),
  GRAPHQL_INTROSPECTION: z.stringbool().default(true),
  GRAPHQL_DOCUMENTS: z.string().optional(),
  ALLOWED_WEBHOOK_HOSTS: exemptHosts,
  WEBHOOK_RETRIES: z
    .string()
    .default("5,15,60,300,1800,7200,18000,36000,50400,72000,86400")
    .transform((text) => text.split(",").map(Number))
    .refine(
      (list) => list.every((seconds) => seconds >= 0 && seconds <= 604_800),
      "takes seconds, with commas between them",
    ),
  WEBHOOK_TIMEOUT: z.coerce.number().min(1).max(60).default(15),
  ALLOWED_IMAGE_HOSTS: exemptHosts,
  LOG_LEVEL: logLevel,
} as const;

export interface FaceConfig {
  host: string;
  port: number;
  publicUrl: string | undefined;
  trustedProxies: string[];
  corsOrigins: string[];
  graphiql: boolean;
  introspection: boolean;
  /** A file of the only GraphQL documents that may run; undefined: any may. */
  documents: string | undefined;
  webhooks: WebhookConfig;
  /** Where remote images may be fetched although it is inside. */
  allowedImageHosts: string[];
}

export function faceConfig(read: {
  HOST: string;
  PORT: number;
  PUBLIC_URL?: string | undefined;
  TRUSTED_PROXIES: string[];
  CORS_ORIGINS: string[];
  GRAPHIQL: boolean;
  GRAPHQL_INTROSPECTION: boolean;
  GRAPHQL_DOCUMENTS?: string | undefined;
  ALLOWED_WEBHOOK_HOSTS: string[];
  WEBHOOK_RETRIES: number[];
  WEBHOOK_TIMEOUT: number;
  ALLOWED_IMAGE_HOSTS: string[];
}): FaceConfig {
  return {
    host: read.HOST,
    port: read.PORT,
    publicUrl: read.PUBLIC_URL,
    trustedProxies: read.TRUSTED_PROXIES,
    corsOrigins: read.CORS_ORIGINS,
    graphiql: read.GRAPHIQL,
    introspection: read.GRAPHQL_INTROSPECTION,
    documents: read.GRAPHQL_DOCUMENTS,
    webhooks: {
      allowedHosts: read.ALLOWED_WEBHOOK_HOSTS,
      retryMs: read.WEBHOOK_RETRIES.map((seconds) => seconds * 1_000),
      timeoutMs: read.WEBHOOK_TIMEOUT * 1_000,
    },
    allowedImageHosts: read.ALLOWED_IMAGE_HOSTS,
  };
}

const variables = {
  ...faceVariables,
  REDIS_URL: z.string(),
  CACHE_REDIS_URL: z.string().optional(),
  ADMIN_TOKEN: z.string().min(16),
  SECRET_KEYS: z.string(),
  CLUSTER_SECRET: z.string().min(16).optional(),
} as const;

export interface GatewayConfig {
  face: FaceConfig;
  redisUrl: string;
  cacheRedisUrl: string | undefined;
  adminToken: string;
  ring: KeyRing;
  clusterSecret: string;
}

/** Throws `ConfigurationError`. */
export function readGatewayConfig(env: Environment): GatewayConfig {
  const read = readEnvironment(env, variables);
  const ring = readKeyRing(read.SECRET_KEYS);
  return {
    face: faceConfig(read),
    redisUrl: read.REDIS_URL,
    cacheRedisUrl: read.CACHE_REDIS_URL,
    adminToken: read.ADMIN_TOKEN,
    ring,
    clusterSecret: clusterSecret(read.CLUSTER_SECRET, ring),
  };
}
