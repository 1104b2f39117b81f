import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { inspect } from "node:util";

const VERSION = "v1";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const keyIdForm = /^[A-Za-z0-9_-]{1,32}$/;
const base64Form = /^[A-Za-z0-9+/]{43}=?$|^[A-Za-z0-9_-]{43}=?$/;

/** A ring that cannot be read, or a secret that it does not open. The message never holds key material or a secret. */
export class SealError extends Error {
  override name = "SealError";
}

interface RingKey {
  id: string;
  key: Buffer;
}

/** What an account's secrets are sealed for: moved to another account, they do not open. */
export const accountSealContext = (accountId: string): string => `account:${accountId}`;

/** What a webhook's secrets are sealed for. */
export const webhookSealContext = (webhookId: string): string => `webhook:${webhookId}`;

/**
 * Keys for secrets at rest: AES-256-GCM, a random 96-bit IV each time. The first key seals, all open, so a new key is put
 * in front, secrets are sealed anew, and only then the old one is taken away.
 */
export class KeyRing {
  readonly #first: RingKey;
  readonly #keys: ReadonlyMap<string, Buffer>;

  private constructor(first: RingKey, others: readonly RingKey[]) {
    this.#first = first;
    this.#keys = new Map([first, ...others].map(({ id, key }) => [id, key]));
  }

  /** `id:base64,id:base64`, each key 32 bytes. Throws `SealError`, which names entries by their position alone. */
  static parse(text: string): KeyRing {
    const [first, ...others] = text.split(",").map(parseEntry);
    if (first === undefined) throw new SealError("the key ring is empty");
    const ring = new KeyRing(first, others);
    if (ring.#keys.size <= others.length) throw new SealError("two keys of the ring share an id");
    return ring;
  }

  /** A ring of one new key, as text that `parse` reads. It is a secret: it belongs in a file with mode 0600 or a vault. */
  static generate(): string {
    return `k${randomBytes(4).toString("hex")}:${randomBytes(KEY_BYTES).toString("base64")}`;
  }

  /** `v1.<key id>.<base64url of IV, ciphertext and tag>`. Opens only with the same `context`. */
  seal(plaintext: string, context: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#first.key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(context));
    const bytes = Buffer.concat([iv, cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${this.#first.id}.${bytes.toString("base64url")}`;
  }

  /** Throws `SealError` where the key is not in the ring, the text was changed, or it was sealed for another context. */
  open(sealed: string, context: string): string {
    const { keyId, bytes } = parseSealed(sealed);
    const key = this.#keys.get(keyId);
    if (!key) throw new SealError(`sealed with key "${keyId}", which is not in the ring`);
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString("utf8");
    } catch {
      throw new SealError("the sealed text was changed, or was sealed for something else");
    }
  }

  /** Whether it was sealed with the first key. Says nothing of whether it opens. */
  isCurrent(sealed: string): boolean {
    return sealed.startsWith(`${VERSION}.${this.#first.id}.`);
  }

  /** A secret for another purpose, made from the first key (RFC 5869): the same for all who have the ring. */
  derive(purpose: string): string {
    return derived(this.#first.key, purpose);
  }

  /** One from each key, the first key's first: what to accept while processes with an older ring still run. */
  deriveAll(purpose: string): string[] {
    return [...this.#keys.values()].map((key) => derived(key, purpose));
  }

  toJSON(): string {
    return this.toString();
  }

  toString(): string {
    return `KeyRing(${this.#keys.size})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function derived(key: Buffer, purpose: string): string {
  return Buffer.from(hkdfSync("sha256", key, "postern", purpose, KEY_BYTES)).toString("base64url");
}

function parseEntry(text: string, index: number): RingKey {
  const position = `key ${index + 1} of the ring`;
  const [id, encoded, ...more] = text.trim().split(":");
  if (id === undefined || encoded === undefined || more.length > 0) throw new SealError(`${position} is not id:base64`);
  if (!keyIdForm.test(id)) throw new SealError(`${position} has no id of 1 to 32 letters, digits, "-" or "_"`);
  const key = Buffer.from(encoded, "base64");
  if (!base64Form.test(encoded) || key.length !== KEY_BYTES)
    throw new SealError(`${position} is not 32 bytes of base64`);
  return { id, key };
}

function parseSealed(sealed: string): { keyId: string; bytes: Buffer } {
  const [version, keyId, body, ...more] = sealed.split(".");
  if (version !== VERSION || keyId === undefined || body === undefined || more.length > 0)
    throw new SealError("not a sealed text of a known version");
  const bytes = Buffer.from(body, "base64url");
  // A lenient decoder takes several spellings for the same bytes; a sealed text has one.
  if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString("base64url") !== body || !keyIdForm.test(keyId))
    throw new SealError("the sealed text is damaged");
  return { keyId, bytes };
}
