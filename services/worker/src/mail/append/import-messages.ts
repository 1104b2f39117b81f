import {
  type Call,
  Failure,
  type ImportResult,
  type Input,
  isFailure,
  packMailboxId,
  packMessageId,
} from "@postern/protocol";
import { octetsOfUpload } from "../compose/attach-uploads.ts";
import type { Core } from "../core.ts";
import type { AccountRef } from "../mailboxes/registry.ts";
import { accountRef } from "../open-mailbox.ts";
import type { Spooled } from "../ports.ts";
import { findWhere } from "./keep.ts";
import type { NewMessage } from "./store-message.ts";
import { endsAll, type Stored, storeMessages } from "./store-messages.ts";
import type { UploadRecord } from "@postern/store";

type Item = Input<"importMessages">["items"][number];

/** A message on its way in. */
interface Arrival {
  at: number;
  item: Item;
  upload: UploadRecord;
  /** The mailbox's key. */
  mailbox: number;
}

/** What one command brings at most; a larger message goes alone. */
const MOST_OCTETS = 8 << 20;
const MOST_MESSAGES = 100;

/** Stores whole messages that were uploaded, in as few commands as may be. Each has a result of its own, in their order. */
export async function importMessages(
  core: Core,
  { account: id, items }: Input<"importMessages">,
  call: Call,
): Promise<{ results: ImportResult[] }> {
  const account = await accountRef(core, id);
  const mailboxes = await findMailboxes(core, account, items, call);
  const results: Stored[] = [];
  const arrivals: Arrival[] = [];
  for (const [at, item] of items.entries()) {
    const mailbox = mailboxes.get(item.mailbox ?? "inbox") ?? noUpload();
    const upload = await core.uploads.get(account.id, item.upload);
    if (mailbox instanceof Failure) results[at] = mailbox;
    else if (!upload) results[at] = noUpload();
    else arrivals.push({ at, item, upload, mailbox });
  }
  let end: Failure | null = null;
  for (const batch of batchesOf(arrivals)) {
    const stored: Stored[] = end ? [] : await storeBatch(core, account, batch, call);
    for (const [index, { at }] of batch.entries()) {
      const result: Stored = stored[index] ?? end ?? noUpload();
      results[at] = result;
      if (result instanceof Failure && endsAll(result)) end ??= result.withOutcome("none");
    }
  }
  return { results: items.map(({ upload }, at) => shown(account, upload, results[at] ?? noUpload())) };
}

/** By how they are named; why one is not there is told for each message that was to go there. */
async function findMailboxes(
  core: Core,
  account: AccountRef,
  items: readonly Item[],
  call: Call,
): Promise<Map<string, number | Failure>> {
  const found = new Map<string, number | Failure>();
  for (const name of new Set(items.map(({ mailbox = "inbox" }) => mailbox))) {
    try {
      const where = await findWhere(core, account, { mailbox: name }, call);
      if ("mailbox" in where) found.set(name, where.mailbox);
    } catch (error) {
      if (!isFailure(error) || endsAll(error)) throw error;
      found.set(name, error.withOutcome("none"));
    }
  }
  return found;
}

/** For one mailbox each, in order, within bounds. */
function* batchesOf(arrivals: readonly Arrival[]): Generator<Arrival[]> {
  for (const group of Map.groupBy(arrivals, ({ mailbox }) => mailbox).values()) {
    let batch: Arrival[] = [];
    let octets = 0;
    for (const arrival of group) {
      const { size } = arrival.upload;
      if (batch.length === MOST_MESSAGES || (batch.length > 0 && octets + size > MOST_OCTETS)) {
        yield batch;
        batch = [];
        octets = 0;
      }
      batch.push(arrival);
      octets += size;
    }
    if (batch.length > 0) yield batch;
  }
}

/** Uploads are taken here whole before anything is asked of the mail server, which then waits for nobody. */
async function storeBatch(core: Core, account: AccountRef, batch: readonly Arrival[], call: Call): Promise<Stored[]> {
  const taken: (Spooled | Failure)[] = [];
  try {
    for (const { upload } of batch) taken.push(await take(core, account, upload));
    const messages = batch.flatMap(({ item, mailbox }, index): NewMessage[] => {
      const spooled = taken[index];
      if (!spooled || spooled instanceof Failure) return [];
      const receivedAt = item.receivedAt === undefined ? null : new Date(item.receivedAt);
      return [{ mailbox, flags: item.flags ?? [], receivedAt, spooled }];
    });
    const stored = await storeMessages(core, account, messages, call);
    return taken.map((each) => (each instanceof Failure ? each : (stored.shift() ?? noUpload())));
  } finally {
    for (const each of taken) if (!(each instanceof Failure)) await each.release();
  }
}

async function take(core: Core, account: AccountRef, upload: UploadRecord): Promise<Spooled | Failure> {
  try {
    return await core.spool.take(octetsOfUpload(core.uploads, account.id, upload));
  } catch (error) {
    if (!isFailure(error)) throw error;
    return error.withOutcome("none");
  }
}

function shown(account: AccountRef, upload: string, stored: Stored): ImportResult {
  if (stored instanceof Failure) return { upload, ok: false, failure: stored.toJSON() };
  const { mailbox: mailboxKey, uidValidity, uid } = stored;
  const place = { accountKey: account.key, mailboxKey };
  return {
    upload,
    ok: true,
    message: { id: packMessageId({ ...place, uidValidity, uid }), mailboxId: packMailboxId(place) },
  };
}

function noUpload(): Failure {
  return new Failure("not-found", { detail: "There is no such upload, or it is there no more.", outcome: "none" });
}
