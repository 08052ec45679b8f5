import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Demo, rows, startDemo } from "./shop.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
/** The browser asks nothing of anybody but the shop. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The shop and a browser that looks at it. */
async function open(t: TestContext): Promise<{ demo: Demo; page: Page }> {
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-page-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const demo = await startDemo(directory);
  t.after(() => demo.stop());
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  t.after(() => assert.deepEqual(errors, []));
  await page.goto(demo.url);
  return { demo, page };
}

/** Presses a button under a fault, and waits until the page says what is expected. */
async function press(page: Page, button: string, fault: string, expected: RegExp): Promise<void> {
  await page.selectOption("#fault", fault);
  await page.click(button);
  const verdict = page.locator("#verdict:not([data-tone=busy])", { hasText: expected });
  await verdict.waitFor({ timeout: 60_000 });
}

const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}; CHROMIUM_PATH names one`;

test("the page shows one charge and one order under every fault, and the naive handler's double", {
  skip,
}, async (t) => {
  const { demo, page } = await open(t);
  for (const fault of ["", "timeout-after", "reset-after", "crash:after-charge"]) {
    await press(page, "#pay-many", fault, /^\s*1 charge, 1 order/);
    await page.click("#renew");
  }
  await press(page, "#pay", "decline", /No charge, no order/);
  const charges = await rows(`${demo.url}/sandbox/charges`);
  assert.equal(charges.length, 4);
  await page.check("#naive", { force: true });
  await press(page, "#pay", "reset-after", /[23] charges/);
  await press(page, "#pay", "", /[34] charges, \d orders for one purchase/);
});

test("the page shows an event that came three times and was handled once, and one receipt", {
  skip,
}, async (t) => {
  const { page } = await open(t);
  for (const width of [1200, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await page.click("[data-fault='duplicate-at-once:3']");
    await page.locator("[data-fault='duplicate-at-once:3'][aria-pressed=true]").waitFor();
    await press(page, "#pay-many", "receipt", /^\s*1 charge, 1 order/);
    await shows(page, "#arrived[data-tone=good]", "arrived 3×, handled 1×");
    await shows(page, "#receipts", "1 receipt in the customer’s letter box, handed over 2 times.");
    await shows(page, "#orders tr[data-other=false]", "paid, confirmed");
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
    await page.click("#renew");
  }
  await page.click("[data-fault=forge]");
  await page.locator("[data-fault=forge][aria-pressed=true]").waitFor();
  await press(page, "#pay", "", /^\s*1 charge, 1 order/);
  await shows(page, "#endpoint", "with 401");
  await shows(page, "#arrived", "none yet; it will be asked for");
});

async function shows(page: Page, place: string, text: string): Promise<void> {
  await page.locator(place, { hasText: text }).waitFor({ timeout: 60_000 });
}
