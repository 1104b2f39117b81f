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
  message: DataLoader<MessageWish, Message | null, string>;
  /** All of an account's. */
  mailboxes: DataLoader<string, Mailbox[]>;
}

export function createLoaders(mail: Mail, call: Call): Loaders {
  return {
    message: new DataLoader((wishes) => loadMessages(mail, call, wishes), {
      cacheKeyFn: ({ account, id, fields }) => `${account}/${id}/${fields.join()}`,
      maxBatchSize: 1_000,
    }),
    mailboxes: new DataLoader((accounts) =>
      Promise.all(accounts.map(async (account) => (await mail.listMailboxes({ account }, call)).items)),
    ),
  };
}

/** One call for each account, with all fields that any of the wishes has. */
async function loadMessages(
  mail: Mail,
  call: Call,
  wishes: readonly MessageWish[],
): Promise<(Message | null | Error)[]> {
  const answers = new Map<string, Map<string, MessageResult> | Error>();
  const byAccount = Map.groupBy(wishes, ({ account }) => account);
  await Promise.all(
    [...byAccount].map(async ([account, group]) => answers.set(account, await loadFrom(mail, call, account, group))),
  );
  return wishes.map(({ account, id }) => {
    const found = answers.get(account);
    return found instanceof Error ? found : resultOf(found?.get(id));
  });
}

async function loadFrom(
  mail: Mail,
  call: Call,
  account: string,
  wishes: readonly MessageWish[],
): Promise<Map<string, MessageResult> | Error> {
  const ids = [...new Set(wishes.map(({ id }) => id))];
  const fields = [...new Set(wishes.flatMap((wish) => wish.fields))];
  try {
    const { results } = await mail.getMessages({ account, ids, fields }, call);
    return new Map(ids.map((id, index) => [id, results[index] ?? notFound]));
  } catch (error) {
    return Failure.from(error);
  }
}

const notFound: MessageResult = { failure: new Failure("not-found").toJSON() };

function resultOf(result: MessageResult | undefined): Message | null | Error {
  if (!result) return null;
  if ("message" in result) return result.message;
  const failure = Failure.fromJSON(result.failure);
  return isFailure(failure, "not-found") ? null : failure;
}
