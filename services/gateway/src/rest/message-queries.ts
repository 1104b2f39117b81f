import {
  allMessageFields,
  filterKeys,
  type FlatFilter,
  type MessageField,
  mailboxRef,
  messageField,
  messageSort,
  remoteImages as remoteImagesValue,
} from "@postern/protocol";
import * as z from "zod";
import { limit } from "./routes.ts";
import { documentedAs } from "./schema.ts";

/** A boolean of the document, for what is text in a query. */
const flag = (description: string) =>
  z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional()
    .meta({ description, override: documentedAs({ type: "boolean" }) });
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
  .optional()
  .meta({
    description: "Comma-separated names of the fields to give; others are absent. `id` is always there.",
    param: { style: "form", explode: false },
    override: documentedAs({ type: "array", items: { type: "string", enum: allMessageFields } }),
  });

export const remoteImages = remoteImagesValue
  .default("block")
  .describe(
    "What becomes of images in `html` that would be loaded from elsewhere: they are left out, keep their addresses, or have ones of Postern, which loads them without telling who looks at them.",
  );

const listing = {
  mailbox: mailboxRef.optional().describe("A mailbox id or a role; absent: all mailboxes that can be selected."),
  limit,
  cursor: z.string().max(8192).optional().describe("`nextCursor` of the page before."),
  sort: messageSort.optional().describe("Absent: newest arrival first."),
  fields: fieldList,
  remoteImages,
};

/** The query of a list: how to list, and a flat filter. */
export const listQuery = z.strictObject({
  ...listing,
  ...filterKeys,
  larger: octets.optional().describe("More octets than this."),
  smaller: octets.optional().describe("Fewer octets than this."),
  header: filterKeys.header.meta({ param: { style: "deepObject", explode: true } }),
  seen: flag("Has been read."),
  flagged: flag("Is flagged."),
  answered: flag("Has been answered."),
  draft: flag("Is a draft."),
  hasAttachment: flag("Has an attachment."),
});

/** The filter in a list's query; undefined where there is none. */
export function filterIn(query: z.infer<typeof listQuery>): FlatFilter | undefined {
  const { mailbox: _, limit: __, cursor: ___, sort: ____, fields: _____, remoteImages: ______, ...filter } = query;
  return Object.keys(filter).length > 0 ? filter : undefined;
}

export function withId(fields: readonly MessageField[]): MessageField[] {
  return fields.includes("id") ? [...fields] : ["id", ...fields];
}
