/** A component in jCal (RFC 7265 section 3.3): its name, properties and components. */
type Jcal = [name: string, properties: unknown[], components: unknown[]];

/** Rules of all zones of a calendar; a zone of our time has two. */
const MOST_RULES = 20;
/** What rules of real zones are made of. */
const usual = new Set(["freq", "until", "count", "wkst", "bymonth", "byday", "bymonthday", "interval"]);
const MOST_MONTH_DAYS = 7;

/**
 * A calendar whose time zones change once a year at most. Others are no zones of this world, and are made to keep somebody
 * busy: the library goes through every change from the first on.
 */
export function boundedZones(calendar: unknown): Jcal {
  let rules = 0;
  const isKept = (property: unknown): boolean => {
    if (!Array.isArray(property) || property[0] !== "rrule") return true;
    rules += 1;
    return rules <= MOST_RULES && isYearly(property[3]);
  };
  const observance = ([name, properties, components]: Jcal): Jcal => [name, properties.filter(isKept), components];
  const [name, properties, components] = componentOf(calendar);
  return [
    name,
    properties,
    components.map((each) => {
      const [kind, own, inner] = componentOf(each);
      return kind === "vtimezone" ? [kind, own, inner.map((one) => observance(componentOf(one)))] : each;
    }),
  ];
}

function isYearly(rule: unknown): boolean {
  if (typeof rule !== "object" || rule === null) return false;
  const parts = new Map(Object.entries(rule).map(([part, value]: [string, unknown]) => [part.toLowerCase(), value]));
  const isOne = (part: string): boolean => [parts.get(part) ?? []].flat().length === 1;
  return (
    parts.get("freq") === "YEARLY" &&
    [...parts.keys()].every((part) => usual.has(part)) &&
    Number(parts.get("interval") ?? 1) === 1 &&
    isOne("bymonth") &&
    (isOne("byday") || !parts.has("byday")) &&
    [parts.get("bymonthday") ?? []].flat().length <= MOST_MONTH_DAYS
  );
}

function componentOf(value: unknown): Jcal {
  const [name, properties, components]: unknown[] = Array.isArray(value) ? value : [];
  return [
    typeof name === "string" ? name : "",
    Array.isArray(properties) ? properties : [],
    Array.isArray(components) ? components : [],
  ];
}
