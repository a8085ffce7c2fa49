// Days held against the centre's book, row by row where they differ; closing a month and the finance desk's bundle.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { operator } from "../bill.js";
import { byId, h, put } from "../dom.js";
import { saveFrom } from "../files.js";
import { show } from "../money.js";
import { button, empty, named, panel, table, tag, todayText, told, view, when } from "../parts.js";
import { sure } from "../sure.js";
import { change, state } from "../store.js";
import { t } from "../words.js";

const days = asking(), one = asking();

let month = todayText().slice(0, 7);
let said = () => ""; // what was done last, in the language of the moment

export const reconcile = {
  id: "reconcile", manager: true,
  needs: ["GET /v1/reconciliations", "POST /v1/reconciliations"],
  build() {
    return [
      h("section", { class: "panel part" }, h("div", { class: "part-body search" },
        h("label", { class: "field" }, h("span", { "data-t": "monthIs" }), h("input", { type: "month", id: "reconcile-month", value: month, onchange: pick })),
        state.routes.has("POST /v1/reconciliations/close") && button("monthClose", close, { id: "month-close", look: "plain" }),
        state.routes.has("GET /v1/reconciliations/{month}/bundle") && button("bundleGet", () => saveFrom("bundle", () => api.bundle(month)), { id: "bundle-get", look: "plain" }),
        h("span", { class: "muted", id: "file-bundle", role: "status" }), h("span", { id: "month-state" }))),
      h("p", { class: "note returned", id: "reconcile-said", role: "status", hidden: true }),
      panel("reconcileHead", "reconcile-days"), panel("reconcileOne", "reconcile-one"),
    ];
  },
  enter() {
    said = () => "";
    one.clear();
    load();
  },
  draw() {
    const closed = days.answer?.months.find((m) => m.month === month);
    put(byId("month-state"), closed && tag(t("monthClosed", { by: closed.closed_by, at: when(closed.closed_at) }), "good"));
    byId("reconcile-said").textContent = said();
    byId("reconcile-said").hidden = !said();
    put(byId("reconcile-days"), view(days, list));
    byId("reconcile-one").parentElement.hidden = !one.busy && !one.answer && !one.problem;
    put(byId("reconcile-one"), view(one, detail));
  },
};

function pick(event) {
  if (!/^\d{4}-\d{2}$/.test(event.target.value)) return;
  month = event.target.value;
  one.clear();
  load();
}

const last = (m) => new Date(Date.UTC(Number(m.slice(0, 4)), Number(m.slice(5)), 0)).toISOString().slice(0, 10);
const load = (keep = false) => days.run(() => api.reconciliations(`${month}-01`, last(month)), keep);
const looks = { agreed: "good", closed: "good", differing: "bad", open: "warn" };

function list(answer) {
  if (!answer.days.length) return empty(t("reconcileNone"), t("reconcileNoneText"));
  return table(t("reconcileHead"), [
    ["day", "", (d) => h("span", { class: "item" }, d.day)], ["state", "", (d) => tag(t(`day_${d.state}`), looks[d.state])], ["groupsAgreed", "num", (d) => `${d.groups.filter((g) => g.agreed).length} / ${d.groups.length}`],
    ["differences", "num", (d) => String(d.items.length)], ["openReports", "num", (d) => String(d.unknown)], ["checkedAt", "muted", (d) => when(d.at)], ["content", "", (d) => told(d.message, `daytext_${d.state}`)],
  ], [...answer.days].reverse(), (d) => [
    d.state !== "closed" && button("reconcileNow", () => now(d), { look: "small", id: `reconcile-${d.day}`, "aria-label": `${t("reconcileNow")} ${d.day}` }),
    button("look", () => one.run(async () => d), { look: "small", id: `day-${d.day}`, "data-row": JSON.stringify(d), "aria-label": `${t("look")} ${d.day}` }),
  ]);
}

// now holds a day against the centre's book; it changes no money and may be repeated.
async function now(d) {
  await one.run(() => api.reconcileDay(d.day));
  if (one.answer) change(() => { said = () => t("reconcileDone", { day: d.day }); });
  load(true);
}

const side = (x) => (x ? `${x.count} · ${show(x.total)}` : t("notTold"));

function detail(d) {
  return h("div", { class: "stack" }, h("p", {}, h("strong", {}, d.day), " ", tag(t(`day_${d.state}`), looks[d.state]), " ", told(d.message, `daytext_${d.state}`)),
    d.groups.length > 0 && table(t("groups"), [
      ["insurance", "", (g) => named(`insurance_${g.insutype}`, g.insutype)], ["clrType", "", (g) => named(`clr_${g.clr_type}`, g.clr_type)], ["office", "muted", (g) => g.office],
      ["side_here", "money", (g) => side(g.ours)], ["side_centre", "money", (g) => side(g.centre)], ["state", "", (g) => h("span", {}, tag(g.agreed ? t("agreed") : t("differs"), g.agreed ? "good" : "bad"), " ", g.text || "")],
    ], d.groups),
    d.items.length > 0 && h("h3", {}, t("differences")),
    d.items.length > 0 && table(t("differences"), [
      ["kind", "", (i) => tag(t(`difference_${i.class}`), i.resolution || i.automatic ? "" : "bad")], ["number", "", (i) => h("div", {}, i.setl_id, h("span", { class: "muted small-text block" }, i.settlement_id || i.msgid || ""))],
      ["side_here", "money", (i) => (i.ours ? show(i.ours.total) : t("absent"))], ["side_centre", "money", (i) => (i.centre ? show(i.centre.total) : t("absent"))], ["advice", "", (i) => told(i.advice, `rowadvice_${i.automatic ? "automatic" : i.class}`)],
      ["resolution", "", (i) => (i.resolution ? [i.resolution.by, i.resolution.note].filter(Boolean).join("：") : i.automatic ? t("automatic") : i.attention_id ? t("onList", { id: i.attention_id }) : t("undecided"))],
    ], d.items));
}

function close() {
  sure({
    title: t("monthClose"), go: t("monthCloseGo"), danger: true, warn: t("monthCloseWarn"),
    tell: () => [[t("what"), t("monthClose")], [t("monthIs"), month], [t("operatorTitle"), [operator().id, operator().name].filter(Boolean).join(" ")]],
    send: () => api.closeMonth({ month, operator: operator() }),
    done: () => {
      said = () => t("monthCloseDone", { month });
      load(true);
    },
  });
}
