import * as z from "zod";

/** What Redis answers, made into what was asked for. Anything else is a defect and throws. */
const integer = z.number().int();
const text = z.string().nullable();
const texts = z.array(z.string());
const textsOrNull = z.array(z.string().nullable());
const entries = z.array(z.tuple([z.string(), z.array(z.string())]));
const buffers = z.array(z.instanceof(Buffer).nullable());

export const asInteger = (reply: unknown): number => integer.parse(reply);
export const asIntegers = (reply: unknown): number[] => z.array(integer).parse(reply);
export const asText = (reply: unknown): string | null => text.parse(reply);
export const asTexts = (reply: unknown): string[] => texts.parse(reply);
export const asTextsOrNull = (reply: unknown): (string | null)[] => textsOrNull.parse(reply);
export const asBuffersOrNull = (reply: unknown): (Buffer | null)[] => buffers.parse(reply);
/** Of XRANGE and the like: id, then fields and values in turn. */
export const asStreamEntries = (reply: unknown): [id: string, fields: string[]][] => entries.parse(reply);
/** Of HGETALL. */
export function asFields(reply: unknown): [field: string, value: string][] {
  const flat = asTexts(reply);
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? "", flat[2 * index + 1] ?? ""]);
}
