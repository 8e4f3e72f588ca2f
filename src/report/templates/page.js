// The drawing's tools: zoom, and details of what the pointer is on or the arrows lead to. The page is whole without.
(() => {
  const chart = document.querySelector(".chart");
  const tools = document.querySelector(".tools");
  if (!chart || !tools) return;
  const plot = chart.querySelector(".plot");
  const svg = plot.querySelector("svg");
  const told = document.querySelector(".told");
  const most = 64;
  let zoom = 1;
  let least = 0;
  tools.hidden = told.hidden = false;

  // Stretches the plot around a place of it, a part of its width.
  const stretch = (wanted, around) => {
    const next = Math.min(most, Math.max(1, wanted));
    const middle = around ?? (plot.scrollLeft + plot.clientWidth / 2) / plot.scrollWidth;
    const aside = middle * plot.scrollWidth - plot.scrollLeft;
    if (zoom === 1) least = svg.getBoundingClientRect().width;
    zoom = next;
    svg.style.width = zoom === 1 ? "" : least * zoom + "px";
    plot.scrollLeft = middle * plot.scrollWidth - aside;
    tools.querySelector("[data-zoom='out']").setAttribute("aria-disabled", zoom === 1);
    tools.querySelector("[data-zoom='in']").setAttribute("aria-disabled", zoom === most);
  };

  const rows = [...new Set([...chart.querySelectorAll("[data-row]")].map((row) => row.dataset.row))];
  const parts = (row) => chart.querySelectorAll(`[data-row="${row}"]`);
  let at = -1;
  const show = (row, text) => {
    chart.querySelectorAll(".lit").forEach((one) => one.classList.remove("lit"));
    parts(row).forEach((one) => one.classList.add("lit"));
    told.textContent = text;
  };
  const step = (by) => {
    at = (at + by + rows.length) % rows.length;
    const [name, drawn] = parts(rows[at]);
    const titles = [...drawn.querySelectorAll("title")].map((title) => title.textContent);
    show(rows[at], [name.textContent, ...titles].join(" · "));
    const bar = drawn.querySelector("rect");
    if (bar && zoom > 1) plot.scrollLeft += bar.getBoundingClientRect().left - plot.getBoundingClientRect().left - 40;
  };

  const acts = { in: () => stretch(zoom * 2), out: () => stretch(zoom / 2), all: () => stretch(1) };
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.zoom) acts[button.dataset.zoom]();
    if (button?.dataset.step) step(Number(button.dataset.step));
  });
  plot.addEventListener("keydown", (event) => {
    const key = { "+": acts.in, "=": acts.in, "-": acts.out, 0: acts.all, ArrowDown: () => step(1), ArrowUp: () => step(-1) };
    if (key[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      key[event.key]();
    }
  });
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const place = (event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width;
    stretch(event.deltaY < 0 ? zoom * 2 : zoom / 2, place);
  }, { passive: false });
  chart.addEventListener("pointerover", (event) => {
    const row = event.target.closest("[data-row]")?.dataset.row;
    const title = event.target.querySelector?.(":scope > title")?.textContent;
    if (row === undefined) return;
    at = rows.indexOf(row);
    show(row, [parts(row)[0].textContent, title].filter(Boolean).join(" · "));
  });
})();
