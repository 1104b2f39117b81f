import { type ListMessagesOutput, MessagePage } from "@postern/protocol";
import type { Page } from "./request.ts";
import { stateEtag } from "./states.ts";

/** A question about mailboxes, and what tells that they are as they were when it was answered. */
export interface AskedOf {
  question: string;
  /** The mailboxes' marks. */
  marks: readonly string[];
  ifNoneMatch: ReadonlySet<string>;
}

/** Pages that were given, ready to be given again for as long as their mailboxes stay as they are. */
export interface Answers {
  /**
   * The page under these marks: as it was given before, or read now. Who asks while somebody reads it waits for that one.
   * What is read may be newer than its marks, never older: then the next proof finds other marks, and it is read anew.
   */
  serve(asked: AskedOf, read: () => Promise<Page>): Promise<ListMessagesOutput>;
}

interface Answer {
  mark: string;
  etag: Promise<string>;
  page: MessagePage | null;
  reading: Promise<MessagePage> | null;
  octets: number;
}

const MOST_OCTETS = 48 << 20;
const MOST_OCTETS_EACH = 2 << 20;
/** What an entry costs beside its page. */
const ENTRY_OCTETS = 500;

export function createAnswers(mostOctets: number = MOST_OCTETS): Answers {
  const answers = new Map<string, Answer>();
  let held = 0;

  const drop = (question: string, answer: Answer): void => {
    if (answers.get(question) !== answer) return;
    answers.delete(question);
    held -= answer.octets;
  };

  const weigh = (question: string, answer: Answer, octets: number): void => {
    if (answers.get(question) !== answer) return;
    held += octets - answer.octets;
    answer.octets = octets;
    for (const [oldest, other] of answers) {
      if (held <= mostOctets) return;
      drop(oldest, other);
    }
  };

  /** The answer under these marks, moved to the end of those that make room. */
  const find = ({ question, marks }: AskedOf): Answer => {
    const mark = marks.length === 1 ? (marks[0] ?? "") : marks.toSorted().join(" ");
    const known = answers.get(question);
    if (known) drop(question, known);
    const octets = known?.octets ?? ENTRY_OCTETS + 2 * question.length;
    const answer: Answer =
      known?.mark === mark ? known : { mark, etag: stateEtag(question, marks), page: null, reading: null, octets: 0 };
    answer.octets = 0;
    answers.set(question, answer);
    weigh(question, answer, answer.page ? octets : ENTRY_OCTETS + 2 * question.length);
    return answer;
  };

  const read = async (question: string, answer: Answer, make: () => Promise<Page>): Promise<MessagePage> => {
    const { items, ...head } = await make();
    const page = MessagePage.of({ ...head, etag: await answer.etag }, items);
    if (page.ready.length > MOST_OCTETS_EACH) return page;
    answer.page = page;
    weigh(question, answer, answer.octets + page.ready.length);
    return page;
  };

  return {
    async serve(asked, make) {
      const answer = find(asked);
      if (asked.ifNoneMatch.size > 0) {
        const etag = await answer.etag;
        if (asked.ifNoneMatch.has(etag)) return { notModified: true, etag };
      }
      if (answer.page) return answer.page;
      // Whoever reads may be given up by their caller alone: the others then read for themselves.
      const shared = await answer.reading?.catch(() => null);
      if (shared) return shared;
      const reading = read(asked.question, answer, make);
      answer.reading = reading;
      try {
        return await reading;
      } finally {
        if (answer.reading === reading) answer.reading = null;
      }
    },
  };
}
