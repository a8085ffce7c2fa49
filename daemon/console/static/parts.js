// What the pages have in common: panels, tables, fields, empty states, and how dates and tags are written.

import { h } from "./dom.js";
import { box } from "./problem.js";
import { english, has, t } from "./words.js";

// panel is a framed part of a page with a heading; id names the place that is drawn again.
export function panel(key, id, ...tools) {
  return h("section", { class: "panel part", "aria-labelledby": `${id}-head` },
    h("div", { class: "panel-head" }, h("h2", { id: `${id}-head`, "data-t": key }), h("span", { class: "grow" }), ...tools),
    h("div", { class: "part-body", id }));
}

// button is a button by the key of its words.
export function button(key, act, props = {}) {
  const { look = "plain", cue, ...rest } = props;
  return h("button", { type: "button", class: look, onclick: act, ...rest }, h("span", { "data-t": key }, t(key)), cue && h("kbd", {}, cue));
}

// field is a labelled input by the key of its label; choose a labelled list; tick a labelled box.
export function field(key, name, props = {}) {
  return h("label", { class: "field" }, h("span", { "data-t": key }, t(key)), h("input", { name, autocomplete: "off", spellcheck: "false", ...props }));
}

export function choose(key, name, options, props = {}) {
  return h("label", { class: "field" }, h("span", { "data-t": key }, t(key)),
    h("select", { name, ...props }, options.map(([value, label, words]) => h("option", { value, "data-t": words || null }, words ? t(words) : label))));
}

export function tick(key, name, props = {}) {
  return h("label", { class: "choice" }, h("input", { type: "checkbox", name, ...props }), h("span", { "data-t": key }, t(key)));
}

// empty says that there is nothing to show, and why.
export const empty = (text, hint) => h("div", { class: "nothing", role: "status" }, h("p", {}, text), hint && h("p", { class: "muted" }, hint));

// loading stands until an answer is there.
export const loading = () => h("p", { class: "nothing muted", role: "status" }, t("loading"));

// view draws what a request has come to: still on its way, refused, or its content.
export function view(ask, content) {
  if (ask.problem) return box(ask.problem);
  if (ask.answer === null) return ask.busy ? loading() : null;
  return content(ask.answer);
}

// table makes a table with a spoken caption. columns are [key of the heading, class, text of a row]; tools are a row's buttons.
export function table(caption, columns, rows, tools) {
  return h("div", { class: "scroll-x" }, h("table", { class: "grid" }, h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, columns.map(([key, look]) => h("th", { class: look || null, scope: "col" }, key && t(key))), tools && h("th", {}, h("span", { class: "unseen" }, t("tools"))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, columns.map(([, look, text]) => h("td", { class: look || null }, text(row))),
      tools && h("td", { class: "row-tools" }, tools(row)))))));
}

// facts lists labels and values.
export const facts = (list, look = "") => h("dl", { class: `facts ${look}` }, list.filter(Boolean).flatMap(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));

// tag is a word with a colour: good, warn, bad or none.
export const tag = (text, look = "") => h("span", { class: `tag ${look}` }, text);

// named is the word for a value that came from the daemon, or the value itself where the page has none.
export const named = (key, value) => (has(key) ? t(key) : String(value ?? ""));

// told is a sentence of the daemon, which speaks Chinese to people, or in English the page's own words for it where there are any.
export const told = (text, key) => (english() && has(key) ? t(key) : text);

// when writes a moment as the counter's clock shows it; day the date alone. Both are in Beijing time, as the daemon writes them.
export const when = (text) => (text || "").slice(0, 16).replace("T", " ");
export const clock = (text) => (text || "").slice(11, 16);

// todayText is the date in Beijing.
export const todayText = (days = 0) => new Date(Date.now() + 8 * 3600_000 + days * 86_400_000).toISOString().slice(0, 10);

// values are what stands in a form's fields, trimmed; of a box whether it is ticked.
export function values(form) {
  const found = {};
  for (const e of form.elements) if (e.name) found[e.name] = e.type === "checkbox" ? e.checked : e.value.trim();
  return found;
}
