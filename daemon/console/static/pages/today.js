// Today's settlements (of this till; a manager's of the venue), and any settlement by its number: looked at, its slip printed again, taken back.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { byId, h, put } from "../dom.js";
import { show } from "../money.js";
import { button, clock, empty, field, named, panel, table, tag, todayText, values, view } from "../parts.js";
import { goods, outcome, sale, story } from "../sale.js";
import { state } from "../store.js";
import { t } from "../words.js";

const found = asking(), why = asking(), listed = asking();
let said = null; // what was done last

export const today = {
  id: "today",
  needs: ["GET /v1/sales/{sale_id}", "GET /v1/settlements/{id}"],
  build() {
    return [
      h("section", { class: "panel part" }, h("form", { class: "part-body search", role: "search", autocomplete: "off", onsubmit: find },
        field("todaySearch", "id", { maxlength: "64", id: "today-search" }), h("button", { type: "submit", class: "primary", id: "today-find" }, h("span", { "data-t": "find" })))),
      h("div", { class: "columns" }, panel("todayHead", "today-list"), panel("todayOne", "today-one")),
    ];
  },
  enter() {
    found.clear();
    forget();
    load();
    byId("today-search").focus();
  },
  heard(name, data) {
    if (name === "settlement") load(true);
    if (name === "settlement" && found.answer?.settlement_id === data.settlement_id) reload();
  },
  draw() {
    put(byId("today-list"), list());
    put(byId("today-one"), outcome(said, found),
      view(found, (s) => sale(s, s.lines, { changed, explain })) || empty(t("todayPick")), view(why, story));
  },
};

// load asks what was settled today, where the daemon has records; a cashier is told of the own till.
function load(keep = false) {
  if (!state.routes.has("GET /v1/records")) return;
  const day = todayText();
  listed.run(() => api.records({ limit: "200", ...(state.manager && { from: day, to: day }) }), keep);
}

function forget() {
  said = null;
  why.clear();
}

function changed(what) {
  said = { ...what, over: found.answer };
  reload();
}

const reload = () => found.run(() => api.settlement(found.answer.settlement_id), true);
const explain = (s) => why.run(() => api.explanation(s.settlement_id));

function list() {
  const ask = listed.answer || listed.problem || listed.busy ? listed : { answer: { records: state.settled.map((x) => x.settlement) } };
  return view(ask, ({ records }) => (records.length ? table(t("todayHead"), [
    ["at", "muted", (r) => clock(r.at)], ["receipt", "", (r) => h("div", {}, r.receipt_no, r.lines?.length > 0 && h("span", { class: "muted small-text block" }, goods(r.lines)))],
    ["patient", "", (r) => h("span", { class: "item" }, r.holder)], ["total", "money strong", (r) => show(r.total)],
    ["state", "", (r) => tag(named(`state_${r.state}`, r.state), ["reversed", "refunded"].includes(r.state) ? "warn" : "good")],
  ], records, (r) => [button("look", () => look(r.settlement_id), { look: "small", id: `look-${r.settlement_id}`, "aria-label": `${t("look")} ${r.receipt_no}` })]) : empty(t("todayNone"), t("todayNoneText"))));
}

function look(id) {
  forget();
  found.run(() => api.settlement(id));
}

function find(event) {
  event.preventDefault();
  const { id } = values(event.target);
  if (!id) return;
  forget();
  found.run(() => byAnyNumber(id));
}

// byAnyNumber finds a settlement by its receipt number, by the till's sale number, or by its own id.
async function byAnyNumber(number) {
  const mine = state.settled.map((x) => x.settlement).find((s) => s.receipt_no === number)
    || (state.routes.has("GET /v1/records") && (await api.records({ settlement: number })).records[0]);
  if (mine) return api.settlement(mine.settlement_id);
  try {
    return await api.sale(number);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  return api.settlement(number);
}
