import fc from "fast-check";
import { request } from "undici";
import type { Where } from "./readers.ts";

/** What is asked of Postern itself, of some message of the newest ones. */
export interface Wish {
  wish: "flag" | "move" | "delete" | "copy" | "draft" | "replace";
  pick: number;
}

export const wish: fc.Arbitrary<Wish> = fc.record({
  wish: fc.constantFrom("flag", "move", "delete", "copy", "draft", "replace"),
  pick: fc.nat(20),
});

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Whoever is frozen is not waited for. */
const PATIENCE_MS = 2_000;

/** A client of Postern that changes mail. Whether it succeeds does not matter: what it leads to does. */
export class Ours {
  private readonly where: Where;
  private readonly drafts: string[] = [];

  constructor(where: Where) {
    this.where = where;
  }

  async perform({ wish, pick }: Wish): Promise<void> {
    if (wish === "draft") {
      const made = await this.ask<{ id: string }>("POST", "/messages?mailbox=drafts&flags=%5CDraft", {
        subject: "Draft",
        text: "Dear",
      });
      if (made) this.drafts.push(made.id);
      return;
    }
    if (wish === "replace") {
      const draft = this.drafts[pick % this.drafts.length];
      // What is replaced has another subject, which nobody is told.
      if (draft !== undefined) await this.ask("PUT", `/messages/${draft}`, { subject: "Draft", text: `${pick}` });
      return;
    }
    const page = await this.ask<{ items: { id: string }[] }>("GET", "/messages?limit=20&fields=id");
    const mailboxes = await this.ask<{ items: { id: string }[] }>("GET", "/mailboxes");
    if (!page || !mailboxes) return;
    const id = page.items[pick % page.items.length]?.id;
    const mailbox = mailboxes.items[pick % mailboxes.items.length]?.id;
    if (id === undefined) return;
    if (wish === "flag") await this.ask("PATCH", `/messages/${id}`, { flags: { add: ["$Ours"] } });
    else if (wish === "move") await this.ask("PATCH", `/messages/${id}`, { mailbox });
    else if (wish === "copy") await this.ask("POST", `/messages/${id}/copy`, { mailbox });
    else await this.ask("DELETE", `/messages/${id}`);
  }

  /** The answer; null: it was refused, or nobody knows. */
  private async ask<T>(method: Method, path: string, body?: object): Promise<T | null> {
    const { url, token, account } = this.where;
    try {
      const answer = await request(`${url}/v1/accounts/${account}${path}`, {
        method,
        reset: true,
        headersTimeout: PATIENCE_MS,
        headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      return answer.statusCode < 300 && text !== "" ? (JSON.parse(text) as T) : null;
    } catch {
      return null;
    }
  }
}
