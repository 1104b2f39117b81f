import type { FastifyInstance } from "fastify";
import type { RestOptions } from "../rest/index.ts";
export async function registerGraphql(_app: FastifyInstance, _options: unknown): Promise<void> {
  void (0 as unknown as RestOptions);
}
