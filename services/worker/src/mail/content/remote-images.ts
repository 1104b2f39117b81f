import { REMOTE_IMAGE } from "@postern/protocol";

export const MARK_SCHEME = REMOTE_IMAGE.slice(0, -1);
const MAX_ADDRESS = 2_000;
/** Longer ones are no mail program's, and are not searched for images. */
const MAX_STYLE = 10_000;

/** A style that `markBackground` makes. */
export const markedBackground = new RegExp(`^url\\(${REMOTE_IMAGE}https?://[^\\s"'()\\\\;]{1,${MAX_ADDRESS * 3}}\\)$`);

const background =
  /(?:^|;)\s*background(?:-image)?\s*:[^;"'(]*(?:\([^;"'()]*\)[^;"'(]*)?\burl\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]*))\s*\)[^;]*/gi;

/** The first image that an `<img>` may show, marked; null where it shows none from elsewhere. */
export function markedAddress(src: string, srcset: string | undefined): string | null {
  return marked(src) ?? marked(/^[\s,]*([^\s,]\S*)/.exec(srcset ?? "")?.[1]?.replace(/,+$/, "") ?? "");
}

/** With what would be drawn behind the tag, by its style or its `background`, as a marked style of its own. */
export function markBackground(attribs: Record<string, string>): Record<string, string> {
  const { background: attribute = "", style = "", ...rest } = attribs;
  if ((attribute === "" && !/url\(/i.test(style)) || style.length > MAX_STYLE) return attribs;
  const inStyle = [...style.matchAll(background)]
    .map(([, double, single, bare]) => double ?? single ?? bare ?? "")
    .at(-1);
  const address = marked(inStyle ?? "") ?? marked(attribute);
  if (address === null) return attribs;
  const others = style.replace(background, "").replace(/;\s*$/, "");
  const image = `background-image:url(${address.replace(/[\\'();]/g, percent)})`;
  return { ...rest, style: others === "" ? image : `${others};${image}` };
}

/** Null for what leads nowhere: it is relative, has a user in it, or is not of HTTP. */
function marked(address: string): string | null {
  const given = address.trim();
  const url =
    given.length > MAX_ADDRESS
      ? null
      : URL.parse(given.startsWith(REMOTE_IMAGE) ? given.slice(REMOTE_IMAGE.length) : given);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return null;
  url.hash = "";
  return url.href.length > MAX_ADDRESS ? null : REMOTE_IMAGE + url.href.replace(/\s/g, encodeURIComponent);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
