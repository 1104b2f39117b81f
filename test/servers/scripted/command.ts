/** What a client sent, taken apart: strings and atoms as text (one character an octet), lists as arrays. */
export type Token = string | Token[];

export interface ScriptedCommand {
  tag: string;
  /** In capitals, `UID` with what it is for: `LOGIN`, `UID FETCH`. */
  name: string;
  args: Token[];
  /** The whole as it came, literals in their place. */
  text: string;
}

/** Throws where a client sends something that is no command. */
export function readCommand(line: string, literals: string[]): ScriptedCommand {
  const [tag, first, ...rest] = new Tokens(line, [...literals]).all();
  if (typeof tag !== "string" || typeof first !== "string") throw new Error(`no command: ${line}`);
  const name = first.toUpperCase();
  const [second, ...others] = rest;
  const text = literals.reduce((whole, literal) => whole.replace("\0", literal), line);
  if (name !== "UID" || typeof second !== "string") return { tag, name, args: rest, text };
  return { tag, name: `UID ${second.toUpperCase()}`, args: others, text };
}

/** Literals stand as NUL in the line. */
class Tokens {
  private at = 0;
  private readonly line: string;
  private readonly literals: string[];

  constructor(line: string, literals: string[]) {
    this.line = line;
    this.literals = literals;
  }

  all(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      while (this.line[this.at] === " ") this.at += 1;
      const character = this.line[this.at];
      if (character === undefined) return tokens;
      if (character === ")") {
        this.at += 1;
        return tokens;
      }
      tokens.push(this.token(character));
    }
  }

  private token(character: string): Token {
    if (character === "(") {
      this.at += 1;
      return this.all();
    }
    if (character === "\0") {
      this.at += 1;
      return this.literals.shift() ?? "";
    }
    return character === '"' ? this.quoted() : this.atom();
  }

  private quoted(): string {
    const match = /^"((?:[^"\\]|\\.)*)"/s.exec(this.line.slice(this.at));
    if (!match) throw new Error(`an open quoted string: ${this.line}`);
    this.at += match[0].length;
    return (match[1] ?? "").replace(/\\(.)/gs, "$1");
  }

  private atom(): string {
    const match = /^(?:[^ ()[\]]|\[[^\]]*\])+/.exec(this.line.slice(this.at));
    if (!match) throw new Error(`no atom: ${this.line.slice(this.at)}`);
    this.at += match[0].length;
    return match[0];
  }
}

export function atom(token: Token | undefined): string {
  return typeof token === "string" ? token : "";
}

/** Numbers of a set, `*` being the highest. */
export function inSet(set: string, number: number, highest: number): boolean {
  const value = (text: string): number => (text === "*" ? highest : Number(text));
  return set.split(",").some((range) => {
    const [from = "", to = from] = range.split(":");
    const [low = 0, high = 0] = [value(from), value(to)].sort((a, b) => a - b);
    return number >= low && number <= high;
  });
}
