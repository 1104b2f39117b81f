import { eventType, position } from "@postern/protocol";
import type { WebhookDelivery, WebhookRecord } from "@postern/store";
import * as z from "zod";

const url = z
  .url({ protocol: /^https?$/ })
  .max(2_048)
  .refine((text) => {
    const parsed = URL.parse(text);
    return parsed !== null && parsed.username === "" && parsed.password === "" && parsed.hash === "";
  }, "takes no user, password or fragment")
  .describe("Where events are sent to: `https` or `http`, at an address of the public internet.");
const types = z.array(eventType).min(1).max(50).nullable().describe("Only events of these types; null: all.");
const mailboxes = z
  .array(z.string().min(1).max(128))
  .min(1)
  .max(100)
  .nullable()
  .describe("Only what concerns these mailboxes: ids, or roles where it is one account's webhook; null: all.");
const payload = z
  .enum(["full", "thin"])
  .describe("`full`: events whole. `thin`: their types and ids alone, so that nothing of the mail leaves.");
const name = z.string().max(200).nullable().describe("For people.");

export const made = z.strictObject({
  url,
  types: types.default(null),
  mailboxes: mailboxes.default(null),
  payload: payload.default("full"),
  name: name.default(null),
});
export const patch = z.strictObject({
  url: url.optional(),
  types: types.optional(),
  mailboxes: mailboxes.optional(),
  payload: payload.optional(),
  name: name.optional(),
  disabled: z.boolean().optional().describe("False: it goes on where it was, at once."),
});

const shape = {
  id: z.string().describe("The webhook's id."),
  accountId: z.string().nullable().describe("Whose events it sends; null: those of every account."),
  url: z.string().describe("Where events are sent to."),
  types,
  mailboxes: mailboxes.describe("Ids of the only mailboxes whose events it sends; null: all."),
  payload,
  name,
  state: z.enum(["active", "disabled"]).describe("Whether it sends."),
  disabledReason: z
    .enum(["asked", "gone", "failing"])
    .nullable()
    .describe("`gone`: the receiver answered 410. `failing`: no attempt at an event succeeded. Null: it is active."),
  createdAt: z.iso.datetime().describe("When it was made."),
  updatedAt: z.iso.datetime().describe("When it was last changed."),
};
export const shown = z.object(shape).meta({ id: "Webhook", description: "Where events are sent to." });
const secret = z.string().describe("Verifies what is sent, as Standard Webhooks has it: `whsec_…`.");
export const shownWithSecret = z
  .object({ ...shape, secret })
  .meta({ id: "WebhookWithSecret", description: "A webhook with its secret." });
export const rotated = z.object({
  id: shape.id,
  secret,
  previousUntil: z.iso.datetime().nullable().describe("Until when the secret before signs too; null: it does not."),
});
export const delivery = z
  .object({
    id: z.string().describe("The delivery's id."),
    eventId: z.string().describe("The event's id."),
    type: z.string().describe("The event's type."),
    state: z
      .enum(["delivered", "retrying", "failed"])
      .describe("`failed`: the webhook was disabled over it, and begins with it when it is enabled."),
    attempts: z.int().describe("How often it was sent."),
    status: z.int().nullable().describe("What the receiver answered last; null: nothing."),
    error: z.string().nullable().describe("Why the last attempt failed."),
    at: z.iso.datetime().describe("When it was last sent."),
    nextAttemptAt: z.iso.datetime().nullable().describe("When it is sent again."),
  })
  .meta({ id: "WebhookDelivery", description: "An event that was sent, and what has become of it." });
export const ping = z.object({
  delivered: z.boolean().describe("Whether the receiver took it."),
  status: z.int().nullable().describe("What it answered; null: nothing."),
  error: z.string().nullable().describe("Why it failed."),
  ms: z.int().describe("What it took."),
});

export const webhookParam = z.string().max(128).describe("The webhook's id.");
export const deliveryParam = z.string().max(128).describe("The delivery's id.");
export const since = position.describe(
  "A `state`, or the id of an event: what comes after it is sent, again where it was before.",
);
export const graceSeconds = z
  .int()
  .min(0)
  .max(2_592_000)
  .default(86_400)
  .describe("For how long the secret before signs too, so that receivers change over in between.");
export const accountOfAll = z.string().max(63).optional().describe("In which account; needed.");

export function show(webhook: WebhookRecord): z.output<typeof shown> {
  const { id, account, url, types, mailboxes, payload, name, disabled, createdAt, updatedAt } = webhook;
  return {
    id,
    accountId: account,
    url,
    types: types as z.output<typeof shown>["types"],
    mailboxes,
    payload,
    name,
    state: disabled === null ? "active" : "disabled",
    disabledReason: disabled,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  };
}

export function showDelivery({ event, at, nextAt, ...others }: WebhookDelivery): z.output<typeof delivery> {
  const nextAttemptAt = nextAt === null ? null : new Date(nextAt).toISOString();
  return { ...others, eventId: event, at: new Date(at).toISOString(), nextAttemptAt };
}
