import type { Account, Mailbox, Message, Quota } from "@postern/protocol";

/** One account and its mail, as the document's examples tell of it. */
export const exampleAccount: Account = {
  id: "ada",
  name: "Ada at work",
  state: "connected",
  stateDetail: null,
  stateAt: "2026-03-02T09:15:00.000Z",
  declared: false,
  imap: { host: "imap.example.org", port: 993, security: "tls", user: "ada@example.org", authentication: "password" },
  smtp: null,
  createdAt: "2026-03-02T09:14:58.000Z",
  updatedAt: "2026-03-02T09:14:58.000Z",
};

export const exampleAccountInput = {
  id: "ada",
  name: "Ada at work",
  imap: { host: "imap.example.org", port: 993, security: "tls", user: "ada@example.org", password: "correct horse" },
};

export const exampleMailbox: Mailbox = {
  id: "mbx_AQAAAAAAKgAAAAHp0CE",
  path: "INBOX",
  name: "INBOX",
  parentId: null,
  delimiter: "/",
  role: "inbox",
  subscribed: true,
  selectable: true,
  total: 231,
  unseen: 4,
  uidValidity: 1709370898,
  uidNext: 1042,
  highestModseq: "7811",
};

export const exampleQuota: Quota = { root: "User quota", resource: "STORAGE", used: 51_200, limit: 1_048_576 };

export const exampleThreadId = "thr_AQAAAAAAKgAAAAABz3Dl";

export const exampleListed: Message = {
  id: "msg_AQAAAAAAKgAAAAFl4rrSAAAEEXvHqg",
  mailboxId: exampleMailbox.id,
  messageId: "<ring-17@example.com>",
  subject: "Lunch on Thursday?",
  from: [{ name: "Grace", address: "grace@example.com" }],
  to: [{ name: "Ada", address: "ada@example.org" }],
  cc: [],
  bcc: [],
  replyTo: [],
  sentAt: "2026-03-02T08:59:41.000Z",
  receivedAt: "2026-03-02T08:59:43.000Z",
  size: 2_318,
  flags: ["\\Seen"],
  modseq: "7805",
  hasAttachments: true,
  attachments: [
    {
      part: "2",
      filename: "menu.pdf",
      contentType: "application/pdf",
      size: 1_204,
      contentId: null,
      inline: false,
    },
  ],
  identity: { source: "guid", survivesMove: true, survivesReset: true },
  etag: '"b1946ac92492d234"',
};

export const exampleMessage: Message = {
  ...exampleListed,
  threadId: exampleThreadId,
  snippet: "The new place at the corner has a table for us.",
  text: "The new place at the corner has a table for us.\n",
  html: null,
  headers: [{ name: "Subject", value: "Lunch on Thursday?" }],
  references: [],
  inReplyTo: null,
};

export const examplePage = { items: [exampleListed], nextCursor: null, total: 1, state: "3-42" };

export const exampleToken = {
  id: "tok_9rTq2VwXyZ0aBcDe",
  name: "Reader on the wall",
  scopes: ["read" as const],
  accounts: [exampleAccount.id],
  createdAt: "2026-03-02T09:20:00.000Z",
  expiresAt: null,
};

/** A whole message as it is sent. */
export const exampleLetter = [
  "From: Grace <grace@example.com>",
  "To: Ada <ada@example.org>",
  "Subject: Lunch on Thursday?",
  "Date: Mon, 02 Mar 2026 08:59:41 +0000",
  "Message-ID: <ring-17@example.com>",
  "",
  "The new place at the corner has a table for us.",
  "",
].join("\r\n");

export const exampleUpload = {
  id: "upl_k3v5x7z2b4d6f8h0j2m4n6p8q9",
  size: 22,
  contentType: "text/plain",
  filename: "menu.txt",
  expiresAt: "2026-03-03T09:15:00.000Z",
};

/** A message in its parts. */
export const exampleDraft = {
  from: { name: "Ada", address: "ada@example.org" },
  to: [{ name: "Grace", address: "grace@example.com" }],
  subject: "Lunch on Thursday",
  text: "At noon, at the corner?\n",
};
