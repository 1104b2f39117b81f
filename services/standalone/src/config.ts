import { type FaceConfig, faceConfig, faceVariables } from "@postern/gateway";
import { type Environment, readEnvironment, readKeyRing } from "@postern/service";
import type { KeyRing } from "@postern/store";
import { type AuthservId, mailVariables } from "@postern/worker";
import * as z from "zod";
import { adminToken, type Kept, secretKeys } from "./first-start.ts";

const variables = {
  ...faceVariables,
  ...mailVariables,
  DATA_DIR: z.string().default("./data"),
  ADMIN_TOKEN: z.string().min(16).optional(),
  SECRET_KEYS: z.string().optional(),
} as const;

export interface StandaloneConfig {
  face: FaceConfig;
  dataDir: string;
  adminToken: Kept;
  ring: KeyRing;
  allowedMailHosts: string[];
  authservIds: AuthservId[];
  accountsFile: string | undefined;
  maxMessageSize: number;
}

/** Makes what is unset and lasting on the first start. Throws `ConfigurationError`. */
export function readStandaloneConfig(env: Environment): StandaloneConfig {
  const read = readEnvironment(env, variables);
  return {
    face: faceConfig(read),
    dataDir: read.DATA_DIR,
    adminToken: adminToken(read.ADMIN_TOKEN, read.DATA_DIR),
    ring: readKeyRing(secretKeys(read.SECRET_KEYS, read.DATA_DIR).value),
    authservIds: read.TRUSTED_AUTHSERV_IDS,
    allowedMailHosts: read.ALLOWED_MAIL_HOSTS,
    accountsFile: read.ACCOUNTS_FILE,
    maxMessageSize: read.MAX_MESSAGE_SIZE,
  };
}
