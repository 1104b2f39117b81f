import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ListedMailbox } from "../../imap/session.ts";
import { assignRoles } from "./roles.ts";

function listed(path: string, attributes: string[] = [], delimiter: string | null = "/"): ListedMailbox {
  return { path, delimiter, attributes, subscribed: true, status: null };
}

describe("roles", () => {
  it("are what the server marks, whatever the names say", () => {
    const roles = assignRoles([
      listed("INBOX"),
      listed("Sent"),
      listed("Outgoing", ["\\Sent"]),
      listed("Bin", ["\\TRASH"]),
    ]);
    assert.deepEqual([...roles].sort(), [
      ["Bin", "trash"],
      ["INBOX", "inbox"],
      ["Outgoing", "sent"],
    ]);
  });

  for (const [name, role] of [
    ["Gesendet", "sent"],
    ["Envoyés", "sent"],
    ["Éléments envoyés".normalize("NFD"), "sent"],
    ["Enviados", "sent"],
    ["Posta inviata", "sent"],
    ["ОТПРАВЛЕННЫЕ", "sent"],
    ["已发送", "sent"],
    ["送信済み", "sent"],
    ["Papierkorb", "trash"],
    ["Черновики", "drafts"],
    ["迷惑メール", "junk"],
    ["Archives", "archive"],
  ] as const) {
    it(`are told from the name ${name}`, () => assert.equal(assignRoles([listed(name)]).get(name), role));
  }

  it("are told below INBOX and [Gmail], but not from names deeper down", () => {
    const roles = assignRoles([listed("INBOX.Sent", [], "."), listed("[Gmail]/Spam"), listed("Clients/Trash")]);
    assert.deepEqual([...roles].sort(), [
      ["INBOX.Sent", "sent"],
      ["[Gmail]/Spam", "junk"],
    ]);
  });

  it("go to no mailbox that holds no messages", () => {
    assert.equal(assignRoles([listed("Sent", ["\\Noselect"]), listed("Drafts", ["\\NonExistent"])]).size, 0);
  });

  it("are given once each, INBOX always being the inbox", () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom("Sent", "Sent Items", "Gesendet", "Trash", "Bin", "Junk", "Spam", "x", "y")),
        fc.array(fc.constantFrom("\\Sent", "\\Trash", "\\Junk", "\\All", "\\Marked")),
        (names, attributes) => {
          const all = names.map((name, at) => listed(name, attributes.slice(at, at + 2)));
          const roles = assignRoles([...all, listed("INBOX", attributes)]);
          assert.equal(new Set(roles.values()).size, roles.size);
          assert.equal(roles.get("INBOX"), "inbox");
        },
      ),
    ));
});
