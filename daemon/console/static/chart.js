// A bar chart drawn with SVG: for each group one bar, as long as its total, in the colours of who paid. The table beside it
// says the same in figures, so the picture is hidden from screen readers.

import { fen } from "./money.js";
import { t } from "./words.js";

const space = "http://www.w3.org/2000/svg";

function s(tag, attributes, ...children) {
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

// most is how many groups a picture holds; the table has all.
const most = 31;
const [width, row, left] = [480, 30, 116];

// parts are who paid, in the order of the bar.
const parts = [["fund_paid", "fund"], ["own_paid", "own"], ["shared_paid", "shared"], ["cash_paid", "cash"]];

// bars draws groups as GET /v1/reports gives them.
export function bars(groups) {
  const shown = groups.slice(0, most);
  const largest = shown.reduce((max, g) => { const all = fen(g.total); return all > max ? all : max; }, 1n);
  const long = (amount) => Number((amount * BigInt((width - left) * 100)) / largest) / 100;
  const height = shown.length * row;
  const chart = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", "aria-hidden": "true", focusable: "false" });
  shown.forEach((g, i) => {
    const label = s("text", { x: left - 8, y: i * row + 20, class: "chart-label", "text-anchor": "end" }, short(g.name || g.key || t("none")));
    chart.append(label);
    let x = left;
    for (const [name, look] of own(g)) {
      const amount = fen(g[name] ?? "0.00");
      if (amount <= 0n) continue; // what was given back outweighs what was paid that day; the table tells
      const wide = long(amount);
      chart.append(s("rect", { x, y: i * row + 4, width: wide, height: row - 8, class: `fill-${look}` }));
      x += wide;
    }
  });
  return chart;
}

// own are the parts of a group: by class of goods only fund and personal share are known.
const own = (g) => (g.own_paid === undefined ? [["fund_paid", "fund"], ["self_paid", "self"]] : parts);

const short = (text) => (text.length > 11 ? `${text.slice(0, 10)}…` : text);

// looks are the colours that the groups need, for the legend.
export const looks = (groups) => (groups.length && groups[0].own_paid === undefined ? ["fund", "self"] : parts.map(([, look]) => look));
