/**
 * Work whose result is good for everybody who asked before it began. Who asks while it runs shares the next one: each
 * answer was sought after its question, and however many ask, only one is under way. It begins when all that has arrived
 * has been read, so that those whose requests came together share it.
 */
export class GroupCommit<T> {
  private readonly work: () => Promise<T>;
  private next: Promise<T> | null = null;
  private current: Promise<unknown> = Promise.resolve();

  constructor(work: () => Promise<T>) {
    this.work = work;
  }

  /** Nobody asks, nothing runs. */
  isIdle = true;

  ask(): Promise<T> {
    if (this.next) return this.next;
    this.isIdle = false;
    const next = this.current.then(allIsRead).then(() => {
      this.next = null;
      return this.work();
    });
    this.next = next;
    this.current = next.then(
      () => this.settled(),
      () => this.settled(),
    );
    return next;
  }

  private settled(): void {
    this.isIdle = this.next === null;
  }
}

/** Sockets are read before immediates have their turn. */
function allIsRead(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
