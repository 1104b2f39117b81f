import type { MailboxRole } from "@postern/protocol";
import type { ListedMailbox } from "../../imap/session.ts";
import { isSelectable } from "./tree.ts";

/**
 * Roles by path, each at most once. INBOX is the inbox; then what the server marks (SPECIAL-USE, RFC 6154); what it
 * does not mark is told by the names that mail programs give in the common languages.
 */
export function assignRoles(listed: readonly ListedMailbox[]): Map<string, MailboxRole> {
  const roles = new Map<string, MailboxRole>();
  const given = new Set<MailboxRole>();
  const give = (path: string, role: MailboxRole): void => {
    if (roles.has(path) || given.has(role)) return;
    roles.set(path, role);
    given.add(role);
  };

  const mailboxes = listed.filter(isSelectable).toSorted(byDepthThenPath);
  for (const { path } of mailboxes) if (path === "INBOX") give(path, "inbox");
  for (const { path, attributes } of mailboxes) {
    for (const attribute of attributes) {
      const role = specialUse[attribute.toLowerCase()];
      if (role) give(path, role);
    }
  }
  for (const name of namesInOrder) {
    for (const mailbox of mailboxes) if (topLevelName(mailbox) === name.name) give(mailbox.path, name.role);
  }
  return roles;
}

const specialUse: Record<string, MailboxRole> = {
  "\\sent": "sent",
  "\\drafts": "drafts",
  "\\trash": "trash",
  "\\junk": "junk",
  "\\archive": "archive",
  "\\all": "all",
  "\\flagged": "flagged",
};

