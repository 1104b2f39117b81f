import { drain } from "./imap.ts";
import { ImapSocket } from "./imap-socket.ts";
import { LIST } from "./lists.ts";
import { inTurns, load, repeat, type Run } from "./load.ts";
import { type Row, rowsOf } from "./rows.ts";
import { Client, type Target } from "./sockets.ts";
import type { Setting } from "./setting.ts";

/** Fifty megabytes, and what lists feel of them. */
export async function downloads({ seconds, mailServer, bare, postern, handler, large }: Setting): Promise<Row[]> {
  const socket = await ImapSocket.open(mailServer, "INBOX");
  const raw = postern(`/${large.id}/raw`);
  const rates = await inTurns(
    {
      postern: load(raw, 1),
      socket: repeat(async () => void (await socket.run(`UID FETCH ${large.uid} BODY.PEEK[]`))),
      handler: load(handler(`/raw/${large.uid}`), 1),
      imapFlow: repeat(() => drain(bare, large.uid)),
    },
    Math.max(seconds, LEAST_SECONDS),
  );
  socket.close();
  const list = load(postern(LIST), 1);
  const beside = await inTurns({ alone: list, beside: during(raw, list) }, seconds);
  return [
    ...rowsOf("raw message of 50 MB, one client", rates.postern, {
      "a raw IMAP socket": [rates.socket, 0.5],
      "fastify + ImapFlow": [rates.handler],
      "ImapFlow alone": [rates.imapFlow],
    }),
    ...rowsOf(
      "fresh list, one client, beside that download",
      beside.beside,
      { "without it": [beside.alone, 5] },
      "latency",
    ),
  ];
}

/** A download takes a good part of a second. */
const LEAST_SECONDS = 16;

function during(other: Target, run: Run): Run {
  return async (seconds) => {
    const client = new Client(other);
    const sample = await run(seconds);
    await client.stop();
    return sample;
  };
}
