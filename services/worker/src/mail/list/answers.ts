import type { ListMessagesOutput, MessagePage } from "@postern/protocol";
import { type Mark, Remembered } from "../../mirror/remembered.ts";
import { contentEtag, type ListRequest, type Page, pageOf } from "./request.ts";
import { stateEtag } from "./states.ts";

/** A question about mailboxes, and what tells that they are as they were when it was answered. */
export interface AskedOf {
  question: string;
  /** The mailboxes' marks. */
  marks: readonly string[];
  /** When the marks were proved. */
  asOf: number;
  /** Of sightings: under another, the page is made anew, and its messages are seen again. */
  count?: number;
  ifNoneMatch: ReadonlySet<string>;
}

/** Pages that were given before. */
export interface Answers {
  /** The page under these marks, given before or read now. */
  serve(asked: AskedOf, read: () => Promise<Page>): Promise<ListMessagesOutput>;
  /** The same where the mark is of this process alone: the etag is then made of the page itself. */
  serveAsRead(request: ListRequest, mark: Mark, read: () => Promise<Page>): Promise<ListMessagesOutput>;
  /** The page as it was given last, whatever has happened since; null where none is at hand. */
  latest(question: string): { page: MessagePage; asOf: number } | null;
}

const PAGES_OCTETS = 32 << 20;
const ETAGS_OCTETS = 4 << 20;

export function createAnswers(): Answers {
  const pages = new Remembered<MessagePage>(({ ready }) => ready.length, PAGES_OCTETS);
  const etags = new Remembered<string>((etag) => 2 * etag.length, ETAGS_OCTETS);
  return {
    async serve({ question, marks, asOf, count = 0, ifNoneMatch }, read) {
      const mark = { mark: marks.toSorted().join(" "), asOf };
      const etag = etags.at(question, mark) ?? (await etags.recall(question, mark, () => stateEtag(question, marks)));
      if (ifNoneMatch.has(etag)) return { notModified: true, etag };
      const sighted = { mark: `${mark.mark} ${count}`, asOf };
      return pages.at(question, sighted) ?? pages.recall(question, sighted, async () => pageOf(await read(), etag));
    },
    async serveAsRead(request, mark, read) {
      const page = await pages.recall(request.pageQuestion, mark, async () => {
        const parts = await read();
        return pageOf(parts, await contentEtag(request, parts));
      });
      return request.ifNoneMatch.has(page.etag) ? { notModified: true, etag: page.etag } : page;
    },
    latest: (question) => {
      const known = pages.latest(question);
      return known && { page: known.value, asOf: known.asOf };
    },
  };
}
