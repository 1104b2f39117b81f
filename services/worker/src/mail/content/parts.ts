import type { Attachment, MessagePart, PartRole } from "@postern/protocol";
import type { Structure } from "../../imap/session.ts";

/** Parts beyond these are left out: nobody made such a message to be read. Depth is what recursion elsewhere relies on. */
export const MAX_PARTS = 2_000;
export const MAX_DEPTH = 100;

/** Whether there may be more parts than are known. */
export function mayHaveMoreParts(structure: Structure): boolean {
  let parts = 0;
  const isDeep = (node: Structure, depth: number): boolean => {
    parts += 1;
    // Dovecot shows what is so deep as one part of octets.
    return depth >= MAX_DEPTH - 1 || node.children.some((child) => isDeep(child, depth + 1));
  };
  return isDeep(structure, 0) || parts >= MAX_PARTS;
}

/** A leaf of the structure and what it is for. A message within the message is a leaf: what is in it is its own affair. */
export interface Leaf {
  structure: Structure;
  role: PartRole;
}

/** What surrounds a part. */
interface Surroundings {
  /** Within multipart/related, but not as its root: it is what the root refers to. */
  related: boolean;
  /** Within multipart/alternative: one of several forms of the same. What is mixed in one of them is not. */
  alternative: boolean;
  /** The first within what it is in. */
  first: boolean;
}

/** Leaves in order. Depth and number are bounded where the structure is read. */
export function leavesOf(structure: Structure): Leaf[] {
  return walk(structure, { related: false, alternative: false, first: true });
}

function walk(structure: Structure, around: Surroundings): Leaf[] {
  if (!structure.type.startsWith("multipart/")) return [{ structure, role: roleOf(structure, around) }];
  const kind = structure.type.slice("multipart/".length);
  const root = kind === "related" ? rootOf(structure) : null;
  return structure.children.flatMap((child, index) =>
    walk(child, {
      first: index === 0,
      related: around.related || (root !== null && child !== root),
      alternative: kind === "alternative" || (around.alternative && kind !== "mixed"),
    }),
  );
}

/** RFC 2387 section 3.2: the part that `start` names, or the first. */
function rootOf({ parameters, children }: Structure): Structure | null {
  return children.find(({ contentId }) => contentId !== null && contentId === parameters.start) ?? children[0] ?? null;
}

function roleOf(structure: Structure, { related, alternative, first }: Surroundings): PartRole {
  const { type, disposition, contentId } = structure;
  if (disposition === "attachment" && !(related && contentId !== null)) return "attachment";
  if (related) return contentId !== null || disposition === "inline" ? "inline" : "attachment";
  // RFC 8621 section 4.1.4: a text that comes first is the body, though some mail programs name it.
  const isBody = first || filenameOf(structure) === null;
  if (type === "text/plain" && isBody) return "text";
  if (type === "text/html" && isBody) return "html";
  if (alternative) return "alternative";
  // Mail programs of phones put pictures between texts; anything else that is "inline" is still a file to most people.
  return disposition === "inline" && type.startsWith("image/") ? "inline" : "attachment";
}

/** Without any path in it, or null. */
export function filenameOf({ dispositionParameters, parameters }: Structure): string | null {
  const name = dispositionParameters.filename ?? parameters.name;
  if (name === undefined) return null;
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .replace(/[\p{Cc}\p{Cf}]/gu, "")
    .trim()
    .replace(/^\.+/, "")
    .slice(0, 255)
    .replace(/[\ud800-\udbff]$/, "");
  return clean === "" ? null : clean;
}

export function partsOf(structure: Structure): MessagePart[] {
  return leavesOf(structure).map(({ structure: leaf, role }) => ({
    ...describe(leaf),
    charset: leaf.parameters.charset ?? null,
    encoding: leaf.encoding,
    role,
  }));
}

/** All that is no body: files, pictures within the text (`inline`), messages within the message. */
export function attachmentsOf(structure: Structure): Attachment[] {
  return leavesOf(structure)
    .filter(({ role }) => role === "attachment" || role === "inline")
    .map(({ structure: leaf, role }) => ({ ...describe(leaf), inline: role === "inline" }));
}

function describe(leaf: Structure): Omit<Attachment, "inline"> {
  return {
    part: leaf.part,
    filename: filenameOf(leaf),
    contentType: leaf.type,
    size: leaf.size,
    contentId: leaf.contentId,
  };
}

/** The parts that make up each form of the body: several one after another are all of it, plain ones among HTML too. */
export interface Body {
  text: Structure[];
  html: Structure[];
}

/** As RFC 8621 section 4.1.4 has it: what has only one form is in both. */
export function chooseBody(structure: Structure): Body {
  const roles = new Map(leavesOf(structure).map((leaf) => [leaf.structure, leaf.role]));
  return choose(structure, roles);
}

function choose(structure: Structure, roles: ReadonlyMap<Structure, PartRole>): Body {
  const role = roles.get(structure);
  if (role !== undefined) return role === "text" || role === "html" ? both([structure]) : both([]);
  const bodies = structure.children.map((child) => choose(child, roles));
  const text = bodies.filter((body) => hasType(body.text, "text/plain"));
  const html = bodies.filter((body) => hasType(body.html, "text/html"));
  const isAlternative = structure.type === "multipart/alternative";
  return {
    text: (isAlternative && text.length > 0 ? text : bodies).flatMap((body) => body.text),
    html: (isAlternative && html.length > 0 ? html : bodies).flatMap((body) => body.html),
  };
}

function both(parts: Structure[]): Body {
  return { text: parts, html: parts };
}

function hasType(parts: readonly Structure[], type: string): boolean {
  return parts.some((part) => part.type === type);
}
