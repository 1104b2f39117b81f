import {
  type Call,
  Failure,
  isFailure,
  type Mail,
  type Mailbox,
  type Message,
  type MessageField,
  type MessageResult,
} from "@postern/protocol";
import DataLoader from "dataloader";

export interface MessageWish {
  account: string;
  id: string;
  fields: readonly MessageField[];
}

/** Puts what one request asks for one by one together into few calls. */
export interface Loaders {
  /** Null: never was. Throws `message-gone`. */
  message: DataLoader<MessageWish, Message | null>;
  /** All of an account's. */
  mailboxes: DataLoader<string, Mailbox[]>;
}

export function createLoaders(mail: Mail, call: Call): Loaders {
  const messages = new Messages(mail, call);
  return {
    // What is known is kept by message, not by wish: wishes for the same one differ in their fields.
    message: new DataLoader((wishes) => messages.load(wishes), { cache: false, maxBatchSize: 1_000 }),
    mailboxes: new DataLoader((accounts) =>
      Promise.all(accounts.map(async (account) => (await mail.listMailboxes({ account }, call)).items)),
    ),
  };
}

/** Messages of one account that were asked for together. */
interface Asked {
  fields: ReadonlySet<MessageField>;
  answer: Promise<Map<string, MessageResult> | Error>;
}

class Messages {
  private readonly mail: Mail;
  private readonly call: Call;
  private readonly latest = new Map<string, Asked>();

  constructor(mail: Mail, call: Call) {
    this.mail = mail;
    this.call = call;
  }

  /** One call for each account, with all fields that any of the wishes has and no earlier call brings. */
  async load(wishes: readonly MessageWish[]): Promise<(Message | null | Error)[]> {
    const earlier = wishes.map((wish) => this.bringing(wish));
    const missing = wishes.filter((_, index) => !earlier[index]);
    for (const [account, group] of Map.groupBy(missing, (wish) => wish.account)) this.ask(account, group);
    const asked = wishes.map((wish, index) => earlier[index] ?? this.latest.get(keyOf(wish)));
    return Promise.all(
      wishes.map(async ({ id }, index) => {
        const found = await asked[index]?.answer;
        return found instanceof Error ? found : resultOf(found?.get(id));
      }),
    );
  }

  private bringing(wish: MessageWish): Asked | undefined {
    const asked = this.latest.get(keyOf(wish));
    return asked && wish.fields.every((field) => asked.fields.has(field)) ? asked : undefined;
  }

  private ask(account: string, wishes: readonly MessageWish[]): void {
    const ids = [...new Set(wishes.map(({ id }) => id))];
    const fields = [...new Set(wishes.flatMap((wish) => wish.fields))];
    const asked = { fields: new Set(fields), answer: this.fetch(account, ids, fields) };
    for (const wish of wishes) this.latest.set(keyOf(wish), asked);
  }

  private async fetch(
    account: string,
    ids: string[],
    fields: MessageField[],
  ): Promise<Map<string, MessageResult> | Error> {
    try {
      const { results } = await this.mail.getMessages({ account, ids, fields }, this.call);
      return new Map(ids.map((id, index) => [id, results[index] ?? notFound]));
    } catch (error) {
      return Failure.from(error);
    }
  }
}

const keyOf = ({ account, id }: MessageWish): string => `${account}/${id}`;
const notFound: MessageResult = { failure: new Failure("not-found").toJSON() };

function resultOf(result: MessageResult | undefined): Message | null | Error {
  if (!result) return null;
  if ("message" in result) return result.message;
  const failure = Failure.fromJSON(result.failure);
  return isFailure(failure, "not-found") ? null : failure;
}
