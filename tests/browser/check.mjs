// Looks at report pages as people with and without a mouse, a large screen, good eyes or scripts see them.
//
//   node check.mjs AXE PAGE...    prints what is wrong as JSON, a list of texts
//
// WCAG 2.2 AA by axe-core, in light and dark, on a desk and on a phone; nothing wider than the phone; nothing on the
// console; on the first page also the keyboard, and all of it without its script.

import { readFileSync } from "node:fs";
import { Browser } from "./browser.mjs";

const [axe, ...pages] = process.argv.slice(2);
const source = readFileSync(axe, "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const wrong = [];
const expect = (is, what) => is || wrong.push(what);

const browser = new Browser();
try {
  for (const page of pages) {
    for (const scheme of ["light", "dark"]) {
      for (const width of [1280, 390]) {
        const where = `${page} (${scheme}, ${width})`;
        await browser.open(page, { scheme, width });
        await browser.evaluate(source + "; 0");
        const run = `axe.run({ runOnly: ${JSON.stringify(tags)} }).then((found) => found.violations.flatMap((it) =>
          it.nodes.map((node) => it.id + ": " + it.help + ": " + node.html.slice(0, 200) + " " + (node.any[0]?.message ?? ""))))`;
        wrong.push(...(await browser.evaluate(run)).slice(0, 10).map((it) => `${where}: ${it}`));
        const wide = await browser.evaluate("document.documentElement.scrollWidth");
        expect(wide <= width, `${where}: it is ${wide} pixels wide`);
        wrong.push(...browser.said.splice(0).map((it) => `${where}: it said ${it}`));
      }
    }
  }
  await keyboard(pages[0]);
  await withoutScript(pages[0]);
} finally {
  await browser.close();
}
console.log(JSON.stringify(wrong));

// What has the focus, in a few words.
function focus() {
  return browser.evaluate("document.activeElement.textContent.slice(0, 20) || document.activeElement.ariaLabel || ''");
}

async function tabTo(word) {
  for (let n = 0; n < 60; n++) {
    if ((await focus()).startsWith(word)) return true;
    await browser.press("Tab");
  }
  return false;
}

async function keyboard(page) {
  await browser.open(page);
  if (!(await browser.evaluate("!!document.querySelector('.chart')"))) return;
  const wide = () => browser.evaluate("document.querySelector('.plot svg').getBoundingClientRect().width");
  const told = () => browser.evaluate("document.querySelector('.told').textContent");
  const before = await wide();
  expect(await tabTo("Zoom in"), "no tab leads to the zoom");
  await browser.press("Enter");
  expect(Math.abs((await wide()) - before * 2) < 1, `Enter on Zoom in made ${before} pixels ${await wide()}`);
  const outline = await browser.evaluate("getComputedStyle(document.activeElement).outlineStyle");
  expect(outline !== "none", "the focus is not seen");
  expect(await tabTo("Whole run"), "no tab leads to the whole run");
  await browser.press("Enter");
  expect(Math.abs((await wide()) - before) < 1, "Whole run does not show the whole run");
  const rows = new Set();
  expect(await tabTo("Next row"), "no tab leads to the next row");
  for (let n = 0; n < 5; n++) {
    await browser.press("Enter");
    rows.add(await told());
  }
  expect(rows.size === 5, `five rows tell ${[...rows].join(" / ")}`);
  expect([...rows].some((row) => row.includes("critical path")), "no row tells of the critical path");
  expect((await browser.evaluate("document.querySelectorAll('.lit').length")) === 2, "the row is not marked");
  await browser.evaluate("document.querySelector('.plot').focus()");
  await browser.press("+");
  expect((await wide()) > before * 1.9, "+ on the drawing does not zoom");
  await browser.press("0");
  expect(Math.abs((await wide()) - before) < 1, "0 on the drawing does not show all of it");
}

async function withoutScript(page) {
  await browser.open(page);
  const text = "[...document.querySelectorAll('h1,h2,h3,td,li,dd,svg text,svg rect title')].map((it) => it.textContent).join('\\n')";
  const whole = await browser.evaluate(text);
  await browser.open(page, { script: false });
  expect((await browser.evaluate(text)) === whole, "without its script the page says less");
  expect(await browser.evaluate("document.querySelector('.tools')?.hidden ?? true"), "tools that do nothing are shown");
}
