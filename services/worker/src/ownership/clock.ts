/** A moment by both clocks of the machine. */
export interface Moment {
  monotonic: number;
  wall: number;
}

/** Milliseconds since a moment. */
export interface Clock {
  now(): Moment;
  since(moment: Moment): number;
}

/**
 * The monotonic clock of some machines stands still while they sleep or are moved, the other one jumps when it is set:
 * where they differ, more time has passed than one hopes.
 */
export const machineClock: Clock = {
  now: () => ({ monotonic: performance.now(), wall: Date.now() }),
  since: ({ monotonic, wall }) => Math.max(performance.now() - monotonic, Date.now() - wall),
};
