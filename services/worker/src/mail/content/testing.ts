import type { Structure } from "../../imap/session.ts";

/** A part as BODYSTRUCTURE tells of it. */
export function partOf(type: string, rest: Partial<Structure> = {}): Structure {
  return {
    part: "1",
    type,
    parameters: {},
    disposition: null,
    dispositionParameters: {},
    contentId: null,
    encoding: "7bit",
    size: 100,
    description: null,
    children: [],
    ...rest,
  };
}

/** With its parts numbered. */
export function multipart(kind: string, children: readonly Structure[], rest: Partial<Structure> = {}): Structure {
  return numbered(partOf(`multipart/${kind}`, { part: "", size: 0, ...rest, children: [...children] }));
}

function numbered(structure: Structure): Structure {
  const children = structure.children.map((child, index) => {
    const part = structure.part === "" ? `${index + 1}` : `${structure.part}.${index + 1}`;
    return numbered({ ...child, part });
  });
  return { ...structure, children };
}
