import type { State } from "./ledger.ts";

export const show = (state: State): string => (state === null ? "nowhere" : [state.box, ...inOrder(state)].join(" "));

export const sameState = (one: State, other: State): boolean => show(one) === show(other);

export const withFlag = (flags: readonly string[], flag: string, isOn: boolean): string[] => {
  const others = flags.filter((each) => each !== flag);
  return isOn ? [...others, flag] : others;
};

/** What the server alone sets says nothing. */
const inOrder = ({ flags }: NonNullable<State>): string[] => flags.filter((flag) => flag !== "\\Recent").toSorted();
