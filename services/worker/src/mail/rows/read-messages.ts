import type { Call, Message, MessageField } from "@postern/protocol";
import type { Cache } from "@postern/store";
import type { OpenMailbox } from "../open-mailbox.ts";
import { readBodies } from "./bodies.ts";
import { type Facts, readFacts } from "./facts.ts";
import { messageEtag, readFlags } from "./flags.ts";
import type { Needs } from "./needs.ts";
import { shapeMessage } from "./shape.ts";

export interface Wanted {
  fields: readonly MessageField[];
  needs: Needs;
  call: Call;
}

/**
 * Messages of the opened mailbox by UID, with the fields that were asked for; those found gone on the way are missing.
 * The UIDs must be known to exist now: what is cached of a message tells nothing about whether it is still there.
 */
export async function readMessages(
  cache: Cache,
  open: OpenMailbox,
  uids: readonly number[],
  { fields, needs, call }: Wanted,
): Promise<Map<number, Message>> {
  const flags = needs.flags ? await readFlags(open.session, uids) : null;
  const present = flags ? uids.filter((uid) => flags.has(uid)) : uids;
  const facts = await factsFor(cache, open, present, needs, call);
  const bodies = await readBodies(cache, open, facts, needs);
  const messages = new Map<number, Message>();
  for (const uid of present) {
    const known = facts.get(uid);
    const body = bodies.get(uid);
    if (!known || !body) continue;
    const state = flags?.get(uid) ?? null;
    const etag = state && fields.includes("etag") ? await messageEtag(open, uid, state) : null;
    messages.set(uid, shapeMessage(open, { uid, facts: known, flags: state, etag, body }, fields));
  }
  return messages;
}

async function factsFor(
  cache: Cache,
  open: OpenMailbox,
  uids: readonly number[],
  { facts: kinds, snippet }: Needs,
  call: Call,
): Promise<Map<number, Facts>> {
  if (kinds.length === 0 && !snippet) return new Map(uids.map((uid) => [uid, {}]));
  const known = await readFacts(cache, open, uids, kinds, call);
  const result = new Map(uids.flatMap((uid): [number, Facts][] => entry(uid, known.get(uid), kinds.length === 0)));
  if (!snippet) return result;
  // A snippet is made from the text once; until then the structure has to tell where the text is.
  const unmade = [...result].filter(([, facts]) => facts.snippet === undefined).map(([uid]) => uid);
  const structured = await readFacts(cache, open, unmade, [...new Set([...kinds, "structure" as const])], call);
  for (const uid of unmade) {
    const facts = structured.get(uid);
    if (facts) result.set(uid, facts);
    else result.delete(uid);
  }
  return result;
}

function entry(uid: number, facts: Facts | undefined, mayBeEmpty: boolean): [number, Facts][] {
  if (facts) return [[uid, facts]];
  return mayBeEmpty ? [[uid, {}]] : [];
}
