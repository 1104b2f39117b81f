import { ApiActor } from "./api-actor.ts";
import { Api } from "./api.ts";
import { check } from "./check.ts";
import { type Commons, commonsOf } from "./commons.ts";
import { type FaultName, faults } from "./faults.ts";
import { readAll } from "./final.ts";
import { compareViews, isServed, leftovers, openDescriptors } from "./afterwards.ts";
import { Ledger } from "./ledger.ts";
import { PlainActor } from "./plain-actor.ts";
import { prepare } from "./prepare.ts";
import { randomFrom } from "./random.ts";
import { World } from "./world.ts";

export interface Plan {
  seed: number;
  ops: number;
  faults: readonly FaultName[];
  /** How often each fault comes. */
  rounds: number;
  accounts: number;
  /** Through Postern, for each account. */
  actors: number;
  say: (line: string) => void;
}

export interface Result {
  ledger: Ledger;
  /** Everything that is wrong. */
  wrong: string[];
  injected: Map<FaultName, number>;
  seconds: number;
}

/** Everybody works, everything breaks, and in the end it is all looked at. */
export async function run(plan: Plan): Promise<Result> {
  const ledger = new Ledger(plan.ops);
  const world = await World.start(Array.from({ length: plan.accounts }, (_, at) => `user${at}`));
  try {
    return await work(plan, world, ledger);
  } finally {
    for (const { process } of [...world.gateways, ...world.workers]) process.kill("SIGKILL");
    await world.stopServers();
  }
}

async function work(plan: Plan, world: World, ledger: Ledger): Promise<Result> {
  const keywords = [...Array.from({ length: plan.actors }, (_, at) => `$a${at}`), "$p"];
  const commons = new Map(world.accounts.map(({ id }) => [id, commonsOf(id, keywords)]));
  const api = (account: string, who: string): Api =>
    new Api({
      account,
      who,
      world,
      ledger,
      random: randomFrom(plan.seed, `${account} ${who} requests`),
      gatewaysFall: plan.faults.some((name) => name.startsWith("gateway")),
    });
  for (const account of world.accounts) await prepare(world, account, ledger, commons.get(account.id) as Commons);
  const before = openDescriptors(world);
  const began = performance.now();
  const actors = world.accounts.flatMap((account) =>
    keywords.map((keyword) => {
      const parts = { account, ledger, keyword, commons: commons.get(account.id) as Commons };
      const random = randomFrom(plan.seed, `${account.id} ${keyword}`);
      return keyword === "$p"
        ? new PlainActor({ ...parts, random, world }).run()
        : new ApiActor({ ...parts, random, api: api(account.id, `${account.id} ${keyword}`) }).run();
    }),
  );
  const breaking = breakThings(plan, world, ledger);
  await allOr(() => ledger.stop(), [breaking, ...actors]);
  const injected = await breaking;
  const seconds = (performance.now() - began) / 1_000;
  plan.say(`${ledger.entries.length} operations in ${seconds.toFixed(1)} s; now everything is looked at`);
  const wrong: string[] = [];
  for (const account of world.accounts) {
    const reader = api(account.id, `${account.id} reader`);
    if (!(await isServed(reader))) wrong.push(`away: ${account.id} is not served again`);
    const lying = await readAll(world, account);
    wrong.push(...check(ledger, account.id, commons.get(account.id) as Commons, lying));
    wrong.push(...(await compareViews(reader, account, lying)));
    await reader.close();
  }
  wrong.push(...(await leftovers(world, before)));
  if (plan.faults.length === 0)
    for (const [answer, count] of ledger.answers)
      if (!/^2|OK$/.test(answer)) wrong.push(`failure: ${count} × ${answer} though nothing was broken`);
  return { ledger, wrong: [...ledger.violations, ...wrong], injected, seconds };
}

/** All of them; where one fails the others are told to come to an end, and are waited for. */
async function allOr(stop: () => void, work: readonly Promise<unknown>[]): Promise<void> {
  for (const each of work) each.catch(stop);
  await Promise.allSettled(work);
  await Promise.all(work);
}

/** One fault after another, spread over all that is done, each with whole time between it and the next. */
async function breakThings({ faults: names, rounds, seed, say }: Plan, world: World, ledger: Ledger) {
  const injected = new Map<FaultName, number>();
  const random = randomFrom(seed, "faults");
  const order = Array.from({ length: rounds }, () => shuffled(names, random)).flat();
  for (const [at, name] of order.entries()) {
    await ledger.reached(Math.round(((at + 0.5) * ledger.limit) / (order.length + 1)));
    say(`${ledger.begun}: ${name}`);
    await faults[name](world, random);
    injected.set(name, (injected.get(name) ?? 0) + 1);
  }
  return injected;
}

function shuffled<T>(all: readonly T[], random: ReturnType<typeof randomFrom>): T[] {
  const left = [...all];
  return all.map(() => left.splice(random.below(left.length), 1)[0] as T);
}
