import {
  type AnyOperation,
  type Call,
  changing,
  type Mail,
  mailOf,
  MessagePage,
  type OperationName,
  operations,
  TextMemory,
} from "@postern/protocol";
import type { Identity } from "../access/index.ts";

/** A call that an execution made, and what it was answered. */
interface Made {
  name: OperationName;
  input: unknown;
  /** A page is the same object for as long as it is the same page; anything else is compared by its JSON. */
  answer: MessagePage | string;
}

interface Entry {
  identity: Identity;
  calls: Made[];
  /** JSON of the answer's `data`. */
  data: string;
  until: number;
}

/** What an execution was asked: it depends on this, on who asks, and on what mail answers. */
export interface Question {
  query: string;
  operationName: string | undefined;
  variables: Record<string, unknown> | undefined;
}

/** What is put into answers beside that, such as addresses that are good for a while, is renewed this often. */
const BELIEVED_MS = 5_000;
const MOST = 200;
const LONGEST_DATA = 100_000;
const LONGEST_ANSWER = 10_000;
const MOST_CALLS = 5;

/**
 * Answers that were put together before. Whoever asks the same again has the same calls made, so that the answer is as fresh
 * as any; where all are answered as before, so is the query, without being executed.
 */
export class RememberedAnswers {
  private readonly entries = new TextMemory<Entry>(MOST);

  /** JSON of the `data` that the same calls led to before; null: it has to be executed. */
  async recall(question: Question, identity: Identity, mail: Mail, call: Call): Promise<string | null> {
    const entry = this.entries.get(textOf(question));
    if (!entry || entry.identity !== identity || entry.until < Date.now()) return null;
    const isSame = async ({ name, input, answer }: Made): Promise<boolean> =>
      isAnswer(await (mail[name] as AnyOperation)(input, call), answer);
    const same = await Promise.all(entry.calls.map(isSame)).catch(() => [false]);
    return same.every(Boolean) ? entry.data : null;
  }

  keep(question: Question, identity: Identity, calls: Made[] | null, data: string): void {
    if (calls === null || calls.length === 0 || data.length > LONGEST_DATA) return;
    this.entries.keep(textOf(question), { identity, calls, data, until: Date.now() + BELIEVED_MS });
  }
}

/** The same mail, and what was asked of it; null once that cannot be asked again for an answer. */
export function recorded(mail: Mail): { mail: Mail; calls: () => Made[] | null } {
  let calls: Made[] | null = [];
  const record = (name: OperationName, input: unknown, output: unknown): void => {
    const answer = output instanceof MessagePage ? output : jsonOf(name, output);
    if (answer === null || !calls || calls.length === MOST_CALLS) calls = null;
    else calls.push({ name, input, answer });
  };
  return {
    calls: () => calls,
    mail: mailOf((name) => async (input, call, octets) => {
      const output = await (mail[name] as AnyOperation)(input, call, octets);
      record(name, input, output);
      return output;
    }),
  };
}

function isAnswer(output: unknown, answer: Made["answer"]): boolean {
  if (answer instanceof MessagePage || output instanceof MessagePage) return output === answer;
  return JSON.stringify(output) === answer;
}

/** Null for what is no plain answer to a question, or a long one. */
function jsonOf(name: OperationName, output: unknown): string | null {
  if (changing.has(name) || operations[name].kind !== "call") return null;
  const json = JSON.stringify(output);
  return json.length > LONGEST_ANSWER ? null : json;
}

function textOf({ query, operationName, variables }: Question): string {
  return `${operationName ?? ""}\n${variables ? JSON.stringify(variables) : ""}\n${query}`;
}
