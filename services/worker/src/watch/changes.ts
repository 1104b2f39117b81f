import { type Event, Failure, mailboxesOf, type Output, type Position } from "@postern/protocol";
import type { EventLog } from "@postern/store";

interface Wanted {
  account: string;
  since: Position;
  /** Only what concerns the messages of this mailbox. */
  mailbox?: string | undefined;
  limit: number;
}

type Changes = Output<"getChanges">;

/** Events that one answer looks at, whatever the mailbox: beyond, the caller comes again. */
const MOST = 5_000;
const AT_ONCE = 1_000;

/** What has become of messages since a position: each once, by what it means for who has the state of then. */
export async function changesIn(log: EventLog, { account, since, mailbox, limit }: Wanted): Promise<Changes> {
  const sum = new Sum(mailbox);
  let at = since;
  for (let looked = 0; ; ) {
    const read = await log.read(account, { after: at, limit: AT_ONCE });
    if (!read) throw stateExpired();
    for (const event of read.events) {
      if (sum.size >= limit) return { ...sum.result(), newState: at, hasMore: true };
      sum.add(event);
      at = event.id;
      looked += 1;
    }
    if (read.events.length < AT_ONCE) return { ...sum.result(), newState: read.head, hasMore: false };
    if (looked >= MOST) return { ...sum.result(), newState: at, hasMore: true };
  }
}

type Fate = "created" | "updated" | "destroyed";

class Sum {
  private readonly fates = new Map<string, Fate>();
  private readonly mailbox: string | undefined;

  constructor(mailbox: string | undefined) {
    this.mailbox = mailbox;
  }

  get size(): number {
    return this.fates.size;
  }

  add(event: Event): void {
    if (!("message" in event)) return;
    const { id } = event.message;
    const fate = this.mailbox === undefined ? fateOf(event) : this.fateHere(event, this.mailbox);
    if (fate === null) return;
    const before = this.fates.get(id);
    if (fate === "destroyed" && before === "created") this.fates.delete(id);
    else if (fate === "created" && before === "destroyed") this.fates.set(id, "updated");
    else if (fate !== "updated" || before === undefined) this.fates.set(id, fate);
  }

  private fateHere(event: Event, mailbox: string): Fate | null {
    if (!mailboxesOf(event).includes(mailbox)) return null;
    if (event.type !== "message.moved") return fateOf(event);
    return event.message.mailboxId === mailbox ? "created" : "destroyed";
  }

  result(): Pick<Changes, Fate> {
    const of = (wanted: Fate): string[] => [...this.fates].flatMap(([id, fate]) => (fate === wanted ? [id] : []));
    return { created: of("created"), updated: of("updated"), destroyed: of("destroyed") };
  }
}

function fateOf({ type }: Event): Fate | null {
  if (type === "message.created") return "created";
  if (type === "message.deleted") return "destroyed";
  return type === "message.updated" || type === "message.moved" ? "updated" : null;
}

export function stateExpired(): Failure {
  return new Failure("state-expired", {
    detail:
      "The changes since that state are not kept any more, or were never known. List again, and follow from there.",
  });
}
