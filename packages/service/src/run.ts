import type { Logger } from "pino";

export interface Running {
  /** Finishes what is under way and lets go of everything. */
  stop(): Promise<void>;
}

/** Longest time that stopping may take before the process leaves anyway. Below Kubernetes' default grace of 30 s. */
export const GRACE_MS = 25_000;
/** A Ctrl-C reaches a process more than once: from the terminal, and from those who started it and pass it on. */
const SAME_SIGNAL_MS = 1_000;

/**
 * Runs a service until SIGTERM or SIGINT, then drains it and exits. Another signal, later, leaves at once.
 * A service that cannot start says why in one line and exits with 1.
 */
export async function runService(start: () => Promise<Running>, log: Logger): Promise<void> {
  let stoppingSince: number | null = null;
  const running = await start().catch((error: unknown) => {
    log.fatal({ err: error }, "cannot start");
    return leave(1);
  });
  const stop = (signal: string): void => {
    if (stoppingSince !== null) {
      if (performance.now() - stoppingSince > SAME_SIGNAL_MS) leave(1);
      return;
    }
    stoppingSince = performance.now();
    log.info({ signal }, "draining");
    setTimeout(() => leave(1), GRACE_MS).unref();
    running.stop().then(
      () => leave(0),
      (error: unknown) => {
        log.error({ err: error }, "did not stop cleanly");
        leave(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

function leave(code: number): never {
  process.exit(code);
}
