import {
  filterKeys,
  type FlatFilter,
  type MessageField,
  mailboxRef,
  messageField,
  messageSort,
} from "@postern/protocol";
import * as z from "zod";

const flag = z.enum(["true", "false"]).transform((text) => text === "true");
const octets = z.coerce.number().int().min(0).max(0xffffffff);

const isKnown = (name: string): name is MessageField => messageField.safeParse(name).success;

/** `a,b,c`: names of fields, none twice. */
export const fieldList = z
  .string()
  .max(1_000)
  .transform((text, context): MessageField[] => {
    const names = text.split(",").map((name) => name.trim());
    const unknown = names.filter((name) => !isKnown(name));
    for (const name of unknown)
      context.addIssue({ code: "custom", message: `${name === "" ? "an empty name" : name} is no field of a message` });
    return [...new Set(names.filter(isKnown))];
  })
  .describe("Comma-separated names of the fields to give; others are absent. `id` is always there.");

const listing = {
  mailbox: mailboxRef.optional().describe("A mailbox id or a role; absent: all mailboxes that can be selected."),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(8192).optional().describe("`nextCursor` of the page before."),
  sort: messageSort.optional().describe("Absent: newest arrival first."),
  fields: fieldList.optional(),
};

/** The query of a list: how to list, and a flat filter. */
export const listQuery = z.strictObject({
  ...listing,
  ...filterKeys,
  larger: octets.optional().describe("More octets than this."),
  smaller: octets.optional().describe("Fewer octets than this."),
  seen: flag.optional(),
  flagged: flag.optional(),
  answered: flag.optional(),
  draft: flag.optional(),
  hasAttachment: flag.optional(),
});

/** The filter in a list's query; undefined where there is none. */
export function filterIn(query: z.infer<typeof listQuery>): FlatFilter | undefined {
  const { mailbox: _, limit: __, cursor: ___, sort: ____, fields: _____, ...filter } = query;
  return Object.keys(filter).length > 0 ? filter : undefined;
}
