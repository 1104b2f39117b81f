import type { Server } from "node:http";

/**
 * Lets a server that no longer listens end soon: Node closes the connections that are idle at that moment, and leaves
 * those that were busy open for as long as their clients like to keep them.
 */
export function closeWhenAnswered(server: Server): void {
  server.on("request", (_, response) => {
    response.once("close", () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
  });
}
