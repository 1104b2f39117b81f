import { readText } from "./imap.ts";
import { inTurns, load, repeat } from "./load.ts";
import { type Row, rowsOf } from "./rows.ts";
import type { Setting } from "./setting.ts";

/** A single message, which nobody changes. */
export async function messages({ seconds, clients, bare, postern, handler, small }: Setting): Promise<Row[]> {
  const rates = await inTurns(
    {
      postern: load(postern(`/${small.id}`), clients),
      handler: load(handler(`/message/${small.uid}`), clients),
      imapFlow: repeat(async () => void (await readText(bare, small.uid))),
    },
    seconds,
  );
  return rowsOf("a message with its text, nothing changed", rates.postern, {
    "fastify + ImapFlow": [rates.handler],
    "ImapFlow alone": [rates.imapFlow],
  });
}
