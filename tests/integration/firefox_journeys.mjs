// The main journeys in Firefox, driven by WebDriver BiDi. Arguments: Firefox, the page, a photo.

import assert from "node:assert/strict";
import process from "node:process";
import puppeteer from "puppeteer-core";

const [executablePath, address, photo] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
const page = await browser.newPage();
page.setDefaultTimeout(30_000);
const complaints = [];
page.on(
  "console",
  (line) => ["error", "warn"].includes(line.type()) && complaints.push(line.text()),
);
page.on("pageerror", (error) => complaints.push(error.message));

/** Wait until the element contains the text. */
const shows = (selector, text) =>
  page.waitForFunction(
    (selector, text) => document.querySelector(selector)?.textContent.includes(text),
    {},
    selector,
    text,
  );

try {
  // Photos: choose one and send it; then its boxes are shown
  await page.goto(`${address}/#en`);
  const input = await page.$("#files");
  await input.uploadFile(photo);
  await page.waitForSelector("#tray li");
  await page.click("#send");
  await page.waitForSelector(".hit", { visible: true });
  await shows("#results-title", "1");
  const boxes = (await page.$$(".hit")).length;
  assert.ok(boxes > 0);

  // A reload keeps the session
  await page.waitForSelector("#kept", { visible: true });
  await page.reload();
  await page.waitForSelector(".hit", { visible: true });
  assert.equal((await page.$$(".hit")).length, boxes);

  // Names: a misspelled make and model have a match
  await page.click('[data-view="names"]');
  await page.type("#make", "reneau");
  await page.type("#model", "clioRT");
  await shows("#match", "Clio");

  // French: the view, its title and the language of the document change
  await page.select("#language", "fr");
  await shows("#names-title", "Reconnaître les noms saisis");
  assert.equal(await page.$eval("html", ({ lang }) => lang), "fr");
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
