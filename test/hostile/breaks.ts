import {
  bad,
  bye,
  dribble,
  drop,
  endless,
  giantLiteral,
  hangUp,
  no,
  onlyTell,
  silence,
  write,
} from "../servers/scripted.ts";
import { list, raw, search } from "./asking.ts";
import { mailboxes, broken, late, away, isSome, on, fetchWith, many, type Hostility } from "./hostility.ts";

/** It breaks off, never ends, or refuses. */
export const breaks: Hostility[] = [
  { what: "a literal of a gigabyte", script: fetchWith(giantLiteral(1 << 30)), ask: list, fails: broken },
  { what: "a literal of 10^21 octets", script: fetchWith(giantLiteral(1e21)), ask: list, fails: broken },
  { what: "a literal of a gigabyte for a message", script: fetchWith(giantLiteral(1 << 30)), ask: raw, fails: broken },
  { what: "an octet every half second", script: fetchWith(dribble(500)), ask: list, fails: late },
  { what: "nothing, for ever", script: fetchWith(silence), ask: list, fails: late },
  { what: "all but the tagged OK", script: fetchWith(onlyTell("* 1 FETCH (UID 1 FLAGS ())")), ask: list, fails: late },
  {
    what: "untagged lines without end",
    script: fetchWith(endless("* 3 EXISTS\r\n".repeat(5_000))),
    ask: list,
    fails: broken,
  },
  { what: "a line without end", script: fetchWith(endless("x".repeat(65_536))), ask: list, fails: broken },
  { what: "an answer to another command", script: fetchWith(onlyTell("Z999 OK done")), ask: list, fails: broken },
  { what: "no IMAP at all", script: fetchWith(write("HTTP/1.1 200 OK\r\n\r\n<html>\r\n")), ask: list, fails: broken },
  { what: "a cut", script: fetchWith(drop), ask: list, fails: away },
  { what: "an end without a word", script: fetchWith(hangUp), ask: list, fails: away },
  { what: "BYE", script: fetchWith(bye("[UNAVAILABLE] So long")), ask: list, fails: away },
  { what: "BYE at every login", script: on({ LOGIN: bye("Not today") }), ask: list, fails: away },
  {
    what: "BYE for a greeting",
    script: { mailboxes, greeting: bye("Full") },
    ask: list,
    fails: [...away, "upstream-connection-limit"],
  },
  { what: "no greeting", script: { mailboxes, greeting: null }, ask: list, fails: late },
  {
    what: "a greeting octet by octet",
    script: { mailboxes, greeting: dribble(500) },
    ask: list,
    fails: late,
  },
  {
    what: "10,000,000 hits in one line",
    script: on({ "UID SEARCH": many(1, () => `* SEARCH ${"1 2 3 4 5 6 7 8 ".repeat(1_250_000)}`) }),
    ask: search,
    fails: broken,
  },
  {
    what: "10,000,000 hits in many lines",
    script: on({
      "UID SEARCH": many(
        1_000,
        (at) => `* SEARCH ${Array.from({ length: 10_000 }, (_, next) => at * 10_000 + next + 4).join(" ")}`,
      ),
    }),
    ask: search,
    fails: [...broken, ...late],
    answers: isSome,
  },
  {
    what: "a referral at the login",
    script: on({ LOGIN: no("[REFERRAL imap://ada@elsewhere.example/] Go there") }),
    ask: list,
    fails: ["login-refused", "account-reauth-required", ...away],
  },
  {
    what: "a referral for the mailbox",
    script: on({
      EXAMINE: no("[REFERRAL imap://elsewhere.example/INBOX] Go there"),
      SELECT: no("[REFERRAL imap://elsewhere.example/INBOX] Go there"),
    }),
    ask: list,
    fails: ["upstream-refused", "not-found"],
  },
  { what: "NO to everything", script: fetchWith(no("No")), ask: list, fails: ["upstream-refused"] },
  { what: "BAD to everything", script: fetchWith(bad("Bad")), ask: list, fails: ["upstream-refused"] },
];
