import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { type Browser, chromium, type Page, type Request } from "playwright-core";
import { attacks, REMOTE } from "../../services/worker/src/mail/content/hostile-html.ts";
import { type DovecotServer, startDovecot } from "../servers/index.ts";
import { type Ask, askWith } from "./client.ts";
import { ELSEWHERE, hostilePages } from "./hostile-pages.ts";
import { type House, startHouse } from "./house.ts";
import { pixel } from "./image-site.ts";
import { otherClient } from "./mailbox.ts";

/** What is shown is shown from there, with no policy that would keep anything from it. */
const SHOWN = "show.example";
const all = [...hostilePages, ...attacks];

/** Every page in a frame of its own, in one page. */
const outer = `<!doctype html><script>window.ran = [];</script>${all
  .map((_, at) => `<iframe src="/${at}" width=200 height=100></iframe>`)
  .join("")}`;

function inner(at: number, html: string): string {
  const own = `const ran = () => top.ran.push(${at}); const alert = ran;`;
  return `<!doctype html><meta class=own charset=utf-8><script class=own>${own}</script>${html}`;
}

/** Whatever a user may do to what is shown, short of following a link. */
const touch = `
  for (const frame of Array.from(window)) {
    let elements = [];
    try { elements = [...frame.document.querySelectorAll("*")]; } catch { continue; }
    for (const element of elements)
      for (const type of ["mouseover", "pointerover", "mouseenter", "focus", "focusin", "toggle", "animationstart", "error"])
        element.dispatchEvent(new Event(type, { bubbles: true }));
  }`;

/** What shows neither text nor pictures, and links that lead anywhere but to the web, mail and telephones. */
const strange = `Array.from(window).flatMap((frame, at) => {
  const all = [...frame.document.querySelectorAll("*")].filter((each) => !each.classList.contains("own"));
  const known = /^(HTML|HEAD|BODY|A|ABBR|B|BLOCKQUOTE|BR|BUTTON|CENTER|DEL|DIV|FONT|I|IMG|LI|P|Q|SPAN|TABLE|TBODY|TD|TR|U|UL)$/;
  const links = all.filter((each) => each.localName === "a" && each.hasAttribute("href"));
  return [
    ...all.filter((each) => !known.test(each.tagName)).map((each) => at + " " + each.outerHTML),
    ...links.filter((each) => !/^(https?|mailto|tel):$/.test(each.protocol)).map((each) => at + " " + each.href),
    ...all.flatMap((each) => [...each.attributes].filter(({ name }) => /^(on|ping|id|name|form)/.test(name)).map(({ name }) => at + " " + name)),
  ];
})`;

interface Outcome {
  /** Requests for something elsewhere, as the browser tells of them and as they came. */
  asked: { at: string; kind: string }[];
  arrived: string[];
  ran: number[];
  strange: string[];
}

