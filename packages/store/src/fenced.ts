import { Failure, isFailure } from "@postern/protocol";

/** A write of an owner whose account is another's by now. Nothing was written. */
export class Fenced extends Failure {
  constructor() {
    super("unavailable", { detail: "Another process has taken the account over.", retryAfter: 1 });
  }
}

/** For writes that mean nothing once the account is another's. */
export async function unlessFenced(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(isFailure(error) && error instanceof Fenced)) throw error;
  }
}
