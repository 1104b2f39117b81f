/** Batches of many as they come; no more is read ahead than one of each. Ends with the signal, or the first that fails. */
export async function* merged<T>(sources: readonly AsyncGenerator<T>[], signal: AbortSignal): AsyncGenerator<T> {
  const waiting = new Map<number, Promise<{ index: number; result: IteratorResult<T> }>>();
  const next = (index: number): void => {
    const source = sources[index];
    if (source)
      waiting.set(
        index,
        source.next().then((result) => ({ index, result })),
      );
  };
  for (const index of sources.keys()) next(index);
  try {
    while (!signal.aborted && waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values());
      if (result.done) waiting.delete(index);
      else {
        next(index);
        yield result.value;
      }
    }
  } finally {
    for (const promise of waiting.values()) promise.catch(() => undefined);
    for (const source of sources) void source.return(undefined).catch(() => undefined);
  }
}
