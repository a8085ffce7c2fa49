// The right half: the split before settling, the result after it.

import { edit, sum } from "./bill.js";
import { byId, h, put } from "./dom.js";
import { again, findOut, ready, settle } from "./flow.js";
import { fen, show } from "./money.js";
import * as presenter from "./presenter.js";
import { box } from "./problem.js";
import * as slip from "./slip.js";
import { bar, notes, shares, skipped, table } from "./split.js";
import { besides, present, state } from "./store.js";
import { has, t } from "./words.js";

let next = () => {};

// setUp takes what the button for the next bill does.
export function setUp(nextBill) { next = nextBill; }

export function draw() {
  const bill = state.bill;
  const panel = byId("split");
  panel.dataset.stage = bill.stage;
  if (bill.stage === "done") put(panel, result(bill));
  else put(panel, quoteView(bill));
  const say = spoken(bill);
  if (byId("say").textContent !== say) byId("say").textContent = say;
}

// spoken is what a screen reader says of the panel: the outcome, not the whole table.
function spoken(bill) {
  if (bill.stage === "done") return `${t("doneTitle")}，${t("collect")} ${show(bill.settlement.cash_due)}`;
  return bill.stage === "settling" ? t("settling") : "";
}

function quoteView(bill) {
  return [
    h("div", { class: "panel-head" }, h("h2", {}, t("total")),
      h("button", { type: "button", class: bill.presenter.who === "self" ? "small who-button" : "small who-button chosen", id: "who", disabled: bill.stage !== "edit", onclick: presenter.open }, presenter.label(bill), " ", h("kbd", {}, "F3")),
      h("span", { class: "grow" }), h("span", { class: "total", id: "total" }, show(sum(bill)))),
    h("div", { class: "split-body" }, body(bill)),
    h("div", { class: "choices" }, choice("use-accounts", t("useAccounts"), bill.useAccounts, (on) => edit((b) => { b.useAccounts = on; })),
      choice("ask-shared", t("askShared"), bill.askShared, (on) => edit((b) => { b.askShared = on; }), "F7", worthAsking(bill))),
    settleButton(bill),
  ];
}

// worthAsking: cash is due, and a relative would pay if the patient asked.
function worthAsking(bill) {
  return bill.quote && fen(bill.quote.cash_due) > 0n && bill.quote.skipped.some((s) => s.reason === "K_NOT_ASKED");
}

function choice(id, label, on, set, key, nudge) {
  return h("label", { class: nudge ? "choice nudge" : "choice" }, h("input", { type: "checkbox", id, checked: on, disabled: state.bill.stage !== "edit", onchange: (e) => set(e.target.checked) }), label, key && h("kbd", {}, key));
}

function body(bill) {
  if (bill.stage === "unknown") {
    return h("div", { class: "waiting", role: "alert" }, h("p", { class: "waiting-title" }, t("unknownTitle")), h("p", {}, t("unknownText", { sale: bill.saleId })),
      h("button", { type: "button", class: "plain", onclick: () => findOut() }, t("askNow")));
  }
  const refusal = box(bill.problem || bill.refusal);
  const note = bill.note && h("p", { class: "note", role: "status" }, bill.note);
  if (!bill.quote) return [note, refusal, refusal ? againButton() : idle(bill)];
  const parts = shares(bill.quote);
  return [note, refusal, h("div", { class: bill.quoting ? "stale" : "current", id: "quote" }, bar(parts, fen(bill.quote.total)), table(parts), skipped(bill.quote.skipped), notes(bill.quote))];
}

function againButton() {
  return present() && h("button", { type: "button", class: "plain", id: "again", onclick: again }, t("requote"), " ", h("kbd", {}, "F8"));
}

function idle(bill) {
  if (bill.quoting) return h("p", { class: "idle" }, t("quoting"));
  const scan = besides() !== undefined;
  let [title, text] = [t("idleTitle"), present() ? t("needLines") : scan ? t("idleScan") : t("idleText")];
  if (state.phase === "down") [title, text] = [t("lostTitle"), t("lostText")];
  else if (bill.lines.length) [title, text] = scan ? [t("needScanTitle"), t("needScan")] : [t("needCardTitle"), t("needCard")];
  return h("div", { class: "idle" }, h("img", { src: "icon.svg", alt: "", width: "64", height: "64" }), h("p", { class: "idle-title" }, title), h("p", {}, text));
}

function settleButton(bill) {
  if (bill.stage === "settling") return h("button", { type: "button", class: "settle", disabled: true }, t("settling"));
  const cash = bill.quote ? fen(bill.quote.cash_due) : 0n;
  return h("button", { type: "button", class: "settle", id: "settle", disabled: !ready(), onclick: settle }, h("span", {}, t("settle"), " ", h("kbd", {}, "F9")),
    bill.quote && bill.stage === "edit" && h("span", { class: "settle-cash" }, cash > 0n ? `${t("collect")} ${show(cash)}` : t("noCash")));
}

function result(bill) {
  const s = bill.settlement;
  const parts = shares(s);
  const cash = fen(s.cash_due);
  return [
    h("div", { class: "done-head" }, h("div", {}, h("p", { class: "done-title" }, t("doneTitle")), h("p", { class: "muted" }, [s.holder, `${t("receipt")} ${s.receipt_no}`].filter(Boolean).join(" · "))), reportChip(s)),
    h("div", { class: "collect" }, h("span", {}, cash > 0n ? t("collect") : t("noCash")), h("strong", { id: "cash" }, show(cash)), h("span", { class: "of-total" }, `${t("total")} ${show(s.total)}`)),
    h("div", { class: "split-body" }, bill.refunds.map((r) => h("p", { class: "note returned" }, r.text(), " ", h("button", { type: "button", class: "small", id: `slip-${r.id}`, onclick: () => slip.open("refund", r.id) }, t("slipTitle")))), bar(parts, fen(s.total)), table(parts, true), skipped(s.skipped), notes(s)),
    h("div", { class: "done-actions" }, h("button", { type: "button", class: "plain", id: "slip-open", "data-sale": s.settlement_id, onclick: () => slip.open("sale", s.settlement_id) }, t("slipTitle"), " ", h("kbd", {}, "F10")),
      h("button", { type: "button", class: "settle", id: "next", onclick: next }, h("span", {}, t("nextBill"), " ", h("kbd", {}, "F2")))),
  ];
}

// taken are the states of a sale that does not stand as it was made.
const taken = ["partly_refunded", "refunded", "reversed"];

// reportChip is the centre's side; what the shop took back stands beside it.
function reportChip(s) {
  const report = has(`report_${s.report}`) ? t(`report_${s.report}`) : s.report;
  return h("div", { class: "chips-right" }, taken.includes(s.state) && h("span", { class: "chip plain-chip", id: "state" }, t(`state_${s.state}`)),
    h("span", { class: `chip report-${s.report}`, id: "report", role: "status" }, report));
}
