import type { MessageField } from "@postern/protocol";
import { checked, withChecksum } from "../../mirror/checked.ts";
import type { Facts } from "./facts.ts";

/**
 * What is known of one message: its facts, and those of its fields that follow from facts alone, as the JSON that is
 * sent. A field is made once, and the facts are only read again where somebody computes with them.
 */
export class Known {
  /** Null: not read yet. */
  private read: Facts | null;
  /** Where they were read from, if they were. */
  private readonly packed: Packed | null;
  private readonly names: ReadonlySet<string>;
  private readonly ready: Map<string, string>;

  constructor(facts: Facts | Packed, ready?: ReadonlyMap<string, string>) {
    this.packed = facts instanceof Packed ? facts : null;
    this.read = facts instanceof Packed ? null : facts;
    this.names = new Set(facts instanceof Packed ? facts.names : Object.keys(facts));
    this.ready = new Map(ready);
  }

  get facts(): Facts {
    this.read ??= JSON.parse(this.packed?.json ?? "{}") as Facts;
    return this.read;
  }

  has(kind: keyof Facts): boolean {
    return this.names.has(kind);
  }

  /** The field as JSON: as it was made before, or by `make`, which must follow from the facts alone. */
  field(name: MessageField, make: (facts: Facts) => unknown): string {
    let json = this.ready.get(name);
    if (json === undefined) {
      json = JSON.stringify(make(this.facts));
      this.ready.set(name, json);
    }
    return json;
  }

  /** More of the same message: what was made of facts that it had before stays. */
  with(facts: Facts): Known {
    return new Known({ ...this.facts, ...facts }, this.ready);
  }

  /** Octets of memory, about. */
  get weight(): number {
    return 1_000 + 3 * (this.packed?.json.length ?? 1_000);
  }

  /** A line that tells names and lengths, then the texts one after another. */
  pack(): Uint8Array {
    const texts: [string, string][] = [["", this.packed?.json ?? JSON.stringify(this.facts)], ...this.ready];
    const head = texts.map(([name, text]) => `${name}:${text.length}`).join(",");
    const all = texts.map(([, text]) => text).join("");
    return withChecksum(encoder.encode(`${[...this.names].join(",")};${head}\n${all}`));
  }

  /** Null for octets that `pack` has not made. */
  static unpack(octets: Uint8Array): Known | null {
    const sound = checked(octets);
    if (!sound) return null;
    const text = decoder.decode(sound);
    const end = text.indexOf("\n");
    const [names, head] = text.slice(0, Math.max(0, end)).split(";");
    if (names === undefined || head === undefined) return null;
    const texts = new Map<string, string>();
    let at = end + 1;
    for (const entry of head.split(",")) {
      const [name = "", length = ""] = entry.split(":");
      texts.set(name, text.slice(at, at + Number(length)));
      at += Number(length);
    }
    const json = texts.get("");
    if (at !== text.length || json === undefined || !json.startsWith("{") || !json.endsWith("}")) return null;
    texts.delete("");
    return new Known(new Packed(json, names.split(",")), texts);
  }
}

/** Facts as they came from the cache. */
class Packed {
  readonly json: string;
  readonly names: readonly string[];

  constructor(json: string, names: readonly string[]) {
    this.json = json;
    this.names = names;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
