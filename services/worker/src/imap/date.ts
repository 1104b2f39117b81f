/** Minutes east of Greenwich (RFC 5322 section 4.3); other names say nothing and count as none. */
const zones: Record<string, number> = {
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};
const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const time = "(\\d{1,2})[:.](\\d{2})(?:[:.](\\d{2}))?(?:[.,]\\d+)?";
const usual = new RegExp(
  `^(?:[a-z]+[.,]* ?)?(\\d{1,2})[ -]?([a-z]{3})[a-z]*[ .,-]+(\\d{4}|\\d{2}),? ${time} ?(.*)$`,
  "i",
);
/** As `ctime` writes it, which some programs put into mail. */
const ctime = new RegExp(`^(?:[a-z]+[.,]* )?([a-z]{3})[a-z]* (\\d{1,2}),? ${time} ?([a-z+-][^ ]*)? ?(\\d{4})\\b`, "i");
const iso = new RegExp(`^(\\d{4})-(\\d{2})-(\\d{2})[t ]${time} ?(.*)$`, "i");

/** A Date header (RFC 5322 section 3.3) as it is met: with comments, named zones, two-digit years. Null for what is none. */
export function readDate(octets: string | null): Date | null {
  if (octets === null) return null;
  const text = withoutComments(octets.slice(0, 300)).replace(/\s+/g, " ").trim();
  const plain = usual.exec(text);
  if (plain) {
    const [, day, month, year, hour, minute, second, zone] = plain;
    return dateOf({ year: century(year), month: monthOf(month), day, hour, minute, second, zone });
  }
  const machine = iso.exec(text);
  if (machine) {
    const [, year, month, day, hour, minute, second, zone] = machine;
    return dateOf({ year: Number(year), month: Number(month) - 1, day, hour, minute, second, zone });
  }
  const [, month, day, hour, minute, second, zone, year] = ctime.exec(text) ?? [];
  return dateOf({ year: Number(year), month: monthOf(month), day, hour, minute, second, zone });
}

/** Comments nest (RFC 5322 section 3.2.2). */
function withoutComments(text: string): string {
  let depth = 0;
  let left = "";
  for (const character of text) {
    if (character === "(") depth += 1;
    if (depth === 0) left += character;
    if (character === ")" && depth > 0) depth -= 1;
  }
  return left;
}

interface Fields {
  year: number;
  /** From 0. */
  month: number;
  day: string | undefined;
  hour: string | undefined;
  minute: string | undefined;
  second: string | undefined;
  zone: string | undefined;
}

function dateOf({ year, month, day, hour, minute, second, zone }: Fields): Date | null {
  const date = new Date(0);
  date.setUTCFullYear(year, month, Number(day));
  if (date.getUTCMonth() !== month || date.getUTCDate() !== Number(day)) return null;
  const [h, m, s] = [Number(hour), Number(minute), Number(second ?? 0)];
  // 60 is a leap second; 24:00 is not of the grammar.
  if (!(h <= 23 && m <= 59 && s <= 60)) return null;
  date.setUTCHours(h, m - offsetOf(zone ?? ""), s);
  // Beyond these, times have no RFC 3339 form.
  const result = date.getUTCFullYear();
  return result >= 1 && result <= 9999 ? date : null;
}

function offsetOf(zone: string): number {
  const match = /^(?:GMT|UTC?)?([+-])(\d{1,2}):?(\d{2})?\b/i.exec(zone);
  if (!match) return zones[zone.split(" ", 1)[0]?.toUpperCase() ?? ""] ?? 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return match[1] === "-" ? -minutes : minutes;
}

/** RFC 5322 section 4.3. */
function century(year: string | undefined): number {
  const number = Number(year);
  if (year?.length !== 2) return number;
  return number < 50 ? 2000 + number : 1900 + number;
}

/** -1: there is no such month. */
function monthOf(name: string | undefined): number {
  return months.indexOf(name?.toLowerCase() ?? "");
}
