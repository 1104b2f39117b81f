export type { AuthservId } from "./accounts/index.ts";
export { mailVariables } from "./config.ts";
export { createWorker, type Worker, type WorkerOptions } from "./worker.ts";
