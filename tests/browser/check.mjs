// Looks at report pages as people with and without a mouse, a large screen, good eyes or scripts see them.
//
//   node check.mjs AXE PAGE...    prints what is wrong as JSON, a list of texts
//
// WCAG 2.2 AA by axe-core, in light and dark, from a desk's width to a phone's; nothing wider than the window, no label
// cut short, nothing on the console; nothing beyond the edge of A4; on the first page also the keyboard, and all of it
// without its script.

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
      for (const width of [1280, 1024, 900, 768, 390]) {
        const where = `${page} (${scheme}, ${width})`;
        await browser.open(page, { scheme, width });
        const run = `axe.run({ runOnly: ${JSON.stringify(tags)} }).then((found) => found.violations.flatMap((it) =>
          it.nodes.map((node) => it.id + ": " + it.help + ": " + node.html.slice(0, 200) + " " + (node.any[0]?.message ?? ""))))`;
        // What people can't use does not depend on every pixel, and axe takes its time.
        if (width === 1280 || width === 390) {
          await browser.evaluate(source + "; 0");
          wrong.push(...(await browser.evaluate(run)).slice(0, 10).map((it) => `${where}: ${it}`));
        }
        const [wide, room] = await browser.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]");
        expect(wide <= room, `${where}: it is ${wide} pixels wide, and its window has ${room}`);
        const cut = await browser.evaluate(`[...document.querySelectorAll(".names text, .part i")].filter((it) => {
          const [own, box] = [it, it.closest("svg, .part")].map((one) => one.getBoundingClientRect());
          return own.width > 0 && (own.right > box.right + 0.5 || own.left < box.left - 0.5);
        }).map((it) => it.textContent)`);
        expect(cut.length === 0, `${where}: cut short: ${cut.join(" / ")}`);
        wrong.push(...browser.said.splice(0).map((it) => `${where}: it said ${it}`));
      }
    }
  }
  for (const page of pages) await onPaper(page);
  await keyboard(pages[0]);
  await withoutScript(pages[0]);
} finally {
  await browser.close();
}
console.log(JSON.stringify(wrong));

// A4 without its margins of 14 mm is 688 pixels wide.
async function onPaper(page) {
  await browser.open(page, { width: 688, height: 1017 });
  await browser.media("print", "light");
  const wide = await browser.evaluate("document.documentElement.scrollWidth");
  expect(wide <= 688, `${page} (paper): it is ${wide} pixels wide`);
  const beyond = await browser.evaluate(`[...document.querySelectorAll("th, td, pre, svg.timeline, .tiles li")]
    .filter((it) => it.getBoundingClientRect().right > 688.5).map((it) => it.textContent.slice(0, 40))`);
  expect(beyond.length === 0, `${page} (paper): beyond the edge: ${beyond.slice(0, 5).join(" / ")}`);
  const { data } = await browser.call("Page.printToPDF", { preferCSSPageSize: true, printBackground: true });
  const sheets = Buffer.from(data, "base64").toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  expect(sheets > 0 && sheets < 60, `${page} (paper): ${sheets} sheets`);
}

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
