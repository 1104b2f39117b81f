import { atom } from "./command.ts";
import type { Behaviour } from "./connection.ts";
import { sameName, type ScriptedMailbox } from "./mailbox.ts";

/** What a server does with commands that make, rename, delete and subscribe to mailboxes; children go along at a slash. */
export function mailboxCommands(mailboxes: ScriptedMailbox[]): Record<string, Behaviour> {
  const find = (name: string): ScriptedMailbox | undefined => mailboxes.find((mailbox) => sameName(mailbox.name, name));
  let uidValidity = 1_000;
  const subscribing = (subscribed: boolean): Behaviour => {
    return (connection, { tag, name, args }) => {
      const mailbox = find(atom(args[0]));
      if (mailbox) mailbox.subscribed = subscribed;
      return connection.say(`${tag} OK ${name} completed`);
    };
  };
  return {
    CREATE: (connection, { tag, args }) => {
      const name = atom(args[0]);
      if (find(name)) return connection.say(`${tag} NO [ALREADYEXISTS] It is there`);
      const [word, uses] = Array.isArray(args[1]) ? args[1] : [];
      const attributes = word === "USE" && Array.isArray(uses) ? uses.map(atom) : [];
      mailboxes.push({ name, attributes, uidValidity: (uidValidity += 1), highestModseq: 1n });
      return connection.say(`${tag} OK CREATE completed`);
    },
    RENAME: (connection, { tag, args }) => {
      const [from, to] = [atom(args[0]), atom(args[1])];
      if (find(to)) return connection.say(`${tag} NO [ALREADYEXISTS] It is there`);
      const renamed = mailboxes.filter(({ name }) => name === from || name.startsWith(`${from}/`));
      if (renamed.length === 0) return connection.say(`${tag} NO [NONEXISTENT] It is not there`);
      for (const mailbox of renamed) mailbox.name = to + mailbox.name.slice(from.length);
      return connection.say(`${tag} OK RENAME completed`);
    },
    DELETE: (connection, { tag, args }) => {
      const mailbox = find(atom(args[0]));
      if (!mailbox) return connection.say(`${tag} NO [NONEXISTENT] It is not there`);
      mailboxes.splice(mailboxes.indexOf(mailbox), 1);
      return connection.say(`${tag} OK DELETE completed`);
    },
    SUBSCRIBE: subscribing(true),
    UNSUBSCRIBE: subscribing(false),
  };
}
