// One settlement looked at: who paid what and why, its slip, and taking it back whole or in part.

import * as api from "./api.js";
import { newId, operator, tokens } from "./bill.js";
import { h } from "./dom.js";
import { fen, less, parseQuantity, show } from "./money.js";
import { button, facts, field, named, table, tag, tick, when } from "./parts.js";
import * as slip from "./slip.js";
import { bar, giver, notes, shares, skipped, table as splitTable } from "./split.js";
import { state } from "./store.js";
import { sure } from "./sure.js";
import { english, t } from "./words.js";

// sale draws a settlement. lines are its lines with their ids and what of each is still sold; acts are changed(said) of the page, called
// after money went back with what outcome shows, and explain to open the long story.
export function sale(s, lines, acts) {
  const open = (lines || []).filter((l) => l.left !== "0"); // what is still sold, where the daemon tells
  const parts = shares(s), over = ["reversed", "refunded"].includes(s.state);
  return h("div", { class: "stack", id: "sale", "data-sale": JSON.stringify([s.settlement_id, s.state, s.report]) },
    facts([
      [t("receipt"), h("strong", {}, s.receipt_no)], [t("at"), when(s.at)], [t("patient"), s.holder],
      [t("state"), h("span", {}, tag(named(`state_${s.state}`, s.state), over ? "warn" : "good"), " ", named(`report_${s.report}`, s.report))],
      [t("saleNo"), s.sale_id], [t("terminal"), `${s.terminal} · ${s.operator}`], fen(s.returned?.total || "0.00") > 0n && [t("returnedSoFar"), show(s.returned.total)],
      s.cash_difference && fen(s.cash_difference) !== 0n && [t("cashOpen"), h("strong", { class: "bad-text" }, show(s.cash_difference))],
    ], "two"),
    h("div", { class: "actions start" },
      button("slipShow", () => slip.open("sale", s.settlement_id), { id: "sale-slip" }), button("whyShow", () => acts.explain(s), { id: "sale-why" }),
      !over && open.length > 0 && button("refundLines", () => refund(s, open, acts), { id: "sale-refund" }),
      !over && button("reverseGo", () => reverse(s, acts), { id: "sale-reverse", look: "plain danger-text" })),
    h("div", { class: "sale-split" }, h("p", { class: "sale-total" }, t("total"), " ", h("strong", {}, show(s.total))), bar(parts, fen(s.total)), splitTable(parts), skipped(s.skipped), notes(s)));
}

// goods names the first lines of a bill, and how many there are where it has more.
export const goods = (lines) => lines.slice(0, 2).map((l) => `${l.name}×${l.quantity}`).join("，") + (lines.length > 2 ? t("andMore", { n: lines.length }) : "");

// story tells of every account that was tried, and of what was left for cash.
export function story(e) {
  const source = (x) => h("span", { class: "muted small-text" }, [x.rule, x.basis || x.rule_source].filter(Boolean).join(" · "));
  const words = (x) => (english() ? x.english : x.message);
  return h("div", { class: "stack" }, table(t("whyShow"), [
    ["whose", "", (x) => h("div", {}, h("span", { class: "item" }, x.source === "own" ? `${t("ownShort")} ${x.holder}` : giver(x)), h("span", { class: "block" }, words(x), " ", source(x)))],
    ["payable", "money", (x) => show(x.payable)], ["available", "money", (x) => (x.available === undefined ? "" : show(x.available))],
    ["taken", "money strong", (x) => show(x.taken)],
  ], e.trials), e.cash.length > 0 && h("h3", {}, t("cashWhy")), e.cash.length > 0 && table(t("cashWhy"), [
    ["line", "num", (x) => x.line || ""], ["amount", "money", (x) => show(x.amount)], ["reason", "", (x) => h("div", {}, words(x), " ", source(x))],
  ], e.cash));
}

const common = () => [field("reason", "reason", { maxlength: "200" }), state.manager && tick("withoutCard", "without")];
const told = (v) => [[t("reason"), v.reason || t("none")], [t("card"), v.without ? t("withoutCard") : t("cardNeeded")]];
const body = (v) => ({ terminal: state.terminal, operator: operator(), ...(v.reason && { reason: v.reason }), ...(v.without && { without_card: true }) });
const needReason = (v) => (v.without && !v.reason ? t("reasonNeeded") : "");

// back tells the page what came back, and where its slip is.
function back(of, id, acts) {
  return (answer) => acts.changed({ text: () => t("backDone", { no: answer.receipt_no, cash: show(answer.cash_back), accounts: show(fen(answer.own_back) + fen(answer.shared_back)) }), slip: [of, id] });
}

// outcome says what was done last, with its slip; nothing for null, and nothing while what is shown is still from before: a return
// on top of it would begin with quantities that are not there any more.
export const outcome = (said, found) => said && said.over !== found.answer && h("p", { class: "note returned", role: "status" }, said.text(), " ", button("slipTitle", () => slip.open(...said.slip), { look: "small", id: "outcome-slip", "data-slip": said.slip.join(" ") }));

function reverse(s, acts) {
  const id = newId("V");
  sure({
    title: t("reverseTitle"), go: t("reverseGo"), danger: true, fields: common(), check: needReason, warn: t("reverseWarn"),
    tell: (v) => [[t("what"), t("reverseTitle")], [t("receipt"), s.receipt_no], [t("patient"), s.holder], [t("amountBack"), show(s.total)], [t("cash"), show(s.cash_due)], ...told(v)],
    send: (v) => api.reverse(s.settlement_id, { reversal_id: id, ...body(v) }),
    done: back("reversal", id, acts),
  });
}

// leftOf is how much of a line is still sold.
const leftOf = (line) => line.left || line.quantity;

function refund(s, lines, acts) {
  const id = newId("R");
  const wanted = (v) => lines.map((line, i) => ({ line, quantity: v[`q${i}`] || "", codes: tokens(v[`t${i}`] || "") })).filter((w) => w.quantity !== "");
  sure({
    title: t("refundLines"), go: t("refundGo"), danger: true, warn: t("refundCard"),
    fields: [...lines.flatMap((line, i) => [
      h("label", { class: "field wide-field" }, h("span", {}, `${line.name} × ${leftOf(line)} · ${t("refundQuantity")}`), h("input", { name: `q${i}`, inputmode: "decimal", maxlength: "13", autocomplete: "off" })),
      line.trace_codes?.length > 0 && h("label", { class: "field wide-field" }, h("span", {}, `${line.name} · ${t("refundTrace")}`), h("input", { name: `t${i}`, autocomplete: "off", spellcheck: "false" })),
    ]), ...common()],
    check: (v) => {
      const list = wanted(v);
      if (!list.length) return t("refundNothing");
      const bad = list.find((w) => parseQuantity(w.quantity) === null || less(leftOf(w.line), parseQuantity(w.quantity)));
      return bad ? `${bad.line.name}：${t("refundBad", { left: leftOf(bad.line) })}` : needReason(v);
    },
    tell: (v) => [[t("what"), t("refundLines")], [t("receipt"), s.receipt_no], ...wanted(v).map((w) => [w.line.name, `${t("refundQuantity")} ${parseQuantity(w.quantity)}${w.codes.length ? ` · ${w.codes.join(" ")}` : ""}`]), ...told(v)],
    send: (v) => api.refund(s.settlement_id, {
      refund_id: id, ...body(v), lines: wanted(v).map((w) => ({ id: w.line.id, quantity: parseQuantity(w.quantity), ...(w.codes.length && { trace_codes: w.codes }) })),
    }),
    done: back("refund", id, acts),
  });
}