/** Per role, the likelier names first: where two fit, the first has the role. */
const names = {
  sent: [
    "Sent",
    "Sent Items",
    "Sent Messages",
    "Sent Mail",
    "Gesendet",
    "Gesendete Objekte",
    "Gesendete Elemente",
    "Envoyés",
    "Messages envoyés",
    "Éléments envoyés",
    "Courrier envoyé",
    "Enviados",
    "Elementos enviados",
    "Mensajes enviados",
    "Itens enviados",
    "Mensagens enviadas",
    "Enviadas",
    "Inviati",
    "Posta inviata",
    "Elementi inviati",
    "Messaggi inviati",
    "Inviata",
    "Verzonden",
    "Verzonden items",
    "Verzonden berichten",
    "Skickat",
    "Skickade",
    "Skickade objekt",
    "Sendt",
    "Sendte elementer",
    "Sendt post",
    "Lähetetyt",
    "Lähetetyt viestit",
    "Wysłane",
    "Elementy wysłane",
    "Odeslané",
    "Odeslaná pošta",
    "Odoslané",
    "Elküldött",
    "Elküldött elemek",
    "Trimise",
    "Gönderilmiş",
    "Gönderilmiş Öğeler",
    "Gönderilenler",
    "Απεσταλμένα",
    "Отправленные",
    "Надіслані",
    "Відправлені",
    "Изпратени",
    "已发送",
    "已发送邮件",
    "已寄出",
    "寄件備份",
    "寄件匣備份",
    "送信済み",
    "送信済みアイテム",
    "送信済みメール",
    "送信控",
    "보낸 편지함",
    "보낸편지함",
    "보낸메일함",
    "المرسلة",
    "البريد المرسل",
    "נשלחו",
    "דואר שנשלח",
    "Thư đã gửi",
    "Đã gửi",
    "Terkirim",
    "ส่งแล้ว",
  ],
  drafts: [
    "Drafts",
    "Draft",
    "Entwürfe",
    "Entwurf",
    "Brouillons",
    "Borradores",
    "Rascunhos",
    "Bozze",
    "Concepten",
    "Utkast",
    "Kladder",
    "Kladde",
    "Luonnokset",
    "Wersje robocze",
    "Szkice",
    "Robocze",
    "Koncepty",
    "Rozepsané",
    "Piszkozatok",
    "Ciorne",
    "Taslaklar",
    "Πρόχειρα",
    "Черновики",
    "Чернетки",
    "Чернови",
    "草稿",
    "草稿箱",
    "草稿匣",
    "下書き",
    "임시 보관함",
    "임시보관함",
    "المسودات",
    "מסודות",
    "טיוטות",
    "Thư nháp",
    "Draf",
    "แบบร่าง",
  ],
  trash: [
    "Trash",
    "Deleted Items",
    "Deleted Messages",
    "Deleted",
    "Bin",
    "Papierkorb",
    "Gelöscht",
    "Gelöschte Objekte",
    "Gelöschte Elemente",
    "Corbeille",
    "Éléments supprimés",
    "Messages supprimés",
    "Papelera",
    "Elementos eliminados",
    "Lixo",
    "Lixeira",
    "Itens excluídos",
    "Itens eliminados",
    "Cestino",
    "Posta eliminata",
    "Elementi eliminati",
    "Prullenbak",
    "Verwijderde items",
    "Papperskorgen",
    "Borttaget",
    "Borttagna objekt",
    "Papirkurv",
    "Slettet post",
    "Slettede elementer",
    "Slettet",
    "Roskakori",
    "Poistetut",
    "Kosz",
    "Elementy usunięte",
    "Koš",
    "Odstraněná pošta",
    "Kôš",
    "Kuka",
    "Törölt elemek",
    "Coș de gunoi",
    "Gunoi",
    "Çöp Kutusu",
    "Çöp",
    "Silinmiş Öğeler",
    "Κάδος",
    "Διαγραμμένα",
    "Корзина",
    "Удаленные",
    "Удалённые",
    "Кошик",
    "Видалені",
    "Кошче",
    "已删除",
    "已删除邮件",
    "垃圾箱",
    "废件箱",
    "刪除的郵件",
    "垃圾桶",
    "ゴミ箱",
    "ごみ箱",
    "削除済みアイテム",
    "휴지통",
    "지운 편지함",
    "المهملات",
    "سلة المهملات",
    "אשפה",
    "פריטים שנמחקו",
    "Thùng rác",
    "Sampah",
    "ถังขยะ",
  ],
  junk: [
    "Junk",
    "Spam",
    "Junk E-mail",
    "Junk Email",
    "Junk Mail",
    "Bulk Mail",
    "Bulk",
    "Spamverdacht",
    "Junk-E-Mail",
    "Unerwünscht",
    "Werbung",
    "Indésirables",
    "Courrier indésirable",
    "Pourriel",
    "Correo no deseado",
    "No deseado",
    "Correo basura",
    "Lixo Eletrônico",
    "Lixo eletrónico",
    "Posta indesiderata",
    "Indesiderata",
    "Ongewenste e-mail",
    "Ongewenst",
    "Skräppost",
    "Uønsket e-post",
    "Søppelpost",
    "Uønsket mail",
    "Roskaposti",
    "Wiadomości-śmieci",
    "Niechciane",
    "Nevyžádaná pošta",
    "Nevyžiadaná pošta",
    "Levélszemét",
    "Önemsiz",
    "Gereksiz",
    "Ανεπιθύμητα",
    "Ανεπιθύμητη αλληλογραφία",
    "Спам",
    "Нежелательная почта",
    "Небажана пошта",
    "垃圾邮件",
    "垃圾郵件",
    "迷惑メール",
    "스팸",
    "스팸메일함",
    "스팸 메일함",
    "정크 메일",
    "البريد غير الهام",
    "דואר זבל",
    "Thư rác",
    "จดหมายขยะ",
  ],
  archive: [
    "Archive",
    "Archives",
    "Archived",
    "Archiv",
    "Archivo",
    "Archivados",
    "Arquivo",
    "Arquivadas",
    "Archivio",
    "Archiviati",
    "Archief",
    "Arkiv",
    "Arkisto",
    "Archiwum",
    "Archív",
    "Archívum",
    "Arhivă",
    "Arşiv",
    "Αρχείο",
    "Архив",
    "Архів",
    "归档",
    "存档",
    "封存",
    "アーカイブ",
    "보관함",
    "الأرشيف",
    "ארכיון",
    "Lưu trữ",
    "Arsip",
  ],
  all: ["All Mail", "All", "Alle Nachrichten", "Tous les messages", "Todos", "Todos os e-mails", "Tutti i messaggi"],
  flagged: ["Starred", "Flagged", "Markiert", "Suivis", "Destacados", "Com estrela", "Speciali", "Помеченные"],
} as const satisfies Partial<Record<MailboxRole, readonly string[]>>;

const namesInOrder = Object.entries(names).flatMap(([role, list]) =>
  list.map((name) => ({ name: folded(name), role: role as keyof typeof names })),
);

/** Containers that some servers put everything in: what is right below them counts as top level. */
const containers = new Set(["inbox", "[gmail]", "[google mail]", "mail"]);

/** The folded name of a mailbox at the top; null for one deeper down, whose name says nothing about the whole account. */
function topLevelName({ path, delimiter }: ListedMailbox): string | null {
  const segments = delimiter ? path.split(delimiter) : [path];
  const [first, second, third] = segments;
  if (second === undefined) return folded(path);
  return third === undefined && containers.has(folded(first ?? "")) ? folded(second) : null;
}

function folded(name: string): string {
  return name.normalize("NFC").trim().toLowerCase();
}

function byDepthThenPath(a: ListedMailbox, b: ListedMailbox): number {
  return depth(a) - depth(b) || (a.path < b.path ? -1 : Number(a.path > b.path));
}

function depth({ path, delimiter }: ListedMailbox): number {
  return delimiter ? path.split(delimiter).length : 1;
}
