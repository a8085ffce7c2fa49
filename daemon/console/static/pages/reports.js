// Totals of a period, net of returns, as bars and as a table; a manager's.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { bars, looks } from "../chart.js";
import { byId, h, put } from "../dom.js";
import { fileButtons, save } from "../files.js";
import { show } from "../money.js";
import { choose, empty, field, panel, table, todayText, told, values, view } from "../parts.js";
import { state } from "../store.js";
import { t } from "../words.js";

const report = asking(), repeats = asking();
const groupings = ["day", "month", "med_type", "source", "relation", "disease", "area", "class", "operator", "terminal"];

let asked = {};

export const reports = {
  id: "reports", manager: true,
  needs: ["GET /v1/reports"],
  build() {
    return [
      h("section", { class: "panel part" }, h("form", { class: "part-body search", id: "reports-form", onsubmit: look, onchange: look },
        field("dayFrom", "from", { type: "date", value: `${todayText().slice(0, 8)}01`, id: "reports-from" }), field("dayTo", "to", { type: "date", value: todayText(), id: "reports-to" }),
        choose("groupBy", "group_by", groupings.map((g) => [g, "", `by_${g}`]), { id: "reports-by" }), h("button", { type: "submit", class: "primary", id: "reports-go" }, h("span", { "data-t": "showReport" })))),
      panel("reportsHead", "reports-body", ...(state.routes.has("GET /v1/exports") ? fileButtons("report", (format) => save("report", { ...asked, kind: "report", format })) : [])),
      ...(state.routes.has("GET /v1/reports/repeats") ? [panel("repeatsHead", "reports-repeats")] : []),
    ];
  },
  enter: () => look(),
  draw() {
    put(byId("reports-body"), view(report, shown));
    if (byId("reports-repeats")) put(byId("reports-repeats"), view(repeats, (r) => (r.repeats.length ? often(r.repeats) : empty(t("repeatsNone")))));
  },
};

function look(event) {
  event?.preventDefault();
  asked = values(byId("reports-form"));
  if (!asked.from || !asked.to) return;
  report.run(() => api.report(asked));
  if (byId("reports-repeats")) repeats.run(() => api.repeats(asked.from, asked.to));
}

function shown(r) {
  if (!r.groups.length) return empty(t("reportsNone"), `${r.from} ${t("until")} ${r.to}`);
  const money = (name) => [name, "money", (g) => (g[`${name}_paid`] === undefined ? "" : show(g[`${name}_paid`]))];
  const whole = { ...r.all, name: t("total") };
  return h("div", { class: "stack", "data-report": `${r.from} ${r.to} ${r.group_by}` },
    h("div", { class: "figures" }, ["total", "fund_paid", "own_paid", "shared_paid", "cash_paid"].filter((n) => r.all[n] !== undefined).map((n) => h("div", { class: "figure" }, h("span", {}, t(`sum_${n}`)), h("strong", {}, show(r.all[n]))))),
    h("div", { class: "report-columns" },
      h("figure", {}, bars(r.groups), h("figcaption", { class: "legend" }, looks(r.groups).map((look) => h("span", {}, h("i", { class: `swatch fill-${look}` }), t(`pay_${look}`))))),
      table(t("reportsHead"), [
        ["group", "", (g) => h("span", { class: "item" }, g.name || g.key || t("none"))], ["sales", "num", (g) => String(g.sales)], ["returns", "num", (g) => String(g.returns)],
        ["total", "money strong", (g) => show(g.total)], money("fund"), money("own"), money("shared"), money("cash"),
      ], [...r.groups, whole])),
    h("p", { class: "muted" }, told(r.counted, "reportsCounted"), " ", r.contributions.paid > 0 && t("contributionsAre", { n: r.contributions.paid, amount: show(r.contributions.amount) })));
}

// often lists who was sold the same goods in several bills of a day. It proves nothing; it is a place to look.
function often(list) {
  return h("div", { class: "stack" }, h("p", { class: "muted" }, t("repeatsText")), table(t("repeatsHead"), [
    ["day", "", (r) => r.day], ["patient", "", (r) => h("span", { class: "item" }, r.holder)], ["code", "", (r) => r.code], ["sales", "num", (r) => String(r.sales)], ["total", "money strong", (r) => show(r.amount)],
    ["number", "muted small-text", (r) => r.last_settlement_id],
  ], list));
}
