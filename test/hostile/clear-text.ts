import { bad, bye, no, silence, type Script } from "../servers/scripted.ts";

/** Where TLS was asked for: nothing secret may be sent. */
export const withoutTls: { what: string; script: Script }[] = [
  { what: "does not offer STARTTLS", script: { security: "none" } },
  { what: "answers BAD to STARTTLS", script: { security: "starttls", on: { STARTTLS: bad("What?") } } },
  { what: "answers NO to STARTTLS", script: { security: "starttls", on: { STARTTLS: no("Not now") } } },
  { what: "greets with PREAUTH", script: { security: "starttls", greeting: "* PREAUTH Come in" } },
  {
    what: "says OK to STARTTLS and goes on in clear",
    script: {
      security: "starttls",
      on: {
        STARTTLS: (connection, { tag }) =>
          connection.say(`${tag} OK Begin TLS now`, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Ready"),
      },
    },
  },
  {
    what: "injects answers before TLS",
    script: {
      security: "starttls",
      on: {
        STARTTLS: (connection, { tag }) =>
          connection.say(`${tag} OK Begin TLS`, "* CAPABILITY IMAP4rev1 AUTH=PLAIN", "P1 OK done"),
      },
    },
  },
  { what: "says BYE to STARTTLS", script: { security: "starttls", on: { STARTTLS: bye("No") } } },
  { what: "never answers STARTTLS", script: { security: "starttls", on: { STARTTLS: silence } } },
];
