import type { Call, ListMessagesInput, ListMessagesOutput, Mail, MessagePage } from "@postern/protocol";

const MOST_OCTETS = 32 << 20;
const MOST_OCTETS_EACH = 1 << 20;

/**
 * The same mail, where a page that has come over once does not come again while it stays as it is: the far side is told
 * which one is held, and says whether that still is the answer.
 */
export function knowPages(mail: Mail): Mail {
  const pages = new Pages();
  return {
    ...mail,
    async listMessages(input: ListMessagesInput, call: Call): Promise<ListMessagesOutput> {
      const { ifNoneMatch = [], ...question } = input;
      const key = JSON.stringify(question);
      const known = pages.get(key);
      const held = known ? [...ifNoneMatch, known.etag] : ifNoneMatch;
      const answer = await mail.listMessages({ ...input, ...(held.length > 0 && { ifNoneMatch: held }) }, call);
      if (!answer.notModified) {
        pages.set(key, answer);
        return answer;
      }
      if (known?.etag !== answer.etag || ifNoneMatch.includes(answer.etag)) return answer;
      return answer.state === undefined ? known : known.withState(answer.state);
    },
  };
}

/** Those that were not asked for the longest make room. */
class Pages {
  private readonly pages = new Map<string, MessagePage>();
  private held = 0;

  get(key: string): MessagePage | undefined {
    const page = this.pages.get(key);
    if (page) {
      this.pages.delete(key);
      this.pages.set(key, page);
    }
    return page;
  }

  set(key: string, page: MessagePage): void {
    this.drop(key);
    if (page.ready.length > MOST_OCTETS_EACH) return;
    this.pages.set(key, page);
    this.held += page.ready.length;
    for (const oldest of this.pages.keys()) {
      if (this.held <= MOST_OCTETS) return;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    this.held -= this.pages.get(key)?.ready.length ?? 0;
    this.pages.delete(key);
  }
}
