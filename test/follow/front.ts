import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** One address for whichever gateways there are, as a load balancer gives. */
export class Front {
  /** Where connections go, in turn. */
  targets: string[] = [];
  private readonly server = createServer({ noDelay: true }, (client) => this.join(client));
  private readonly sockets = new Set<Socket>();
  private turn = 0;

  static async start(): Promise<Front> {
    const front = new Front();
    front.server.listen(0, "127.0.0.1");
    await once(front.server, "listening");
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private join(client: Socket): void {
    this.turn += 1;
    const target = this.targets[this.turn % this.targets.length];
    if (target === undefined) return void client.destroy();
    const { hostname, port } = new URL(target);
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true });
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
