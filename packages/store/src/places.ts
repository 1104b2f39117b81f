import type { MailboxEpoch, MessagePlace } from "./store.ts";

/** Short, and without anything that a storage would have to quote. */
export const writePlace = ({ mailbox, uidValidity, uid }: MessagePlace): string =>
  `${writeEpoch({ mailbox, uidValidity })}.${uid.toString(36)}`;
export const writeEpoch = ({ mailbox, uidValidity }: MailboxEpoch): string =>
  `${mailbox.toString(36)}.${uidValidity.toString(36)}`;

export const readPlace = (text: string): MessagePlace => {
  const [mailbox = NaN, uidValidity = NaN, uid = NaN] = numbers(text, 3);
  return { mailbox, uidValidity, uid };
};
export const readEpoch = (text: string): MailboxEpoch => {
  const [mailbox = NaN, uidValidity = NaN] = numbers(text, 2);
  return { mailbox, uidValidity };
};

function numbers(text: string, count: number): number[] {
  const parts = text.split(".").map((part) => Number.parseInt(part, 36));
  if (parts.length !== count || !parts.every(Number.isSafeInteger)) throw new TypeError("a place that cannot be read");
  return parts;
}
