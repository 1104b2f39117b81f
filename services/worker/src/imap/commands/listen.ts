import { isFailure } from "@postern/protocol";
import type { Connection } from "../connection.ts";

/** Longest time until a sign of life, where one is asked for; then the connection is taken for dead. */
export const ANSWER_MS = 8_000;

/** IDLE (RFC 2177), ended by DONE when `until` aborts. */
export async function idle(connection: Connection, until: AbortSignal, answerMs: number): Promise<void> {
  let goesOn = false;
  const done = (): void => {
    if (!goesOn) return;
    connection.sayDone();
    connection.answerWithin(answerMs);
  };
  until.addEventListener("abort", done, { once: true });
  try {
    await connection.run({
      name: "IDLE",
      parts: ["IDLE"],
      timeoutMs: answerMs,
      onContinue: () => {
        goesOn = true;
        if (until.aborted) done();
        else connection.answerWithin(null);
      },
    });
  } finally {
    until.removeEventListener("abort", done);
  }
}

/** Without IDLE: waits, and asks for news and a sign of life. */
export async function wait(connection: Connection, until: AbortSignal, answerMs: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  const end = (): void => over.resolve();
  until.addEventListener("abort", end, { once: true });
  const look = setInterval(() => {
    if (!connection.usable) end();
  }, 1_000);
  if (until.aborted) end();
  await over.promise;
  clearInterval(look);
  await connection.run({ name: "NOOP", parts: ["NOOP"], timeoutMs: answerMs });
}

/**
 * NOTIFY (RFC 5465) for all of the user's own mailboxes: their STATUS is told whenever it changes, and new names. With a
 * mailbox selected by CONDSTORE, as Dovecot tells of changed flags by nothing but HIGHESTMODSEQ.
 */
export async function notify(connection: Connection, isOn: boolean): Promise<boolean> {
  try {
    const events = "MessageNew MessageExpunge FlagChange";
    const wish = `NOTIFY SET (selected (${events})) (personal (${events} MailboxName))`;
    await connection.run({ name: "NOTIFY", parts: [isOn ? wish : "NOTIFY NONE"] });
    return true;
  } catch (error) {
    if (isFailure(error) && error.upstream !== undefined && connection.usable) return false;
    throw error;
  }
}
