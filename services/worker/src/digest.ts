import { hash } from "node:crypto";

/** The first `octets` of SHA-256: for telling apart, not for keeping secret. */
export async function digest(of: string | Uint8Array<ArrayBuffer>, octets: number): Promise<Uint8Array> {
  // Of so little, handing it to another thread and waiting costs many times the digest itself.
  return hash("sha256", of, "buffer").subarray(0, octets);
}

/** 128 bits, URL-safe. */
export async function fingerprint(of: string): Promise<string> {
  return base64url(await digest(of, 16));
}

export function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
