import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  event: {
    type: string;
    timestamp: string;
    data: { id: string; accountId: string; message?: { id: string; subject?: string } };
  };
  path: string;
}

/** Answers with a status; null: not at all. */
type Answering = (received: Received) => number | null;

/** Somebody's HTTP server that webhooks send to. */
export class Receiver {
  readonly received: Received[] = [];
  answer: Answering = () => 204;
  private readonly server: Server;
  private wake: (() => void) | null = null;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const { headers, url: path = "" } = request;
        const received: Received = { headers, body, event: JSON.parse(body) as Received["event"], path };
        const status = receiver.answer(received);
        receiver.received.push(received);
        receiver.wake?.();
        if (status === null) return;
        if (status === 302) response.setHeader("location", "/elsewhere");
        response.writeHead(status).end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/in`;
  }

  async until(holds: (received: Received[]) => boolean): Promise<Received[]> {
    while (!holds(this.received)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.received;
  }

  subjects(): (string | undefined)[] {
    return this.received.map(({ event }) => event.data.message?.subject);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
