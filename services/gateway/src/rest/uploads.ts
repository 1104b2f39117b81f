import { type Octets, uploaded } from "@postern/protocol";
import * as z from "zod";
import { exampleUpload } from "./examples.ts";
import { ofAccounts } from "./problem-responses.ts";
import { json } from "./responses.ts";
import { accountParams, enterUpload, type RestOptions, type Scoped } from "./routes.ts";
import { documentedAs } from "./schema.ts";

const uploadQuery = z.strictObject({
  filename: z
    .string()
    .max(255)
    .regex(/^[^\0\r\n]*$/)
    .optional()
    .describe("How it is called where it is attached."),
});

const octets = z.custom<Octets>().meta({
  description: "Octets of any media type.",
  override: documentedAs({ type: "string", format: "binary" }),
});

/** Routes of a scope of their own, whose bodies may be of any media type. */
export function uploadRoutes(app: Scoped, { mail }: RestOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_, payload, done) => done(null, payload));

  app.route({
    method: "POST",
    url: "/accounts/:account/uploads",
    schema: {
      operationId: "createUpload",
      summary: "Upload what is to be attached or stored",
      description:
        "Kept for a day, for messages that are composed or stored with many others. Its media type is the request's own.",
      tags: ["messages"],
      params: accountParams,
      querystring: uploadQuery,
      body: { content: { "*/*": { schema: octets, example: "The menu of this week." } } },
      response: { 201: json("The upload.", uploaded, exampleUpload) },
      failures: ofAccounts,
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const call = enterUpload(request, reply, account, "write");
      const contentType = (request.headers["content-type"] ?? "").split(";")[0]?.trim().slice(0, 200).toLowerCase();
      const wanted = { account, contentType: contentType || "application/octet-stream" };
      // A request without content has no body to speak of, and uploads nothing all the same.
      const content = (request.body ?? request.raw) as Octets;
      const made = await mail.createUpload({ ...wanted, filename: request.query.filename ?? null }, call, content);
      void reply.code(201);
      return made;
    },
  });
}
