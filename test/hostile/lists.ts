import { endless, tell } from "../servers/scripted.ts";
import { boxes } from "./asking.ts";
import { anything, broken, type Hostility, many, on } from "./hostility.ts";

/** It has mailboxes that nobody can want. */
export const lists: Hostility[] = [
  {
    what: "100,000 mailboxes with hostile names",
    script: on({ LIST: many(100_000, (at) => `* LIST () "/" "../../${at}%s$(reboot)&AAA<script>\\"\\\\${at}"`) }),
    ask: boxes,
    fails: broken,
    answers: (answer) => answer.length <= 100_000,
  },
  {
    what: "one mailbox 10,000 times",
    script: on({ LIST: many(10_000, () => '* LIST () "/" INBOX') }),
    ask: boxes,
    answers: (answer) => answer.filter((path) => path === "INBOX").length === 1,
    fails: broken,
  },
  {
    what: "a mailbox 10,000 levels deep",
    script: on({ LIST: tell('* LIST () "/" INBOX', `* LIST () "/" "${"a/".repeat(10_000)}a"`) }),
    ask: boxes,
    fails: broken,
    answers: anything,
  },
  {
    what: "mailboxes that are their own parents",
    script: on({
      LIST: tell(
        '* LIST () "/" INBOX',
        '* LIST () "/" "/"',
        '* LIST () "/" "//"',
        '* LIST () "/" ""',
        '* LIST () "a" "aaa"',
      ),
    }),
    ask: boxes,
    fails: broken,
    answers: (answer) => answer.includes("INBOX"),
  },
  {
    what: "mailboxes without end",
    script: on({ LIST: endless('* LIST () "/" "a"\r\n'.repeat(2_000)) }),
    ask: boxes,
    fails: broken,
  },
  {
    what: "a name with line ends, which would be a command",
    script: on({ LIST: tell('* LIST () "/" INBOX', '* LIST () "/" {18}\r\nx\r\nP9 DELETE INBOX') }),
    ask: boxes,
    fails: broken,
    answers: (answer) => answer.includes("INBOX"),
  },
];
