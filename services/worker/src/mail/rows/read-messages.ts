import type { Call, Message, MessageField } from "@postern/protocol";
import type { OpenMailbox } from "../open-mailbox.ts";
import { readBodies } from "./bodies.ts";
import type { Body } from "./make-body.ts";
import type { AccountDirectory, Workshop } from "../ports.ts";
import type { ThreadIds } from "../threads/thread-ids.ts";
import type { FactStore } from "./fact-store.ts";
import { readKnown } from "./facts.ts";
import { messageEtag, readFlags } from "./flags.ts";
import { Known } from "./known.ts";
import type { Needs } from "./needs.ts";
import { type KnownRow, messageJson, shapeMessage } from "./shape.ts";

export interface Wanted {
  fields: readonly MessageField[];
  needs: Needs;
  threads: ThreadIds;
  accounts: AccountDirectory;
  workshop: Workshop;
  call: Call;
}

/**
 * Messages of the opened mailbox by UID, with the fields that were asked for; those found gone on the way are missing.
 * The UIDs must be known to exist now: what is cached of a message tells nothing about whether it is still there.
 */
export async function readMessages(
  store: FactStore,
  open: OpenMailbox,
  uids: readonly number[],
  wanted: Wanted,
): Promise<Map<number, Message>> {
  const rows = await readRows(store, open, uids, wanted);
  const shape = (row: KnownRow): Message => shapeMessage(open, { ...row, facts: row.known.facts }, wanted.fields);
  return new Map(rows.map((row) => [row.uid, shape(row)]));
}

/** The same, as JSON. */
export async function readMessagesJson(
  store: FactStore,
  open: OpenMailbox,
  uids: readonly number[],
  wanted: Wanted,
): Promise<Map<number, string>> {
  const rows = await readRows(store, open, uids, wanted);
  return new Map(rows.map((row) => [row.uid, messageJson(open, row, wanted.fields)]));
}

async function readRows(
  store: FactStore,
  open: OpenMailbox,
  uids: readonly number[],
  { fields, needs, threads, accounts, workshop, call }: Wanted,
): Promise<KnownRow[]> {
  const flags = needs.flags ? await readFlags(open.session, uids) : null;
  const present = flags ? uids.filter((uid) => flags.has(uid)) : uids;
  const known = await factsFor(store, open, present, needs, call);
  const trusted = needs.authentication ? await accounts.authservIdsOf(open.account.id) : [];
  const bodies = await readBodies(store, open, known, { workshop, needs, trusted, call });
  const ids = await open.idsOf([...bodies.keys()], (uid) => known.get(uid)?.facts);
  const threadOf = needs.thread ? await threads.of(open, present) : null;
  const rows: KnownRow[] = [];
  for (const uid of present) {
    const id = ids.get(uid);
    const each = known.get(uid);
    const body = markedIn(each, bodies.get(uid), fields);
    const thread = threadOf?.get(uid) ?? null;
    if (id === undefined || !each || !body || (threadOf && thread === null)) continue;
    const state = flags?.get(uid) ?? null;
    const etag = state && fields.includes("etag") ? await messageEtag(open, uid, state) : null;
    rows.push({ id, uid, known: each, flags: state, etag, thread, body });
  }
  return rows;
}

/** With what was cut of the envelope, where it is asked what was cut. */
function markedIn(known: Known | undefined, body: Body | undefined, fields: readonly MessageField[]): Body | undefined {
  if (!body || !fields.includes("truncated")) return body;
  const cut = known?.facts.envelope?.cut?.filter((field) => fields.includes(field)) ?? [];
  return cut.length === 0 ? body : { ...body, truncated: [...body.truncated, ...cut] };
}

async function factsFor(
  store: FactStore,
  open: OpenMailbox,
  uids: readonly number[],
  { facts: kinds, snippet }: Needs,
  call: Call,
): Promise<Map<number, Known>> {
  if (kinds.length === 0 && !snippet) return new Map(uids.map((uid) => [uid, new Known({})]));
  const known = await readKnown(store, open, uids, kinds, call);
  const result = new Map(uids.flatMap((uid): [number, Known][] => entry(uid, known.get(uid), kinds.length === 0)));
  if (!snippet) return result;
  // A snippet is made from the text once; until then the structure has to tell where the text is.
  const unmade = [...result].filter(([, each]) => !each.has("snippet")).map(([uid]) => uid);
  const structured = await readKnown(store, open, unmade, [...new Set([...kinds, "structure" as const])], call);
  for (const uid of unmade) {
    const each = structured.get(uid);
    if (each) result.set(uid, each);
    else result.delete(uid);
  }
  return result;
}

function entry(uid: number, known: Known | undefined, mayBeEmpty: boolean): [number, Known][] {
  if (known) return [[uid, known]];
  return mayBeEmpty ? [[uid, new Known({})]] : [];
}
