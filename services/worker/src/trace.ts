import { type AnyOperation, isFailure, type Mail, mailOf, operations } from "@postern/protocol";
import type { Tracing } from "@postern/service";
import type { CommandReport } from "./imap/index.ts";

/** The same mail, with a span for each call, below the caller's. */
export function traceMail(mail: Mail, tracing: Tracing): Mail {
  return mailOf((name) => {
    const perform = mail[name] as AnyOperation;
    return (input, call) =>
      tracing.within(name, call.traceparent, async (tell) => {
        const { account } = input as { account?: unknown };
        tell({ "rpc.system.name": "postern", "rpc.method": name });
        if (typeof account === "string") tell({ "postern.account": account });
        try {
          const answer = await perform(input, call);
          return operations[name].kind === "stream" ? boundBody(answer, tracing) : answer;
        } catch (error) {
          tell({ "error.type": isFailure(error) ? error.code : "internal" });
          throw error;
        } finally {
          tell({ "postern.imap_commands": call.report.commands });
        }
      });
  });
}

/** The octets of a stream are read when their operation has long answered; the commands that read them belong to it still. */
function boundBody(answer: unknown, tracing: Tracing): unknown {
  const { body, ...rest } = answer as { body: AsyncIterable<Uint8Array> };
  const within = tracing.bound();
  const iterate = (): AsyncIterator<Uint8Array> => {
    const pieces = body[Symbol.asyncIterator]();
    return {
      next: () => within(() => pieces.next()),
      return: async (value?: unknown) => within(() => pieces.return?.(value)) ?? { done: true, value: undefined },
    };
  };
  return { ...rest, body: { [Symbol.asyncIterator]: iterate } };
}

/** An IMAP command, once it has its tagged answer: its name and never its arguments. */
export function traceCommand(tracing: Tracing, { name, ms, bytes, ok }: CommandReport): void {
  tracing.ended(`IMAP ${name}`, ms, {
    "imap.command": name,
    "imap.received_bytes": bytes,
    ...(!ok && { "error.type": "refused" }),
  });
}
