import assert from "node:assert/strict";
import fc from "fast-check";
import type { HouseKind } from "../e2e/house.ts";
import { otherClient } from "../e2e/mailbox.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { graphqlSseReader, graphqlWsReader, type Reader, SseReader, WebhookReader, type Where } from "./readers.ts";
import { contentsOf, type Item, placesOf, Replica } from "./replica.ts";
import { contentsByChanges, insist, mailboxesOf, messagesOf } from "./rest-reader.ts";
import { type Step, Someone, step } from "./someone.ts";
import { Ours, type Wish, wish } from "./ours.ts";
import { type Trouble, trouble, TroubledHouse } from "./troubled-house.ts";

/** What mail servers are made to do without. */
export type Without = readonly string[];

export interface Trial {
  kind: HouseKind;
  /** One account on a server of its own for each. */
  servers: readonly Without[];
  seed: number;
  /** Each is some steps of every other client, with a trouble meanwhile. */
  rounds: number;
  say?: (text: string) => void;
}

interface Round {
  trouble: Trouble;
  /** For each account. */
  steps: (Step | Wish)[][];
}

/** An account that is followed in every way. */
class Followed {
  readonly where: Where;
  private readonly someone: Someone;
  private readonly ours: Ours;
  private readers: Reader[] = [];
  private start: { state: string; items: Item[] } = { state: "", items: [] };

  private constructor(where: Where, someone: Someone) {
    this.where = where;
    this.someone = someone;
    this.ours = new Ours(where);
  }

  static async begin(house: TroubledHouse, dovecot: DovecotServer, account: string): Promise<Followed> {
    const someone = await Someone.start(() => otherClient(dovecot, account));
    const where = { url: house.front.url, token: house.token, account };
    const followed = new Followed(where, someone);
    await someone.append("INBOX", 3, ["\\Seen"]);
    const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user(account) };
    await insist(where, "/v1/accounts?verify=true", { id: account, imap });
    await followed.read();
    return followed;
  }

  private async read(): Promise<void> {
    const { where } = this;
    const { newState: state } = await insist<{ newState: string }>(where, `/v1/accounts/${where.account}/changes`);
    const [mailboxes, items] = [await mailboxesOf(where), await messagesOf(where)];
    this.start = { state, items };
    const replica = (): Replica => new Replica(state, mailboxes, items);
    const webhook = await WebhookReader.start(replica(), async (url) => {
      const made = await insist<{ secret: string }>(where, `/v1/accounts/${where.account}/webhooks`, { url });
      return made.secret;
    });
    this.readers = [
      new SseReader(replica(), where),
      graphqlWsReader(replica(), where),
      graphqlSseReader(replica(), where),
      webhook,
    ];
  }

  async perform(steps: readonly (Step | Wish)[]): Promise<void> {
    for (const each of steps) {
      if ("wish" in each) await this.ours.perform(each);
      else await this.someone.perform(each);
    }
  }

  /** Every way to read from the start leads to what the mail server has. */
  async check(): Promise<void> {
    const { where, start } = this;
    // Within what is found at once creations are told first: after this, all is told before the last.
    await contentsByChanges(where, start.state, start.items);
    const last = await this.someone.sendLast();
    const byChanges = await contentsByChanges(where, start.state, start.items);
    const truth = await this.someone.contents();
    assert.deepEqual(byChanges, truth, `${where.account}: by changes`);
    const listed = await messagesOf(where);
    assert.deepEqual(contentsOf(await mailboxesOf(where), listed), truth, `${where.account}: listed`);
    await Promise.all(
      this.readers.map(async (reader) => {
        await reader.until(last);
        assert.deepEqual(reader.contents(), truth, `${where.account}: by ${reader.name}`);
        assert.deepEqual(reader.places(), placesOf(listed), `${where.account}: ids by ${reader.name}`);
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.stop()));
    this.someone.close();
  }
}

const STEPS = { minLength: 2, maxLength: 8 };

/** Other clients do what they like while those who serve come to harm; then everything must be as the mail servers have it. */
export async function runTrial({ kind, servers, seed, rounds, say = () => undefined }: Trial): Promise<void> {
  const endings: (() => Promise<void>)[] = [];
  try {
    const house = await TroubledHouse.start(kind);
    endings.unshift(() => house.stop());
    const followed = await Promise.all(
      servers.map(async (without) => {
        const dovecot = await startDovecot({ without: [...without] });
        endings.push(dovecot.stop);
        const account = ["with", ...without.map((each) => `no-${each.toLowerCase()}`)].join("-");
        house.accounts.push(account);
        const one = await Followed.begin(house, dovecot, account);
        endings.unshift(() => one.end());
        return one;
      }),
    );
    const round = fc.record({
      trouble,
      steps: fc.array(fc.array(fc.oneof({ weight: 4, arbitrary: step }, { weight: 1, arbitrary: wish }), STEPS), {
        minLength: servers.length,
        maxLength: servers.length,
      }),
    }) satisfies fc.Arbitrary<Round>;
    for (const [number, { trouble: harm, steps }] of fc.sample(round, { seed, numRuns: rounds }).entries()) {
      say(`${number + 1} of ${rounds}: ${harm.who} ${harm.which} ${harm.how}`);
      const acting = Promise.all(followed.map((one, at) => one.perform(steps[at] ?? [])));
      await Promise.all([house.befall(harm, acting), acting]);
      if (number % 10 === 9) await Promise.all(followed.map((one) => one.check()));
    }
    await Promise.all(followed.map((one) => one.check()));
  } finally {
    for (const end of endings) await end();
  }
}
