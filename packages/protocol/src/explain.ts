/** How an answer came about, for who asked to be told. Never holds what was asked for: arguments may be somebody's mail. */
export interface Explained {
  /** In the order in which they ended; the first ones where there were too many. */
  commands: ExplainedCommand[];
  /** How many more there were. */
  omitted: number;
  /** What decided the cost, in words. */
  remarks: string[];
}

export interface ExplainedCommand {
  /** `STATUS`, `FETCH` … */
  command: string;
  ms: number;
  /** Received during it. */
  octets: number;
  ok: boolean;
  /** Was sent for others too, who waited for the same. */
  shared: boolean;
}

/** What crosses the wire in a header has to fit into one. */
const MOST_COMMANDS = 50;
const MOST_REMARKS = 20;

export function newExplained(): Explained {
  return { commands: [], omitted: 0, remarks: [] };
}

/** Nothing happens where nobody asked. */
export function explainCommand(explained: Explained | null, command: ExplainedCommand): void {
  if (!explained) return;
  if (explained.commands.length < MOST_COMMANDS) explained.commands.push(command);
  else explained.omitted += 1;
}

export function remark(explained: Explained | null, text: string): void {
  if (explained && explained.remarks.length < MOST_REMARKS && !explained.remarks.includes(text))
    explained.remarks.push(text);
}

/** Takes in what a part of the work explains. `shared`: others paid for it. */
export function addExplained(into: Explained | null, part: Explained | null | undefined, shared: boolean): void {
  if (!into || !part) return;
  for (const command of part.commands) explainCommand(into, { ...command, shared: command.shared || shared });
  into.omitted += part.omitted;
  for (const text of part.remarks) remark(into, text);
}
