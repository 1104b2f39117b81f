import { Agent, request } from "undici";
import type { World } from "./world.ts";

/** Clients that keep their connections, and take those away that a gateway has closed. */
export interface Steady {
  /** How many were answered, and how many seconds it has taken. */
  answered: number;
  /** What was no success. */
  failed: string[];
  slowestMs: number;
  /** When so many more have been answered. */
  more(count: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * So many requests a second, or as many as the machine carries: each client asks again when it has its answer and its time
 * has come. A request that found its connection closed before any answer came is sent once more on another, as every
 * client and proxy does with what changes nothing (RFC 9110 section 9.2.2).
 */
export function startSteady(world: World, { clients, perSecond }: { clients: number; perSecond: number }): Steady {
  const agent = new Agent({ keepAliveTimeout: 2_000 });
  const began = performance.now();
  let started = 0;
  const over = new AbortController();
  const waiting = new Set<() => void>();
  const steady: Steady = {
    answered: 0,
    failed: [],
    slowestMs: 0,
    more: async (count) => {
      const enough = steady.answered + count;
      while (steady.answered < enough) await new Promise<void>((resolve) => waiting.add(resolve));
    },
    stop: async () => {
      over.abort();
      await running;
      await agent.close();
    },
  };
  const ask = async (account: string, turn: number): Promise<string> => {
    const { url } = world.gateways[turn % world.gateways.length] ?? { url: "" };
    const path = `/v1/accounts/${account}/messages?mailbox=inbox&limit=20&fields=id,subject,flags`;
    const headers = { authorization: `Bearer ${world.adminToken}` };
    const { statusCode, body } = await request(url + path, { dispatcher: agent, headers });
    const text = await body.text();
    return statusCode === 200 ? "" : `${statusCode} ${text}`;
  };
  const client = async (at: number): Promise<void> => {
    const account = world.accounts[at % world.accounts.length]?.id ?? "";
    while (!over.signal.aborted) {
      const due = began + (started * 1_000) / perSecond;
      const turn = (started += 1);
      const early = due - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      const asked = performance.now();
      const wrong = await ask(account, turn)
        .catch(() => ask(account, turn + 1))
        .catch(String);
      if (wrong !== "") steady.failed.push(wrong);
      steady.slowestMs = Math.max(steady.slowestMs, performance.now() - asked);
      steady.answered += 1;
      for (const look of waiting) look();
      waiting.clear();
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, at) => client(at)));
  return steady;
}

/** Each worker and each gateway in turn is replaced by a new one. */
export async function rollAll(world: World, between: () => Promise<void>): Promise<void> {
  for (const old of world.workers) {
    world.workers = [...world.workers.filter((other) => other !== old), await world.newWorker()];
    await world.end(old, "SIGTERM");
    await between();
  }
  for (const old of world.gateways) {
    // Nobody is sent to it any more before it is told to leave, as a load balancer would have it.
    world.gateways = [...world.gateways.filter((other) => other !== old), await world.newGateway()];
    await between();
    await world.end(old, "SIGTERM");
    await between();
  }
}
