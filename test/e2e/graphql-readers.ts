import assert from "node:assert/strict";
import type { ImapFlow } from "imapflow";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { dataOf, type GraphqlError, register, run } from "./graphql-client.ts";
import { type House, type HouseKind, startHouse } from "./house.ts";
import { deliver, otherClient } from "./mailbox.ts";

interface Node {
  id: string;
  subject?: string;
}

export interface Connection {
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  totalCount: number | null;
}

/** Of the letters in the inbox, in the order of their arrival. */
export const SUBJECTS = ["One", "Two", "Three", "Four", "Five", "Six", "Seven"];

/** The accounts alice, who has mail, bob and carol, in a house of this kind. */
export class Readers {
  readonly house: House;
  readonly dovecot: DovecotServer;
  readonly ask: Ask;
  /** Alice's other client. */
  readonly other: ImapFlow;

  private constructor(house: House, dovecot: DovecotServer, other: ImapFlow) {
    this.house = house;
    this.dovecot = dovecot;
    this.other = other;
    this.ask = askWith(house.urls, house.adminToken);
  }

  static async start(kind: HouseKind): Promise<Readers> {
    const dovecot = await startDovecot();
    const other = await otherClient(dovecot, "alice");
    await deliver(other, ...SUBJECTS.map(letter));
    const readers = new Readers(await startHouse(kind), dovecot, other);
    for (const id of ["alice", "bob", "carol"]) await register(readers.ask, dovecot, id);
    return readers;
  }

  async stop(): Promise<void> {
    await this.other.logout();
    await this.house.stop();
    await this.dovecot.stop();
  }

  /** A page of alice's inbox. */
  async inbox(args: string, variables?: Record<string, unknown>, head = ""): Promise<Connection> {
    const page = `edges { cursor node { id subject } } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
    const query = `${head} { account(id: "alice") { mailbox(role: INBOX) { messages${args && `(${args})`} { ${page} } } } }`;
    const data = await dataOf<{ account: { mailbox: { messages: Connection } } }>(this.ask, query, variables);
    return data.account.mailbox.messages;
  }

  /** Id of alice's letter with this subject. */
  async idOf(subject: string): Promise<string> {
    const { edges } = await this.inbox(`filter: {subject: "${subject}"}`);
    assert.equal(edges.length, 1);
    return edges[0]?.node.id ?? "";
  }

  /** What is wrong with asking this of alice's account. */
  async errorsOf(set: string, asWhom = this.ask): Promise<GraphqlError[]> {
    return (await run(asWhom, `{ account(id: "alice") { ${set} } }`)).errors ?? [];
  }

  async inboxId(): Promise<string> {
    const query = `{ account(id: "alice") { mailbox(role: INBOX) { id } } }`;
    return (await dataOf<{ account: { mailbox: Node } }>(this.ask, query)).account.mailbox.id;
  }
}

export function subjects({ edges }: Connection): (string | undefined)[] {
  return edges.map(({ node }) => node.subject);
}

/** No two are alike in what can be filtered and sorted by. */
function letter(subject: string, at: number) {
  return {
    subject,
    from: at % 2 === 0 ? "Ada <ada@example.org>" : "Zoë <zoe@example.com>",
    to: at === 3 ? "Carol <carol@example.net>" : "Bob <bob@example.com>",
    text: "x".repeat(100 * (at + 1)),
    date: new Date(Date.UTC(2026, 0, 20 - at)),
    receivedAt: new Date(Date.UTC(2026, 1, 1 + at, 12)),
    flags: at < 2 ? ["\\Seen"] : at === 2 ? ["\\Flagged", "$Todo"] : [],
    headers: at === 4 ? ["X-Colour: green", "X-Shade: dark"] : at === 5 ? ["X-Colour: green"] : [],
  };
}
