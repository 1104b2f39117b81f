import tls from "node:tls";

/** Contexts that are kept: each holds all public authorities, most of a megabyte. */
const MOST = 50;

const contexts = new Map<string, tls.SecureContext>();

/**
 * Trusts a private authority beside the public ones: a certificate may be replaced by a public one any day. One for all
 * connections under the same authority. Throws where `ca` is no PEM.
 */
export function trusting(ca: string): tls.SecureContext {
  const known = contexts.get(ca);
  const context = known ?? tls.createSecureContext({ minVersion: "TLSv1.2", ca: [...tls.rootCertificates, ca] });
  // The one that was used last goes last.
  contexts.delete(ca);
  contexts.set(ca, context);
  const [oldest] = contexts.keys();
  if (contexts.size > MOST && oldest !== undefined) contexts.delete(oldest);
  return context;
}
