import * as z from "zod";

/** A field of an answer's header, described once for the whole document. */
function field<T extends z.ZodType>(id: string, description: string, schema: T): T {
  return schema.meta({ description, header: { id } });
}

type Fields = Record<string, z.ZodType>;

/** What `describeAnswers` puts on every answer. */
const everyAnswer: Fields = {
  "X-Request-Id": field("RequestId", "The request's id, as it stands in the logs.", z.string()),
  "Server-Timing": field("ServerTiming", "What the answer took, and what of it IMAP did.", z.string()),
  "X-Content-Type-Options": field("ContentTypeOptions", "Nobody shall guess a media type.", z.literal("nosniff")),
};

export const asOf: Fields = {
  "Postern-As-Of": field(
    "AsOf",
    "When the command was sent that proves the answer: all that the mail server had acknowledged before is in it.",
    z.iso.datetime().optional(),
  ),
};

const cacheControl = (id: string, value: string) => ({
  "Cache-Control": field(id, "Who may keep the answer, and for how long.", z.literal(value)),
});

export const notStored: Fields = cacheControl("NotStored", "no-store");
const proveAnew: Fields = cacheControl("ProveAnew", "private, no-cache");
const keptForGood: Fields = cacheControl("KeptForGood", "private, max-age=31536000, immutable");

const weakEtag: Fields = {
  ETag: field("WeakETag", "Changes with what the list would show.", z.string().regex(/^W\/"[^"]+"$/)),
};
export const strongEtag: Fields = {
  ETag: field("StrongETag", "Repeated as the field `etag` of a message.", z.string().regex(/^"[^"]+"$/)),
};

const stale: Fields = {
  "Postern-Stale": field(
    "Stale",
    "Nobody looked whether this is still so, since `max-stale` allowed it.",
    z.literal("true").optional(),
  ),
};

export const listAnswer: Fields = { ...weakEtag, ...proveAnew, ...asOf, ...stale };
/** Addresses in its HTML that expire are not for a cache. */
const keptUnlessExpiring: Fields = {
  "Cache-Control": field(
    "KeptUnlessExpiring",
    "Who may keep the answer: nobody where its HTML carries addresses that expire.",
    z.enum(["private, no-cache", "no-store"]),
  ),
};
export const shownAnswer: Fields = { ...strongEtag, ...asOf, ...keptUnlessExpiring };
export const shownListAnswer: Fields = { ...listAnswer, ...keptUnlessExpiring };
export const messageAnswer: Fields = { ...strongEtag, ...proveAnew, ...asOf };

export const link: Fields = {
  Link: field("Link", "The next page, as `rel=next` (RFC 8288); absent on the last one.", z.string().optional()),
};
export const location: Fields = {
  Location: field("Location", "Where what was made is, relative to the address asked (RFC 3986).", z.string()),
};

/** Of what somebody else has made. */
const contained: Fields = {
  "Content-Disposition": field("ContentDisposition", "How to show or name it (RFC 6266).", z.string()),
  "Content-Security-Policy": field("ContentSecurityPolicy", "Nothing in it may run.", z.string()),
  "Cross-Origin-Resource-Policy": field(
    "ResourcePolicy",
    "No other site may embed it, but by a ticket.",
    z.enum(["same-site", "cross-origin"]),
  ),
};

export const octetsAnswer: Fields = {
  ...strongEtag,
  ...keptForGood,
  ...asOf,
  "Accept-Ranges": field("AcceptRanges", "Ranges are counted in octets.", z.literal("bytes")),
  ...contained,
  "Last-Modified": field("LastModified", "When the message was received.", z.string().optional()),
  "Postern-Explain": field(
    "Explain",
    "How the answer came about up to its first octet, as `Explanation` in JSON; there where `explain=true` asked for it.",
    z.string().optional(),
  ),
};
export const rangeAnswer: Fields = {
  ...octetsAnswer,
  "Content-Range": field("ContentRange", "Which octets these are.", z.string().regex(/^bytes \d+-\d+\/(\d+|\*)$/)),
};

/** Of an image from elsewhere. */
export const proxiedAnswer: Fields = {
  ...cacheControl("KeptAnHour", "private, max-age=3600"),
  ...contained,
};

/** For problems. */
export const retryAfter: Fields = {
  "Retry-After": field("RetryAfter", "Seconds after which to try again.", z.string().regex(/^\d+$/).optional()),
};
export const challenge: Fields = { "WWW-Authenticate": field("Challenge", "How to come in.", z.string()) };
export const unsatisfiedRange: Fields = {
  "Content-Range": field("UnsatisfiedRange", "How many octets there are.", z.string().regex(/^bytes \*\/(\d+|\*)$/)),
};

/** The header of an answer. */
export function withFields(headers: Fields): z.ZodObject {
  return z.object({ ...everyAnswer, ...headers });
}

/** An answer in JSON, in the form that OpenAPI and fastify share. */
export function json<T extends z.ZodType>(description: string, schema: T, example: z.output<T>, headers: Fields = {}) {
  return { description, headers: withFields(headers), content: { "application/json": { schema, example } } };
}

export function octets(description: string, contentType: string, headers: Fields) {
  const schema = z.string().meta({ format: "binary" });
  return { description, headers: withFields(headers), content: { [contentType]: { schema } } };
}

/** Server-sent events, whose data are events as JSON. */
export const eventStream = {
  description: "Events as they happen, for as long as the client listens.",
  headers: withFields({
    ...notStored,
    "X-Accel-Buffering": field("Unbuffered", "Proxies are to hand it on at once.", z.literal("no")),
  }),
  content: { "text/event-stream": { schema: z.string() } },
};

export function nothing(description: string, headers: Fields = {}) {
  return { description, headers: withFields(headers) };
}
