import type { Server } from "node:http";

/**
 * Lets a server that no longer listens end soon, when called after each answer: Node closes the connections that are idle
 * when it is told to close, and leaves those that were busy open for as long as their clients like to keep them.
 */
export function closeIfDone(server: Server): void {
  if (!server.listening) setImmediate(() => server.closeIdleConnections());
}
