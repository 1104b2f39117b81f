import { randomUUID } from "node:crypto";
import { type Call, newReport } from "@postern/protocol";

const DEADLINE_MS = 30_000;
const neverAborts = new AbortController().signal;

/** A call that nobody's request makes. */
export function backgroundCall(): Call {
  const deadline = Date.now() + DEADLINE_MS;
  return { requestId: randomUUID(), actor: "postern", deadline, signal: neverAborts, report: newReport() };
}
