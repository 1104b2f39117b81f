import { type Call, Failure, type Mail, type Message, newReport } from "@postern/protocol";

/** What is asked of a hostile server; each answer in a few words, for comparing. */
export type Asking = (mail: Mail, account: string, deadlineMs: number) => Promise<string[]>;

/** A call that waits so long and no longer. */
export function newCall(deadlineMs: number): Call {
  const signal = AbortSignal.timeout(deadlineMs + 30_000);
  return { requestId: "hostile", actor: "admin", deadline: Date.now() + deadlineMs, signal, report: newReport() };
}

export async function items(mail: Mail, account: string, deadlineMs: number): Promise<Message[]> {
  const fields = ["id", "subject", "from", "flags", "size", "receivedAt", "attachments"] as const;
  const input = { account, mailbox: "inbox", limit: 50, fields: [...fields] };
  const page = await mail.listMessages(input, newCall(deadlineMs));
  if (page.notModified) throw new Error("nobody asked for that");
  return page.items;
}

/** By their ids, which a list tells, one by one. */
async function ids(mail: Mail, account: string, deadlineMs: number): Promise<string[]> {
  return (await items(mail, account, deadlineMs)).map(({ id }) => id);
}

export const list: Asking = async (mail, account, deadlineMs) =>
  (await items(mail, account, deadlineMs)).map(({ subject }) => String(subject));

export const boxes: Asking = async (mail, account, deadlineMs) =>
  (await mail.listMailboxes({ account }, newCall(deadlineMs))).items.map(({ path }) => path);

export const search: Asking = async (mail, account, deadlineMs) => {
  const input = { account, mailbox: "inbox", filter: { text: "message" }, limit: 50, fields: ["subject" as const] };
  const page = await mail.listMessages(input, newCall(deadlineMs));
  return page.notModified ? [] : page.items.map(({ subject }) => String(subject));
};

export const raw: Asking = async (mail, account, deadlineMs) => {
  const [message = "msg_none"] = await ids(mail, account, deadlineMs);
  const { body } = await mail.readRaw({ account, message }, newCall(deadlineMs));
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return [Buffer.concat(pieces).toString("latin1")];
};

export const text: Asking = async (mail, account, deadlineMs) => {
  const wanted = await ids(mail, account, deadlineMs);
  const { results } = await mail.getMessages({ account, ids: wanted, fields: ["text"] }, newCall(deadlineMs));
  return results.map((each) => {
    if ("failure" in each) throw Failure.fromJSON(each.failure);
    return String(each.message.text);
  });
};

export const flag: Asking = async (mail, account, deadlineMs) => {
  const messages = (await ids(mail, account, deadlineMs)).map((id) => ({ id }));
  const { results } = await mail.changeFlags({ account, messages, flags: { add: ["\\Seen"] } }, newCall(deadlineMs));
  return results.map((each) => (each.ok ? "ok" : `${each.failure.code} ${each.failure.outcome}`));
};

export const move: Asking = async (mail, account, deadlineMs) => {
  const messages = (await ids(mail, account, deadlineMs)).map((id) => ({ id }));
  const { results } = await mail.moveMessages({ account, messages, mailbox: "archive" }, newCall(deadlineMs));
  return results.map((each) => (each.ok ? "ok" : `${each.failure.code} ${each.failure.outcome}`));
};

export const append: Asking = async (mail, account, deadlineMs) => {
  async function* octets(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("Subject: new\r\n\r\nnew\r\n");
  }
  const input = { account, where: { mailbox: "inbox" }, fields: ["subject" as const] };
  const { message } = await mail.appendMessage(input, newCall(deadlineMs), octets());
  return [String(message.subject)];
};

export const quota: Asking = async (mail, account, deadlineMs) =>
  (await mail.getQuota({ account }, newCall(deadlineMs))).items.map(({ limit }) => String(limit));
