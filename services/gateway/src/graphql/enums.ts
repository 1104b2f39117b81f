import type { AccountState, Job, MailboxRole, MessageSort, Outcome, PartRole } from "@postern/protocol";

/** Enum values within, by their names in GraphQL. */
export const enums = {
  AccountState: {
    CONNECTING: "connecting",
    CONNECTED: "connected",
    AUTHENTICATION_FAILED: "authenticationFailed",
    UNREACHABLE: "unreachable",
    DISABLED: "disabled",
  } satisfies Record<string, AccountState>,
  Security: { TLS: "tls", STARTTLS: "starttls", NONE: "none" },
  MailboxRole: {
    INBOX: "inbox",
    SENT: "sent",
    DRAFTS: "drafts",
    TRASH: "trash",
    JUNK: "junk",
    ARCHIVE: "archive",
    ALL: "all",
    FLAGGED: "flagged",
  } satisfies Record<string, MailboxRole>,
  MessageSort: {
    RECEIVED_AT: "receivedAt",
    RECEIVED_AT_DESC: "-receivedAt",
    SENT_AT: "sentAt",
    SENT_AT_DESC: "-sentAt",
    FROM: "from",
    FROM_DESC: "-from",
    SUBJECT: "subject",
    SUBJECT_DESC: "-subject",
    SIZE: "size",
    SIZE_DESC: "-size",
  } satisfies Record<string, MessageSort>,
  ForwardKind: { INLINE: "inline", ATTACHMENT: "attachment" },
  PartRole: {
    TEXT: "text",
    HTML: "html",
    ALTERNATIVE: "alternative",
    INLINE: "inline",
    ATTACHMENT: "attachment",
  } satisfies Record<string, PartRole>,
  Outcome: { NONE: "none", DONE: "done", UNKNOWN: "unknown" } satisfies Record<string, Outcome>,
  JobState: {
    RUNNING: "running",
    DONE: "done",
    CANCELLED: "cancelled",
    FAILED: "failed",
  } satisfies Record<string, Job["state"]>,
} as const;
