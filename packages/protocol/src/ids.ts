import { crc32 } from "node:zlib";

/**
 * Ids are packed birthplaces: where a thing was first seen, which never changes, whatever becomes of the thing.
 * They are told apart by prefix, carry a version, and end in a checksum, so that a mistyped id is "never issued"
 * instead of another message.
 *
 *     mbx_ base64url( version:1  accountKey:6  mailboxKey:4                        checksum:3 )
 *     msg_ base64url( version:1  accountKey:6  mailboxKey:4  uidValidity:4  uid:4  checksum:3 )
 *     thr_ base64url( version:1  accountKey:6  thread:5                            checksum:3 )
 *     job_ base64url( version:1  accountKey:6  random:8                            checksum:3 )
 */
export interface MailboxBirthplace {
  /** 48 random bits given to an account when it is registered, so that ids die with it. */
  accountKey: number;
  /** Counted up within an account; given to a mailbox when it is first seen and kept over renames. */
  mailboxKey: number;
}

export interface MessageBirthplace extends MailboxBirthplace {
  uidValidity: number;
  uid: number;
}

export interface ThreadName {
  accountKey: number;
  /** Counted up within an account. */
  thread: number;
}

const VERSION = 1;
const MAILBOX_BYTES = 14;
const MESSAGE_BYTES = 22;
const THREAD_BYTES = 15;
const JOB_BYTES = 18;
const CHECKSUM_BYTES = 3;

export function packMailboxId(place: MailboxBirthplace): string {
  const bytes = Buffer.allocUnsafe(MAILBOX_BYTES);
  writeMailbox(bytes, place);
  return `mbx_${seal(bytes)}`;
}

/** Null for anything that `packMailboxId` cannot have made. */
export function unpackMailboxId(id: string): MailboxBirthplace | null {
  const bytes = open(id, "mbx_", MAILBOX_BYTES);
  return bytes && readMailbox(bytes);
}

export function packMessageId(place: MessageBirthplace): string {
  const bytes = Buffer.allocUnsafe(MESSAGE_BYTES);
  writeMailbox(bytes, place);
  bytes.writeUInt32BE(place.uidValidity, 11);
  bytes.writeUInt32BE(place.uid, 15);
  return `msg_${seal(bytes)}`;
}

/** Null for anything that `packMessageId` cannot have made. */
export function unpackMessageId(id: string): MessageBirthplace | null {
  const bytes = open(id, "msg_", MESSAGE_BYTES);
  return bytes && { ...readMailbox(bytes), uidValidity: bytes.readUInt32BE(11), uid: bytes.readUInt32BE(15) };
}

export function packThreadId({ accountKey, thread }: ThreadName): string {
  const bytes = Buffer.allocUnsafe(THREAD_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUIntBE(accountKey, 1, 6);
  bytes.writeUIntBE(thread, 7, 5);
  return `thr_${seal(bytes)}`;
}

/** Null for anything that `packThreadId` cannot have made. */
export function unpackThreadId(id: string): ThreadName | null {
  const bytes = open(id, "thr_", THREAD_BYTES);
  return bytes && { accountKey: bytes.readUIntBE(1, 6), thread: bytes.readUIntBE(7, 5) };
}

/** `random`: 8 octets. */
export function packJobId(accountKey: number, random: Uint8Array): string {
  const bytes = Buffer.allocUnsafe(JOB_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUIntBE(accountKey, 1, 6);
  bytes.set(random.subarray(0, 8), 7);
  return `job_${seal(bytes)}`;
}

/** Null for anything that `packJobId` cannot have made. */
export function unpackJobId(id: string): { accountKey: number } | null {
  const bytes = open(id, "job_", JOB_BYTES);
  return bytes && { accountKey: bytes.readUIntBE(1, 6) };
}

function writeMailbox(bytes: Buffer, place: MailboxBirthplace): void {
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUIntBE(place.accountKey, 1, 6);
  bytes.writeUInt32BE(place.mailboxKey, 7);
}

function readMailbox(bytes: Buffer): MailboxBirthplace {
  return { accountKey: bytes.readUIntBE(1, 6), mailboxKey: bytes.readUInt32BE(7) };
}

function seal(bytes: Buffer): string {
  bytes.writeUIntBE(checksum(bytes), bytes.length - CHECKSUM_BYTES, CHECKSUM_BYTES);
  return bytes.toString("base64url");
}

function open(id: string, prefix: string, length: number): Buffer | null {
  if (!id.startsWith(prefix)) return null;
  const bytes = Buffer.from(id.slice(prefix.length), "base64url");
  if (bytes.length !== length || bytes[0] !== VERSION) return null;
  // A lenient decoder takes several spellings for the same bytes; an id has one.
  if (bytes.toString("base64url") !== id.slice(prefix.length)) return null;
  return bytes.readUIntBE(length - CHECKSUM_BYTES, CHECKSUM_BYTES) === checksum(bytes) ? bytes : null;
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(0, bytes.length - CHECKSUM_BYTES)) & 0xffffff;
}
