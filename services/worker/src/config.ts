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
import type { KeyRing } from "@postern/store";
import * as z from "zod";
import { type AuthservId, readAuthservId } from "./accounts/index.ts";

/** The variables that say how mail is reached: the same in a worker of its own and in standalone. */
export const mailVariables = {
  ALLOWED_MAIL_HOSTS: commaList.refine((entries) => entries.every(isAllowance), {
    message: "hosts, host:port, addresses or CIDR ranges, with commas between them",
  }),
  TRUSTED_AUTHSERV_IDS: commaList
    .refine((entries) => entries.every((entry) => readAuthservId(entry) !== null), {
      message: "mail-host=authserv-id, with commas between them",
    })
    .transform((entries) => entries.flatMap((entry) => readAuthservId(entry) ?? [])),
  ACCOUNTS_FILE: z.string().optional(),
  MAX_MESSAGE_SIZE: z.coerce
    .number()
    .int()
    .min(1_024)
    .max(2 ** 31)
    .default(64 << 20),
} as const;

const variables = {
  ...mailVariables,
  HOST: z.string().default("127.0.0.1"),
  PORT: portNumber.default(8026),
  REDIS_URL: z.string(),
  CACHE_REDIS_URL: z.string().optional(),
  SECRET_KEYS: z.string(),
  CLUSTER_SECRET: z.string().min(16).optional(),
  ADVERTISE_URL: z.url().optional(),
  LEASE_SECONDS: z.coerce.number().min(2).max(300).default(8),
  LOG_LEVEL: logLevel,
} as const;

export interface WorkerConfig {
  host: string;
  port: number;
  redisUrl: string;
  cacheRedisUrl: string | undefined;
  ring: KeyRing;
  clusterSecret: string;
  /** Where gateways reach this worker; undefined: where it listens. */
  advertiseUrl: string | undefined;
  /** How long an account stays with a worker that is not heard of. */
  leaseMs: number;
  allowedMailHosts: string[];
  authservIds: AuthservId[];
  accountsFile: string | undefined;
  maxMessageSize: number;
  logLevel: string;
}

/** Throws `ConfigurationError`. */
export function readWorkerConfig(env: Environment): WorkerConfig {
  const read = readEnvironment(env, variables);
  const ring = readKeyRing(read.SECRET_KEYS);
  return {
    host: read.HOST,
    port: read.PORT,
    redisUrl: read.REDIS_URL,
    cacheRedisUrl: read.CACHE_REDIS_URL,
    ring,
    clusterSecret: clusterSecret(read.CLUSTER_SECRET, ring),
    advertiseUrl: read.ADVERTISE_URL,
    leaseMs: read.LEASE_SECONDS * 1_000,
    authservIds: read.TRUSTED_AUTHSERV_IDS,
    allowedMailHosts: read.ALLOWED_MAIL_HOSTS,
    accountsFile: read.ACCOUNTS_FILE,
    maxMessageSize: read.MAX_MESSAGE_SIZE,
    logLevel: read.LOG_LEVEL,
  };
}
