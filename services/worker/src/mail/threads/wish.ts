import type { ThreadWish } from "@postern/store";
import { digest } from "../../digest.ts";
import type { Evidence } from "./evidence.ts";

/** About a month: answers without references are looked for that far around. */
const PERIOD = 30 * 86_400_000;

/** How its conversation's messages are found on the server again, beside Message-IDs, which stand as they are. */
export const serverSeed = (name: string): string => `thread:${name}`;
export const messageSeed = (id: string): string => id;

/** `id`: the message's own, under which it is found if by nothing else. */
export async function wishOf(evidence: Evidence, id: string): Promise<ThreadWish> {
  const { server, messageId, references } = evidence;
  if (server !== null) {
    const self = await link("server", server);
    return { self, links: [], keep: [], weak: [], weakKeep: [], seeds: [serverSeed(server)] };
  }
  const self = messageId === null ? await fingerprintOf(evidence) : await link("id", messageId);
  const links = await Promise.all(references.map((each) => link("id", each)));
  const ends = [references[0], references.at(-1), messageId].filter((each) => each !== undefined && each !== null);
  const seeds = [...new Set(ends)];
  return {
    self,
    links,
    // The beginning and what was answered: what lies between is known by its own message, or by neither.
    keep: [...new Set([links[0], links.at(-1)].filter((each) => each !== undefined))],
    ...(await subjectLinks(evidence)),
    seeds: seeds.length > 0 ? [messageId ?? seeds[0] ?? id, ...seeds] : [messageSeed(id)],
  };
}

/** What has no Message-ID is told by what a move does not change. */
function fingerprintOf({ receivedAt, sentAt, size, from, subject }: Evidence): Promise<string> {
  return link("fingerprint", JSON.stringify([receivedAt, sentAt, size, from, subject?.base ?? null]));
}

/**
 * The last resort: an answer that refers to nothing goes with what has its subject without the marks, was sent among the
 * same people and within about a month. Where there is no such answer, nothing goes together by its subject.
 */
async function subjectLinks({ subject, people, references, sentAt, receivedAt }: Evidence) {
  const at = sentAt ?? receivedAt;
  if (subject === null || references.length > 0 || at === null || people.length < 2) return { weak: [], weakKeep: [] };
  const period = Math.floor(at / PERIOD);
  const name = (kind: "begin" | "answer", of: number): Promise<string> =>
    link(kind, JSON.stringify([subject.base, people, of]));
  const [begun, begunBefore, answered, answeredBefore, answeredAfter] = await Promise.all([
    name("begin", period),
    name("begin", period - 1),
    name("answer", period),
    name("answer", period - 1),
    name("answer", period + 1),
  ]);
  return subject.isAnswer
    ? { weak: [begun, begunBefore, answered, answeredBefore], weakKeep: [answered] }
    : { weak: [answered, answeredAfter], weakKeep: [begun] };
}

/** 72 bits. */
async function link(kind: string, of: string): Promise<string> {
  return (await digest(`${kind} ${of}`, 9)).toHex();
}
