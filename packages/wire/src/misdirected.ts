import { Failure } from "@postern/protocol";
import * as z from "zod";

export interface WorkerAddress {
  id: string;
  url: string;
}

/**
 * The call has come to a worker that does not act for its account. Nothing of it was carried out: it may be sent to
 * another. Crosses the wire as 421 (RFC 9110 section 15.5.20).
 */
export class Misdirected extends Failure {
  /** Who does; null: not this one, at the moment, and it does not know who. */
  readonly owner: WorkerAddress | null;

  constructor(owner: WorkerAddress | null, detail = "The account is being taken over by another process.") {
    super("unavailable", { detail, retryAfter: 1 });
    this.owner = owner;
  }
}

const spelled = z.object({ owner: z.object({ id: z.string(), url: z.url() }).nullable(), detail: z.string() });

export function packMisdirected({ owner, message }: Misdirected): string {
  return JSON.stringify({ owner: owner && { id: owner.id, url: owner.url }, detail: message });
}

export function unpackMisdirected(body: unknown): Misdirected {
  const { owner, detail } = spelled.parse(body);
  return new Misdirected(owner, detail);
}
