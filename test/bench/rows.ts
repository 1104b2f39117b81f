import type { Rate } from "./load.ts";

/** One comparison. */
export interface Row {
  what: string;
  postern: Rate;
  /** What it is measured against. */
  against: { name: string; rate: Rate };
  /** By answers a second, or by the median of what one answer takes. */
  by: "rate" | "latency";
  /** What the ratio is to be: at least for rates, at most for latencies. */
  wanted?: number;
}

/** One row for each thing that something is measured against. */
export function rowsOf(
  what: string,
  postern: Rate,
  against: Record<string, readonly [rate: Rate, wanted?: number]>,
  by: Row["by"] = "rate",
): Row[] {
  return Object.entries(against).map(([name, [rate, wanted]]) => ({
    what,
    postern,
    against: { name, rate },
    by,
    ...(wanted !== undefined && { wanted }),
  }));
}

export function print(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}\n`);
  console.log(
    "| what | a second | p50, p99 ms | CPU ms | against | a second | p50, p99 ms | CPU ms | ratio | wanted |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|");
  for (const row of rows) {
    const cells = [row.what, ...ratesOf(row.postern), row.against.name, ...ratesOf(row.against.rate), ratioOf(row)];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

function ratesOf({ perSecond, p50, p99, cpu }: Rate): string[] {
  return [
    perSecond.toFixed(perSecond < 100 ? 1 : 0),
    `${p50.toFixed(2)}, ${p99.toFixed(2)}`,
    cpu === null ? "–" : cpu.toFixed(3),
  ];
}

function ratioOf({ postern, against: { rate }, by, wanted }: Row): string {
  const ratio = by === "rate" ? postern.perSecond / rate.perSecond : postern.p50 / rate.p50;
  const bound = wanted === undefined ? "–" : `${by === "rate" ? "≥" : "≤"} ${wanted} ×`;
  return `${ratio.toFixed(2)} × ${by === "latency" ? "as long" : ""} | ${bound}`;
}
