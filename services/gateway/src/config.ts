import {
  clusterSecret,
  commaList,
  type Environment,
  logLevel,
  portNumber,
  readEnvironment,
  readKeyRing,
} from "@postern/service";
import * as z from "zod";

/** The variables of the HTTP face: the same in a gateway of its own and in standalone. */
export const faceVariables = {
  HOST: z.string().default("127.0.0.1"),
  PORT: portNumber.default(8025),
  PUBLIC_URL: z
    .url()
    .transform((url) => url.replace(/\/+$/, ""))
    .optional(),
  TRUSTED_PROXIES: commaList,
  CORS_ORIGINS: commaList,
  GRAPHIQL: z.stringbool().default(true),
  GRAPHQL_INTROSPECTION: z.stringbool().default(true),
  GRAPHQL_DOCUMENTS: z.string().optional(),
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
  clusterSecret: string;
}

/** Throws `ConfigurationError`. */
export function readGatewayConfig(env: Environment): GatewayConfig {
  const read = readEnvironment(env, variables);
  return {
    face: faceConfig(read),
    redisUrl: read.REDIS_URL,
    cacheRedisUrl: read.CACHE_REDIS_URL,
    adminToken: read.ADMIN_TOKEN,
    clusterSecret: clusterSecret(read.CLUSTER_SECRET, readKeyRing(read.SECRET_KEYS)),
  };
}
