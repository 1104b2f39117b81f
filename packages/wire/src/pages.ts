import { type ListMessagesOutput, MessagePage, type NotModified, type PageHead } from "@postern/protocol";

/** How a page crosses: its head as JSON on a line, then the items as they are. */
export const pageType = "application/x-postern-page";

const LINE_END = 10;

export function packPage(page: ListMessagesOutput): Buffer {
  if (page.notModified) return Buffer.from(`${JSON.stringify(page)}\n`);
  return Buffer.concat([Buffer.from(`${JSON.stringify(page.head)}\n`), page.ready]);
}

/** Throws what `JSON.parse` throws where the octets are no page. */
export function unpackPage(octets: Uint8Array): ListMessagesOutput {
  const end = octets.indexOf(LINE_END);
  const head = JSON.parse(Buffer.from(octets.subarray(0, end)).toString()) as PageHead | NotModified;
  return "notModified" in head ? head : new MessagePage(head, octets.subarray(end + 1));
}