/** Every name leads there. */
class Everywhere {
  pages: readonly string[] = [];
  arrived: string[] = [];
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(): Promise<Everywhere> {
    const server = createServer();
    const everywhere = new Everywhere(server);
    server.on("request", ({ headers: { host = "" }, url = "" }, response) => {
      if (host === SHOWN) {
        const at = Number(/^\/(\d+)$/.exec(url)?.[1] ?? -1);
        const html = url === "/" ? outer : at >= 0 ? inner(at, everywhere.pages[at] ?? "") : "";
        response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
        return;
      }
      if (isElsewhere(host)) everywhere.arrived.push(host + url);
      response.writeHead(200, { "content-type": "image/gif" }).end(pixel);
    });
    // The beginning of TLS, with the name in it.
    server.on("clientError", (error: Error & { rawPacket?: Buffer }, socket) => {
      if (isElsewhere(error.rawPacket?.toString("latin1") ?? "")) everywhere.arrived.push("TLS");
      socket.destroy();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return everywhere;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function isElsewhere(text: string): boolean {
  return text.includes(ELSEWHERE) || text.includes(REMOTE);
}

describe("HTML of letters that were made to do harm, shown by Chromium", () => {
  let house: House;
  let dovecot: DovecotServer;
  let everywhere: Everywhere;
  let browser: Browser;
  let ask: Ask;
  let ids: string[];
  const endings: (() => unknown)[] = [];

  before(async () => {
    everywhere = await Everywhere.start();
    endings.unshift(() => everywhere.stop());
    dovecot = await startDovecot();
    endings.unshift(dovecot.stop);
    house = await startHouse("together");
    endings.unshift(house.stop);
    ask = askWith(house.urls, house.adminToken);
    browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      timeout: 0,
      args: ["--no-sandbox", `--host-resolver-rules=MAP * 127.0.0.1:${everywhere.port}, EXCLUDE 127.0.0.1`],
    });
    endings.unshift(() => browser.close());
    const other = await otherClient(dovecot, "alice");
    for (const [at, html] of all.entries()) await other.append("INBOX", letter(at, html));
    await other.logout();
    const imap = { host: dovecot.host, port: dovecot.port, security: "none", ...dovecot.user("alice") };
    assert.equal((await ask("/v1/accounts?verify=true", { body: { id: "alice", imap } })).status, 201);
    ids = await idsInOrder();
  });
  after(async () => {
    for (const end of endings) await end();
  });

  const letter = (at: number, html: string): string =>
    `Subject: ${at}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n${html.replaceAll("\n", "\r\n")}\r\n`;

  async function idsInOrder(): Promise<string[]> {
    const found: string[] = [];
    let cursor: string | null = "";
    do {
      type Page = { items: { id: string; subject: string }[]; nextCursor: string | null };
      const page: { body: Page } = await ask<Page>(
        `/v1/accounts/alice/messages?mailbox=inbox&limit=200&fields=subject${cursor && `&cursor=${cursor}`}`,
      );
      for (const { id, subject } of page.body.items) found[Number(subject)] = id;
      cursor = page.body.nextCursor;
    } while (cursor !== null);
    return found;
  }

  async function htmlOf(remoteImages: "block" | "keep" | "proxy"): Promise<string[]> {
    const body = { ids, fields: ["html"], remoteImages };
    const many = await ask<{ items: { html: string | null }[] }>("/v1/accounts/alice/messages/get", { body });
    return many.body.items.map(({ html }) => html ?? assert.fail());
  }

  async function show(pages: readonly string[]): Promise<Outcome> {
    Object.assign(everywhere, { pages, arrived: [] });
    const context = await browser.newContext();
    const asked: Outcome["asked"] = [];
    context.on("request", (request: Request) => {
      if (isElsewhere(new URL(request.url()).host)) asked.push({ at: request.url(), kind: request.resourceType() });
    });
    context.on("dialog", (dialog) => void dialog.dismiss());
    const page = await context.newPage();
    // What the gateway fetches is not looked at here.
    await page.route(`${house.urls[0]}/**`, (route) => route.fulfill({ contentType: "image/gif", body: pixel }));
    await page.goto(`http://${SHOWN}/`, { timeout: 0 });
    await page.evaluate(touch);
    await settled(page);
    const ran = await page.evaluate<number[]>("ran");
    const found = pages === all ? [] : await page.evaluate<string[]>(strange);
    await context.close();
    return { asked, arrived: everywhere.arrived, ran, strange: found };
  }

  /** Whatever was begun before has been asked by now: these went the same way after it. */
  async function settled(page: Page): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) {
      await page.evaluate("fetch('/settled').then((answer) => answer.text())");
      await page.evaluate(
        "new Promise((resolve) => requestAnimationFrame(() => requestIdleCallback(() => resolve())))",
      );
    }
  }

  test("does what it was made to where it is shown as it came", async () => {
    const { asked, arrived, ran } = await show(all);
    assert.ok(new Set(ran).size >= 20, `${new Set(ran).size} run`);
    assert.ok(new Set(asked.map(({ at }) => at)).size >= 40, `${asked.length} ask`);
    assert.ok(new Set(asked.map(({ kind }) => kind)).size >= 6);
    assert.ok(arrived.length >= 40 && arrived.includes("TLS"), `${arrived.length} arrive`);
  });

  test("asks for nothing and runs nothing where remote images are left out", async () => {
    assert.deepEqual(await show(await htmlOf("block")), { asked: [], arrived: [], ran: [], strange: [] });
  });

  test("asks for images alone, and runs nothing, where those are kept", async () => {
    const { asked, arrived, ...rest } = await show(await htmlOf("keep"));
    assert.deepEqual(rest, { ran: [], strange: [] });
    assert.deepEqual(
      asked.filter(({ kind }) => kind !== "image"),
      [],
    );
    assert.ok(asked.length >= 10 && arrived.length >= 10, `${asked.length} ask`);
  });

  test("asks for nothing but of the gateway where images are to come through it, and runs nothing", async () => {
    const pages = await htmlOf("proxy");
    assert.ok(pages.filter((html) => html.includes(`${house.urls[0]}/v1/accounts/alice/images/`)).length >= 20);
    assert.deepEqual(await show(pages), { asked: [], arrived: [], ran: [], strange: [] });
  });
});
