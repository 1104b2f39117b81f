import { eventKinds } from "@postern/protocol";
import * as z from "zod";
import type { ZodOpenApiPathItemObject } from "zod-openapi";

type JsonSchema = Record<string, unknown>;

const fields = z.object({
  "webhook-id": z.string().describe("The event's id: the same however often it is sent."),
  "webhook-timestamp": z.string().describe("When it was sent, in seconds since 1970."),
  "webhook-signature": z.string().describe("`v1,` and the signature, for each secret that is good at present."),
});

/** What is sent to receivers, for the `webhooks` member of the API's description. */
export function describedWebhooks(): Record<string, ZodOpenApiPathItemObject> {
  return Object.fromEntries(
    Object.entries(eventKinds).map(([type, schema]) => {
      const body = z.object({
        type: z.literal(type).describe("The event's type."),
        timestamp: z.iso.datetime().describe("When Postern learnt of it."),
        data: schema.describe("The event; with the thin payload its ids and no more."),
      });
      return [type, { post: described(type, jsonSchemaOf(body)) }];
    }),
  );
}

function described(type: string, schema: JsonSchema): NonNullable<ZodOpenApiPathItemObject["post"]> {
  return {
    operationId: `on.${type}`,
    summary: `\`${type}\``,
    description: "Sent to a webhook's URL, signed as Standard Webhooks has it. docs/events.md tells what it means.",
    tags: ["webhooks"],
    security: [],
    requestParams: { header: fields },
    requestBody: { required: true, content: { "application/json": { schema } } },
    responses: {
      "2XX": { description: "It was taken." },
      "410": { description: "No more of these: the webhook is disabled." },
      "4XX": { description: "It is sent again later." },
    },
  };
}

/** Whole and in place, with no definitions to refer to. */
function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $defs = {}, $schema: _, ...root } = z.toJSONSchema(schema, { io: "output", reused: "inline" });
  return inlined(root, $defs) as JsonSchema;
}

function inlined(value: unknown, definitions: Record<string, JsonSchema>): unknown {
  if (Array.isArray(value)) return value.map((each) => inlined(each, definitions));
  if (typeof value !== "object" || value === null) return value;
  const { $ref, id: _, ...others } = value as JsonSchema;
  if (typeof $ref === "string") return inlined(definitions[$ref.replace("#/$defs/", "")] ?? {}, definitions);
  const kept = isNamed(value as JsonSchema) ? others : value;
  return Object.fromEntries(Object.entries(kept).map(([key, each]) => [key, inlined(each, definitions)]));
}

/** A schema that has a name of its own, which counts for nothing here. */
function isNamed({ id, type }: JsonSchema): boolean {
  return typeof id === "string" && typeof type === "string";
}
