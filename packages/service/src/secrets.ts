import { KeyRing } from "@postern/store";
import { ConfigurationError } from "./env.ts";

/** Reads `POSTERN_SECRET_KEYS`; what is wrong with it is told without repeating any of it. */
export function readKeyRing(text: string): KeyRing {
  try {
    return KeyRing.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "not a key ring";
    throw new ConfigurationError(`POSTERN_SECRET_KEYS: ${reason}`);
  }
}

/** What gateways show to workers: set by the operator, or what everybody who has the key ring arrives at. */
export function clusterSecret(given: string | undefined, ring: KeyRing): string {
  return given ?? ring.derive("postern cluster secret");
}
