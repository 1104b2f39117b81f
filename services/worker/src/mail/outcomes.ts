import { type AnyOperation, type Call, changing, Failure, isFailure, type OperationName } from "@postern/protocol";

/**
 * The same mail, where each change that fails says what became of it. Whoever sends a change knows best and says so; for all
 * others it holds that what was never sent was not done, and that after something was sent nobody knows.
 */
export function withOutcomes<M extends object>(mail: M): M {
  const told = Object.entries(mail).map(([name, perform]): [string, unknown] =>
    changing.has(name as OperationName) ? [name, telling(perform as AnyOperation)] : [name, perform],
  );
  return Object.fromEntries(told) as M;
}

function telling(perform: AnyOperation): AnyOperation {
  return async (input, call, body) => {
    try {
      return await perform(input, call, body);
    } catch (error) {
      throw isFailure(error) ? withOutcome(error, call) : error;
    }
  };
}

function withOutcome(failure: Failure, { report }: Call): Failure {
  if (failure.outcome !== undefined) return failure;
  return failure.withOutcome(report.changes === 0 ? "none" : "unknown");
}
