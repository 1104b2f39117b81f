import assert from "node:assert/strict";
import { EventSource } from "eventsource";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { Webhook } from "standardwebhooks";
import { Receiver } from "../e2e/receiver.ts";
import type { Contents, Replica, Told } from "./replica.ts";

/** One way to follow an account, kept up through whatever happens to those who serve it. */
export interface Reader {
  readonly name: string;
  /** When everything up to the message with this subject was told. Rejects with what was wrong. */
  until(subject: string): Promise<void>;
  contents(): Contents;
  /** Where each message is, by id. */
  places(): Record<string, string>;
  stop(): Promise<void>;
}

export interface Where {
  /** The gateways' common address. */
  url: string;
  token: string;
  account: string;
}

/** Clients that were turned away come back after so long. */
const AGAIN_MS = 100;
const TYPES = ["created", "updated", "moved", "deleted"].map((what) => `message.${what}`);
const MAILBOX_TYPES = ["created", "renamed", "deleted", "reset"].map((what) => `mailbox.${what}`);

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, AGAIN_MS));

/** A replica that events are brought to, and that tells when it has come somewhere. */
abstract class Following implements Reader {
  abstract readonly name: string;
  protected readonly replica: Replica;
  protected isStopped = false;
  private readonly wanted = new Map<string, () => void>();
  private readonly told = new Set<string>();
  private readonly wrong = Promise.withResolvers<never>();

  constructor(replica: Replica) {
    this.replica = replica;
    this.wrong.promise.catch(() => undefined);
  }

  /** Whether it was taken: where it makes no sense, nothing after it does. */
  protected take(event: Told): boolean {
    try {
      this.replica.take(event);
    } catch (error) {
      this.fail(error);
      return false;
    }
    const subject = event.message?.subject;
    if (subject) {
      this.told.add(subject);
      this.wanted.get(subject)?.();
    }
    return true;
  }

  protected fail(error: unknown): void {
    this.isStopped = true;
    this.wrong.reject(
      new Error(`${this.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }),
    );
  }

  async until(subject: string): Promise<void> {
    const come = new Promise<void>((resolve) => {
      this.wanted.set(subject, resolve);
      if (this.told.has(subject)) resolve();
    });
    await Promise.race([come, this.wrong.promise]);
  }

  contents(): Contents {
    return this.replica.contents();
  }

  places(): Record<string, string> {
    return this.replica.places();
  }

  abstract stop(): Promise<void>;
}

/** Server-sent events, as a browser hears them. */
export class SseReader extends Following {
  readonly name = "server-sent events";
  private readonly where: Where;
  private source: EventSource;

  constructor(replica: Replica, where: Where) {
    super(replica);
    this.where = where;
    this.source = this.open();
  }

  private open(): EventSource {
    const { url, token, account } = this.where;
    const headers = { authorization: `Bearer ${token}` };
    const source = new EventSource(`${url}/v1/accounts/${account}/events?after=${this.replica.at}`, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
    });
    for (const type of [...TYPES, ...MAILBOX_TYPES])
      source.addEventListener(type, ({ data, lastEventId }: { data: string; lastEventId: string }) => {
        const event = JSON.parse(data) as Told;
        if (event.id !== lastEventId) this.fail(`${event.id} came as ${lastEventId}`);
        if (!this.isStopped && !this.take(event)) source.close();
      });
    source.addEventListener("error", ({ code }) => {
      // It comes back by itself, but not from an answer that says no.
      if (source.readyState !== EventSource.CLOSED || this.isStopped) return;
      if (code !== undefined && code < 500) this.fail(`it was answered ${code}`);
      else setTimeout(() => this.isStopped || (this.source = this.open()), AGAIN_MS);
    });
    return source;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.source.close();
  }
}

const query = `subscription ($account: ID!, $after: ID) {
  events(account: $account, after: $after) {
    id type
    message { id mailboxId flags subject }
    mailbox { id path }
    previous { flags mailboxId path }
  }
}`;

interface Result {
  data?: { events: Told } | null | undefined;
  errors?: readonly { message: string; extensions?: { code?: unknown } }[] | undefined;
}

interface GraphqlClient {
  iterate(request: { query: string; variables: Record<string, unknown> }): AsyncIterableIterator<Result>;
  dispose(): unknown;
}

/** A GraphQL subscription, begun again after what was told last wherever it ends. */
class GraphqlReader extends Following {
  readonly name: string;
  private readonly where: Where;
  private readonly connect: () => GraphqlClient;
  private client: GraphqlClient;
  private readonly running: Promise<void>;

  constructor(name: string, replica: Replica, where: Where, connect: () => GraphqlClient) {
    super(replica);
    this.name = name;
    this.where = where;
    this.connect = connect;
    this.client = connect();
    this.running = this.run();
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      await this.follow().catch((error: unknown) => this.mind(error));
      if (this.isStopped) return;
      await pause();
      await this.client.dispose();
      this.client = this.connect();
    }
  }

  private async follow(): Promise<void> {
    const variables = { account: this.where.account, after: this.replica.at };
    for await (const { data, errors } of this.client.iterate({ query, variables })) {
      if (errors) throw errors;
      if (data && !this.take(data.events)) return;
    }
  }

  /** Broken connections are expected, and servers that say so; what expires or is malformed is not. */
  private mind(error: unknown): void {
    const [first] = Array.isArray(error) ? (error as NonNullable<Result["errors"]>) : [];
    const code = first?.extensions?.code;
    if (first && code !== "unavailable") this.fail(`${String(code)}: ${first.message}`);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.client.dispose();
    await this.running;
  }
}

export function graphqlWsReader(replica: Replica, where: Where): Reader {
  const { url, token } = where;
  const options = { url: `${url.replace("http", "ws")}/graphql`, retryAttempts: 0 };
  const connectionParams = { authorization: `Bearer ${token}` };
  return new GraphqlReader("graphql-transport-ws", replica, where, () => {
    return createWsClient({ ...options, connectionParams });
  });
}

export function graphqlSseReader(replica: Replica, where: Where): Reader {
  const { url, token } = where;
  const headers = { authorization: `Bearer ${token}` };
  return new GraphqlReader("GraphQL over SSE", replica, where, () => {
    return createSseClient({ url: `${url}/graphql`, headers, retryAttempts: 0 }) as unknown as GraphqlClient;
  });
}

/** A webhook's receiver. */
export class WebhookReader extends Following {
  readonly name = "a webhook";
  private readonly receiver: Receiver;

  private constructor(replica: Replica, receiver: Receiver, secret: () => string) {
    super(replica);
    this.receiver = receiver;
    receiver.answer = ({ headers, body, event }) => {
      try {
        assert.deepEqual(new Webhook(secret()).verify(body, headers as Record<string, string>), event);
        assert.equal(headers["webhook-id"], event.data.id);
      } catch (error) {
        this.fail(error);
      }
      if (/^(message|mailbox)\./.test(event.type) && !this.isStopped) this.take(event.data as unknown as Told);
      return 204;
    };
  }

  /** `register` tells Postern where to send to, and gives the secret. */
  static async start(replica: Replica, register: (url: string) => Promise<string>): Promise<WebhookReader> {
    let secret = "";
    const reader = new WebhookReader(replica, await Receiver.start(), () => secret);
    secret = await register(reader.receiver.url);
    return reader;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.receiver.stop();
  }
}
