import type { Behaviour, OnLiteral } from "./connection.ts";
import type { ScriptedMailbox } from "./mailbox.ts";

/** How a scripted server behaves: well, where nothing else is said. */
export interface Script {
  /** `none` unless told otherwise. */
  security?: "none" | "starttls" | "tls";
  /** The first line; null: silence. More lines and the end can be had with a behaviour. */
  greeting?: string | null | Behaviour;
  /** `IMAP4rev1` alone unless told otherwise; STARTTLS is added as `security` says. */
  capabilities?: string[];
  /** False: told only when asked for after the login. */
  capabilityInLogin?: boolean;
  /** Null: NIL, a server without a hierarchy. */
  delimiter?: string | null;
  /** The password or access token that logs in; `secret` unless told otherwise. */
  password?: string;
  mailboxes?: ScriptedMailbox[];
  /** By command in capitals (`LOGIN`, `UID FETCH`), in place of what the server would do. */
  on?: Record<string, Behaviour>;
  /** Before a literal is taken. */
  onLiteral?: OnLiteral;
}
