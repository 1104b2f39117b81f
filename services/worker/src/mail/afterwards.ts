import type { Call } from "@postern/protocol";

/** To find out what became of a write: for that nobody has to wait who has waited long enough. */
const FINDING_OUT_MS = 20_000;
const neverAborts = new AbortController().signal;

/** The call for what has to be done after a write, though its caller may have gone and its time be over. */
export function afterwards(call: Call): Call {
  return { ...call, signal: neverAborts, deadline: Math.max(call.deadline, Date.now() + FINDING_OUT_MS) };
}
