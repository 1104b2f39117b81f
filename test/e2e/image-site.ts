import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export const pixel = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** Somebody's web server that newsletters have their images on, and that wants to know who looks at them. */
export interface ImageSite {
  origin: string;
  asked: IncomingMessage[];
  stop(): void;
}

/** Has an image at every path but `/page`. */
export async function startImageSite(): Promise<ImageSite> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    const type = request.url?.startsWith("/page") ? "text/html" : "image/gif";
    response.writeHead(200, { "content-type": type, "set-cookie": "who=ada" }).end(pixel);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${port}`, asked, stop };
}
