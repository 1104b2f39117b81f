/** Longer texts are cut before any work is done on them. */
const MOST_LINES = 10_000;

/** `On Monday, Ada wrote:` in the languages that people write mail in; it may go on over the next two lines. */
const attribution = [
  /^(on|le|am|el|em|il|op|den|dne|dnia|w dniu|pe|no dia|на)\s.{4,300}\s(wrote|a écrit|schrieb|escribió|escreveu|ha scritto|schreef|skrev|napsal\(a\)|napisał\(a\)|пишет|написал\(а\)?)(\s.{1,200})?\s?:$/iu,
  /^.{3,200}\s(wrote|a écrit|schrieb|escribió|escreveu|ha scritto|schreef|skrev|kirjoitti|yazdı|пишет|написал)\s?:$/iu,
  /^\d{4}[-./年]\s?\d{1,2}[-./月]\s?\d{1,2}.{0,200}(wrote|写道|のメール|書きました)?\s?[:：]$/iu,
];
/** Those that tell by how they begin that they have begun. */
const begun = attribution.filter((form) => !form.source.startsWith("^."));
/** `-----Original Message-----` and its translations. */
const divider =
  /^[-_*\s]{2,40}(original message|ursprüngliche nachricht|originalnachricht|message d'origine|message original|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|ursprungligt meddelande|forwarded message|weitergeleitete nachricht|исходное сообщение|元のメッセージ|原始邮件)[-_*\s]{2,40}$/iu;
/** Outlook's heading of what is answered: a line of underscores, or at once From, then Sent, To or Subject. */
const heading = /^\*?(from|von|de|da|van|från|od|от|差出人|发件人)\s?:\*?\s.{1,300}$/iu;
const headingGoesOn =
  /^\*?(sent|date|to|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado|para|asunto|assunto|inviato|a|oggetto|verzonden|aan|onderwerp|skickat|till|ämne|отправлено|кому|тема|送信日時|宛先|件名|发送时间|收件人|主题)\s?:\*?/iu;
/** What phones and lists put under a text. */
const footer =
  /^(sent from my |get outlook for |von meinem .{1,40} gesendet|envoyé de mon |enviado desde mi |inviato da |verstuurd vanaf |_{30,}$)/iu;

/**
 * The new text of an answer: without what it quotes above or below, and without the signature. A text that is all quoted,
 * such as one that was only forwarded, has none. What is quoted in between, answered line by line, is left out as well.
 */
export function replyTextOf(text: string): string {
  const lines = text.replace(/\r\n?/g, "\n").split("\n", MOST_LINES);
  const end = endOf(lines);
  const kept: string[] = [];
  for (const [index, line] of lines.slice(0, end).entries()) {
    if (/^\s{0,3}>/.test(line)) {
      // What introduces a quotation goes with it.
      if (!/^\s{0,3}>/.test(lines[index - 1] ?? "")) dropAttribution(kept);
      continue;
    }
    kept.push(line);
  }
  return kept
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** The line from which on nothing is new. */
function endOf(lines: readonly string[]): number {
  for (const [index, line] of lines.entries()) {
    const trimmed = line.trim().slice(0, 400);
    // RFC 3676 section 4.3.
    if (line === "-- " || line === "--" || divider.test(trimmed) || footer.test(trimmed)) return index;
    if (
      heading.test(trimmed) &&
      lines.slice(index + 1, index + 4).some((next) => headingGoesOn.test(next.trim().slice(0, 400)))
    )
      return isRule(lines[index - 1]) ? index - 1 : index;
    if (isAttribution(lines, index)) return onlyQuotesAfter(lines, index) ? index : keepLooking(lines, index);
  }
  return lines.length;
}

const isRule = (line: string | undefined): boolean => /^[_-]{10,}$/.test((line ?? "").trim());

/** Whether one begins there, on one line, or broken over two or three. */
function isAttribution(lines: readonly string[], index: number): boolean {
  return [1, 2, 3].some((count) => areAttribution(lines.slice(index, index + count), count));
}

/** What stands right above an attribution, and may begin like one, is no part of it. */
function areAttribution(lines: readonly string[], count: number): boolean {
  const some = lines.map((line) => line.trim());
  if (some.length < count || some.includes("")) return false;
  const isOne = (from: number, forms: readonly RegExp[]): boolean => {
    const joined = some.slice(from).join(" ").slice(0, 600);
    return /[:：]$/.test(joined) && forms.some((form) => form.test(joined));
  };
  if (count === 1) return isOne(0, attribution);
  return isOne(0, begun) && !some.some((_, from) => from > 0 && isOne(from, begun));
}

/** Below it everything is quoted, or nothing is marked at all, as programs do that quote by indentation. */
function onlyQuotesAfter(lines: readonly string[], index: number): boolean {
  const rest = lines.slice(index + 1).filter((line) => line.trim() !== "");
  const firstQuote = rest.findIndex((line) => line.trimStart().startsWith(">"));
  if (firstQuote < 0 || firstQuote > 2) return firstQuote < 0;
  return rest.slice(firstQuote).every((line) => line.trimStart().startsWith(">"));
}

/** Answers stand between the quotations: the end is a signature further down, or there is none. */
function keepLooking(lines: readonly string[], index: number): number {
  const at = lines.findIndex((line, place) => place > index && (line === "-- " || line === "--"));
  return at < 0 ? lines.length : at;
}

function dropAttribution(kept: string[]): void {
  while (kept.length > 0 && (kept.at(-1) ?? "").trim() === "") kept.pop();
  for (const count of [1, 2, 3]) {
    if (!areAttribution(kept.slice(-count), count)) continue;
    kept.length -= count;
    return;
  }
}
