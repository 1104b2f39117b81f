import { parentPort } from "node:worker_threads";
import { makeBody, type Makings } from "../mail/rows/make-body.ts";

/** One message after another, as long as this thread lives. */
parentPort?.on("message", (makings: Makings) => parentPort?.postMessage({ made: makeBody(makings) }));
parentPort?.postMessage({ ready: true });
