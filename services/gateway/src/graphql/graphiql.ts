import type { FastifyInstance } from "fastify";
import { publicPath } from "../http/addresses.ts";

const example = `# Set a token under "Headers": {"Authorization": "Bearer …"}
query Inbox {
  accounts {
    nodes {
      id
      mailbox(role: INBOX) {
        unseen
        messages(first: 10) {
          nodes { subject from { name address } receivedAt snippet }
        }
      }
    }
  }
}
`;

/**
 * GraphiQL with everything it needs in one page, so that it works without the internet. The page itself needs no token. It
 * holds tens of megabytes: nothing of it is loaded before somebody looks.
 */
export function serveGraphiql(app: FastifyInstance, publicUrl: string | undefined): void {
  let page: Promise<string> | null = null;
  app.get("/graphiql", { schema: { hide: true } }, async (_, reply) => {
    page ??= render(publicUrl);
    return reply
      .type("text/html; charset=utf-8")
      .header("cache-control", "private, max-age=3600")
      .send(await page);
  });
}

async function render(publicUrl: string | undefined): Promise<string> {
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  return renderGraphiQL({
    endpoint: publicPath(publicUrl, "/graphql"),
    title: "Postern",
    defaultQuery: example,
    headers: '{"Authorization": "Bearer "}',
    shouldPersistHeaders: false,
  });
}
