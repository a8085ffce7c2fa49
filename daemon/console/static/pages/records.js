// Every settlement of the venue by time, person, doctor, words and more; a manager's. The same choice as a file.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { goodNumber } from "../bill.js";
import { byId, h, put } from "../dom.js";
import { fileButtons, save } from "../files.js";
import { show } from "../money.js";
import { button, choose, empty, field, named, panel, table, tag, todayText, told, values, view, when } from "../parts.js";
import { box } from "../problem.js";
import { goods, outcome, sale, story } from "../sale.js";
import { state } from "../store.js";
import { t } from "../words.js";

const page = asking(), found = asking(), why = asking();
const states = ["settled", "accepted", "unknown", "refused", "adjusted", "partly_refunded", "refunded", "reversed"];

let rows = []; // of all the pages that were fetched
let asked = {}; // the filters that were sent
let chosen = null; // the record that is looked at
let said = null; // what was done last

export const records = {
  id: "records", manager: true,
  needs: ["GET /v1/records"],
  build() {
    const day = (id, name, key) => field(key, name, { type: "date", id, value: todayText() });
    return [
      h("section", { class: "panel part" }, h("form", { class: "part-body filters", id: "records-form", role: "search", autocomplete: "off", onsubmit: search },
        day("records-from", "from", "dayFrom"), day("records-to", "to", "dayTo"), field("patientName", "name", { maxlength: "50", "data-hint": "wholeName" }), field("patientId", "person", { maxlength: "18" }),
        field("doctor", "doctor", { maxlength: "50" }), choose("state", "state", [["", "", "any"], ...states.map((s) => [s, "", `state_${s}`])]), field("medType", "med_type", { maxlength: "6", "data-hint": "medTypeHint" }),
        wide(field("words", "words", { maxlength: "100", "data-hint": "wordsHint" })), field("disease", "disease", { maxlength: "200" }), field("area", "area", { maxlength: "6" }), field("number", "settlement", { maxlength: "64" }),
        h("div", { class: "actions" }, ...["today", "week", "month"].map((span) => h("button", { type: "button", class: "small", id: `span-${span}`, "data-t": `span_${span}`, onclick: () => preset(span) })),
          h("button", { type: "submit", class: "primary", id: "records-find" }, h("span", { "data-t": "find" }))),
        h("p", { class: "fault wide-field", id: "records-fault", role: "alert" }))),
      panel("recordsHead", "records-list", ...(state.routes.has("GET /v1/exports") ? [...fileButtons("records", (format) => download("records", format)), h("button", { type: "button", class: "small", id: "records-lines", onclick: () => save("records", { ...asked, kind: "lines", format: "xlsx" }) }, h("span", { "data-t": "linesFile" }))] : [])),
      panel("todayOne", "records-one"),
    ];
  },
  enter() {
    rows = [];
    chosen = null;
    found.clear();
    forget();
    search();
  },
  draw() {
    put(byId("records-list"), page.problem && box(page.problem), rows.length > 0 && list(), rows.length === 0 && !page.problem && (page.busy ? h("p", { class: "nothing muted" }, t("loading")) : empty(t("recordsNone"), t("recordsNoneText"))), more());
    byId("records-one").parentElement.hidden = !chosen && !found.problem;
    put(byId("records-one"), outcome(said, found),
      view(found, (s) => sale(s, s.lines, { changed, explain: (x) => why.run(() => api.explanation(x.settlement_id)) })), view(why, story));
  },
};

// wide gives a field the room of two.
function wide(label) {
  label.classList.add("twice");
  return label;
}

function forget() {
  said = null;
  why.clear();
}

function changed(what) {
  said = { ...what, over: found.answer };
  found.run(() => api.settlement(chosen.settlement_id), true);
}

function preset(span) {
  byId("records-from").value = todayText({ today: 0, week: -6, month: -30 }[span]);
  byId("records-to").value = todayText();
  search();
}

// search asks for the first page of what the filters say.
function search(event) {
  event?.preventDefault();
  const v = values(byId("records-form"));
  byId("records-fault").textContent = v.person && !goodNumber(v.person.toUpperCase()) ? t("patientBad") : "";
  if (byId("records-fault").textContent) return;
  asked = Object.fromEntries(Object.entries({ ...v, person: v.person.toUpperCase() }).filter(([, value]) => value !== ""));
  rows = [];
  fetchPage("");
}

function fetchPage(cursor) {
  const mine = asked;
  page.run(async () => {
    const answer = await api.records({ ...mine, limit: "50", ...(cursor && { cursor }) });
    if (mine === asked) rows = [...rows, ...answer.records];
    return answer;
  });
}

// more is what stands below the list: how the search understood the question, and the way to the next page.
function more() {
  const answer = page.answer;
  if (!answer) return null;
  return h("div", { class: "actions" }, answer.note && h("p", { class: "muted" }, told(answer.note, "recordsNote")), h("span", { class: "muted grow", role: "status", id: "records-count" }, t("recordsCount", { n: rows.length })),
    answer.cursor && button("moreRows", () => fetchPage(page.answer.cursor), { id: "records-more", "data-cursor": answer.cursor }));
}

const reviewLook = { accepted: "good", refused: "bad", unknown: "warn", adjusted: "warn" };

function list() {
  return table(t("recordsHead"), [
    ["at", "muted", (r) => when(r.at)], ["patient", "", (r) => h("div", {}, h("span", { class: "item" }, r.holder), h("span", { class: "muted small-text block" }, r.number))],
    ["items", "", (r) => h("div", {}, h("span", {}, goods(r.lines)), h("span", { class: "muted small-text block" }, [r.receipt_no, r.doctor, r.disease].filter(Boolean).join(" · ")))],
    ["total", "money strong", (r) => show(r.total)], ["fund", "money", (r) => show(r.fund_paid)], ["own", "money", (r) => show(r.own_paid)], ["shared", "money", (r) => show(r.shared_paid)], ["cash", "money", (r) => show(r.cash_paid)],
    ["state", "", (r) => h("div", {}, tag(named(`state_${r.state}`, r.state_text), ["reversed", "refunded"].includes(r.state) ? "warn" : ""), " ", tag(named(`report_${r.review.state}`, r.review.text), reviewLook[r.review.state] || ""), r.review.word && h("span", { class: "small-text block" }, r.review.word))],
  ], rows, (r) => [button("look", () => look(r), { look: "small", id: `look-${r.settlement_id}`, "aria-label": `${t("look")} ${r.receipt_no}` })]);
}

function look(r) {
  forget();
  chosen = r;
  found.run(() => api.settlement(r.settlement_id)).then(() => byId("records-one")?.scrollIntoView({ block: "nearest" }));
}

const download = (kind, format) => save(kind, { ...asked, kind, format });
