import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { type House, startHouse } from "./house.ts";

let house: House;
let browser: Browser;

before(async () => {
  house = await startHouse("together");
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    // No host but this machine has an address there. Root, who runs tests in containers, can have no sandbox.
    args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
});

after(async () => {
  await browser.close();
  await house.stop();
});

interface Visit {
  page: Page;
  /** What was asked of another origin. */
  foreign: string[];
  /** Errors of scripts, of the console, and of requests. */
  complaints: string[];
}

async function visit(path: string, token?: string): Promise<Visit> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const origin = house.urls[0] ?? "";
  const foreign: string[] = [];
  const complaints: string[] = [];
  context.on("request", (request) => {
    const url = request.url();
    if (!/^(data|blob):/.test(url) && new URL(url).origin !== origin) foreign.push(url);
  });
  context.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.location().url} ${message.text()}`);
  });
  if (token !== undefined) {
    const authorization = `Bearer ${token}`;
    await page.route("**/graphql", (route) =>
      route.continue({ headers: { ...route.request().headers(), authorization } }),
    );
  }
  await page.goto(origin + path);
  return { page, foreign, complaints };
}

/** The page has nothing left to do that it does by itself. */
async function settled(page: Page): Promise<void> {
  await page.evaluate("new Promise((resolve) => requestIdleCallback(() => resolve()))");
}

test("the reference of the API is there without the internet", async () => {
  const { page, foreign, complaints } = await visit("/docs");
  for (const name of ["Register a mail account", "Search messages", "Read a part", "Delete a token"])
    await page.getByText(name).first().waitFor();
  await page.getByRole("heading", { name: "Register a mail account" }).waitFor();
  await settled(page);
  assert.deepEqual({ foreign, complaints }, { foreign: [], complaints: [] });
});

test("GraphiQL is there without the internet, knows the schema and runs a query", async () => {
  const { page, foreign, complaints } = await visit("/graphiql", house.adminToken);
  await page.getByText("query Inbox").waitFor();
  await page.getByRole("button", { name: /execute query/i }).click();
  await page.locator(".result-window").getByText('"accounts"').waitFor();
  await page.getByRole("button", { name: /documentation explorer/i }).click();
  await page.getByText("AccountConnection").first().waitFor();
  await settled(page);
  assert.deepEqual({ foreign, complaints }, { foreign: [], complaints: [] });
});

test("GraphiQL without a token shows its editor all the same, and is told that one is needed", async () => {
  const refused = /\/graphql .*401/;
  const { page, foreign, complaints } = await visit("/graphiql");
  await page.getByText("query Inbox").waitFor();
  await page.getByRole("button", { name: /execute query/i }).click();
  await page.locator(".result-window").getByText("unauthenticated").first().waitFor();
  assert.deepEqual(foreign, []);
  assert.deepEqual(
    complaints.filter((complaint) => !refused.test(complaint)),
    [],
  );
});

test("a page that asks another host would be caught", async () => {
  const { page, foreign, complaints } = await visit("/livez");
  const failed = page.waitForEvent("requestfailed");
  await page.evaluate('void fetch("https://cdn.example.com/x.js").catch(() => undefined)');
  await failed;
  assert.deepEqual(foreign, ["https://cdn.example.com/x.js"]);
  assert.ok(complaints.some((complaint) => complaint.includes("cdn.example.com")));
});
