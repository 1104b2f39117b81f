/** What people write to each other in a mailbox to try things with. Given names, and the domains kept for examples (RFC 2606). */

export interface Person {
  name: string;
  address: string;
}

export const owner: Person = { name: "Robin", address: "robin@example.com" };

export const people: Person[] = [
  { name: "Ada", address: "ada@example.org" },
  { name: "Björn", address: "bjorn@example.org" },
  { name: "Chloé", address: "chloe@example.net" },
  { name: "Dmitri", address: "dmitri@example.org" },
  { name: "Emi", address: "emi@example.net" },
  { name: "Farid", address: "farid@example.org" },
  { name: "Giulia", address: "giulia@example.net" },
];

export const topics: { subject: string; lines: string[] }[] = [
  {
    subject: "Kitchen renovation",
    lines: [
      "The tiles arrive on Thursday.",
      "Could you be there at nine?",
      "I have measured the wall again: 3.42 m.",
      "Then the blue ones fit.",
    ],
  },
  {
    subject: "Train to the coast",
    lines: [
      "There is one at 8:12 with a single change.",
      "I would rather sleep and take the 10:12.",
      "Fine, I book two seats.",
      "Tickets are attached.",
    ],
  },
  {
    subject: "Choir rehearsal",
    lines: [
      "We need a tenor for the third piece.",
      "I can ask my brother.",
      "He has a cold until Easter.",
      "Then we sing it without.",
    ],
  },
  {
    subject: "Broken bicycle light",
    lines: ["It flickers as soon as it rains.", "Sounds like a loose contact.", "You were right, it works again."],
  },
  {
    subject: "Photos from the garden",
    lines: [
      "The tulips came up overnight.",
      "How lovely! Which ones are the dark ones?",
      "They are called Queen of Night.",
    ],
  },
  {
    subject: "Reading group",
    lines: [
      "What about something short in July?",
      "A novella then.",
      "I vote for the one with the lighthouse.",
      "So do I.",
    ],
  },
];

/** Mail from before everyone wrote UTF-8. */
export const elders: { charset: string; from: Person; subject: string; text: string }[] = [
  {
    charset: "iso-8859-1",
    from: { name: "Björn", address: "bjorn@example.org" },
    subject: "Grüße aus Köln",
    text: "Schöne Grüße vom Rhein! Das Wetter ist überraschend gut.",
  },
  {
    charset: "iso-8859-15",
    from: { name: "Chloé", address: "chloe@example.net" },
    subject: "Reçu de 25 €",
    text: "Voici le reçu de 25 € pour le dîner. À bientôt, cœur à tous.",
  },
  {
    charset: "windows-1251",
    from: { name: "Дмитрий", address: "dmitri@example.org" },
    subject: "Привет из деревни",
    text: "Яблоки созрели, приезжайте в субботу.",
  },
  {
    charset: "koi8-r",
    from: { name: "Дмитрий", address: "dmitri@example.org" },
    subject: "Старые фотографии",
    text: "Нашёл на чердаке старые фотографии.",
  },
  {
    charset: "iso-2022-jp",
    from: { name: "Emi", address: "emi@example.net" },
    subject: "花見のお知らせ",
    text: "土曜日に公園で花見をします。ぜひ来てください。",
  },
  {
    charset: "shift_jis",
    from: { name: "Emi", address: "emi@example.net" },
    subject: "レシピ",
    text: "昨日のカレーのレシピを送ります。",
  },
  {
    charset: "euc-kr",
    from: { name: "지민", address: "jimin@example.net" },
    subject: "안녕하세요",
    text: "다음 주에 만나요.",
  },
  {
    charset: "gb18030",
    from: { name: "小梅", address: "xiaomei@example.net" },
    subject: "中秋节快乐",
    text: "祝你们中秋节快乐,月饼已经寄出。",
  },
  {
    charset: "windows-1256",
    from: { name: "فريد", address: "farid@example.org" },
    subject: "موعد الغداء",
    text: "نلتقي يوم الجمعة على الغداء.",
  },
  {
    charset: "iso-8859-7",
    from: { name: "Ελένη", address: "eleni@example.net" },
    subject: "Καλημέρα",
    text: "Η θάλασσα είναι υπέροχη σήμερα.",
  },
  {
    charset: "iso-8859-2",
    from: { name: "Zofia", address: "zofia@example.net" },
    subject: "Zażółć gęślą jaźń",
    text: "Zażółć gęślą jaźń, i do zobaczenia w środę.",
  },
];
