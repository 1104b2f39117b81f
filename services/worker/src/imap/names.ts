import { isFailure, TextMemory } from "@postern/protocol";
import { encodeMailboxName, type Part, string } from "./encode.ts";

/**
 * How a path may be written on the wire, the right way first. Names that are no modified UTF-7, which some servers list
 * all the same, are shown decoded as far as they can be; to be opened they have to be sent as they came.
 */
export function writtenForms(path: string): string[] {
  const proper = encodeMailboxName(path);
  const raw = Buffer.from(path.replaceAll("\0", ""), "utf8").toString("latin1");
  const single = /[\x80-\xff]/.test(path) && !/[^\0-\xff]/.test(path) ? [path] : [];
  return [...new Set([proper, raw, ...single])];
}

/** Those who follow a mailbox name it again and again. */
const forms = new TextMemory<readonly Form[]>();

interface Form {
  octets: string;
  /** As a command's argument. */
  name: Part;
}

function formsOf(path: string): readonly Form[] {
  return forms.recall(path, () => writtenForms(path).map(formOf));
}

function formOf(octets: string): Form {
  return { octets, name: writtenName(octets) };
}

/** A mailbox as a command's argument, from its octets. */
export function writtenName(octets: string): Part {
  return /^[\x20-\x7e]*$/.test(octets) ? string(octets) : { literal: Buffer.from(octets, "latin1") };
}

/** The name that a path has on the server, where that was learnt on this connection. */
export class MailboxNames {
  private readonly known = new Map<string, string>();

  learn(path: string, octets: string): void {
    if (octets !== encodeMailboxName(path)) this.known.set(path, octets);
  }

  forget(path: string): void {
    this.known.delete(path);
  }

  /**
   * Runs `command` with the name of a path, and where that does not exist with its other forms. Undefined: none exists.
   * Plain names have one form only, so that this costs nothing.
   */
  async use<T>(path: string, command: (name: Part) => Promise<T>): Promise<T | undefined> {
    const known = this.known.get(path);
    const candidates = known === undefined ? formsOf(path) : [formOf(known)];
    for (const [index, { octets, name }] of candidates.entries()) {
      try {
        const result = await command(name);
        if (index > 0) this.learn(path, octets);
        return result;
      } catch (error) {
        // A form that the server cannot even read is no name of it; some say NO to that, without saying more.
        const unread = index > 0 && isFailure(error, "upstream-refused") && error.upstream?.code === null;
        if (!isMissing(error) && !unread) throw error;
      }
    }
    return undefined;
  }
}

/** That a mailbox does not exist is an answer. Servers without response codes (Courier, old Cyrus) say it in words. */
function isMissing(error: unknown): boolean {
  if (!isFailure(error) || error.upstream === undefined) return false;
  const { status, code, text } = error.upstream;
  if (status !== "NO") return false;
  if (code === "NONEXISTENT" || code === "TRYCREATE") return true;
  return code === null && /doesn'?t exist|does not exist|unknown mailbox|no such|not found|non-?exist/i.test(text);
}
