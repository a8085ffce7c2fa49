// A relative's yearly contribution, paid from the account of the holder of the card in the reader, and taking it back.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { goodNumber, newId, operator, tokens } from "../bill.js";
import { byId, h, put } from "../dom.js";
import * as guide from "../guide.js";
import { fen, parsePrice, show } from "../money.js";
import { button, choose, empty, facts, field, named, tag, tick, todayText, told, values, view, when } from "../parts.js";
import * as slip from "../slip.js";
import { present, reader, state } from "../store.js";
import { sure } from "../sure.js";
import { t } from "../words.js";

const found = asking();
let said = () => ""; // what was done last, in the language of the moment

export const premium = {
  id: "premium",
  needs: ["POST /v1/premiums", "POST /v1/premiums/{id}/cancellation", "GET /v1/premiums/{premium_id}"],
  build() {
    const form = h("form", { id: "premium-form", class: "fields", autocomplete: "off", novalidate: true, onsubmit: pay },
      field("premiumNumber", "number", { maxlength: "18" }), field("bindName", "name", { maxlength: "50" }),
      choose("premiumYear", "year", years().map((y) => [y, y])), field("premiumAmount", "amount", { inputmode: "decimal", maxlength: "13" }),
      field("premiumCategories", "categories", { maxlength: "60", "data-hint": "optional" }),
      tick("premiumStillDue", "due"),
      h("p", { class: "fault", id: "premium-fault", role: "alert" }),
      h("div", { class: "actions" }, h("button", { type: "submit", class: "primary", id: "premium-go" }, h("span", { "data-t": "nextStep" }))));
    const search = h("form", { class: "search", role: "search", onsubmit: look }, field("premiumNo", "id", { maxlength: "64" }), h("button", { type: "submit", class: "plain" }, h("span", { "data-t": "find" })));
    return [
      h("p", { class: "note returned", id: "paid", role: "status", hidden: true }),
      h("div", { class: "columns" },
        h("section", { class: "panel part", "aria-labelledby": "premium-head" }, h("div", { class: "panel-head" }, h("h2", { id: "premium-head", "data-t": "premiumHead" })),
          h("div", { class: "part-body" }, h("p", { class: "payer", id: "payer", "aria-live": "polite" }), form)),
        h("section", { class: "panel part", "aria-labelledby": "premium-found-head" }, h("div", { class: "panel-head" }, h("h2", { id: "premium-found-head", "data-t": "premiumFound" })),
          h("div", { class: "part-body" }, search), h("div", { class: "part-body", id: "premium-found" }))),
      h("section", { class: "panel part", id: "premium-guide", hidden: true }),
    ];
  },
  enter() {
    said = () => "";
    found.clear();
    guide.ask();
  },
  card() { said = () => ""; },
  heard(name) {
    if (name === "upstream" && found.answer) again();
  },
  draw,
};

// years that a contribution can be for: the next, which is collected in autumn, and this one for those who pay late. Beijing's year.
const years = () => [1, 0].map((d) => String(Number(todayText().slice(0, 4)) + d));

function draw() {
  const card = reader()?.state === "present" ? present() : null;
  byId("payer").textContent = card ? t("payerIs", { name: card.holder || card.number }) : t("payerFirst");
  byId("payer").dataset.state = card ? "present" : "absent";
  byId("premium-go").disabled = !card;
  byId("paid").textContent = said();
  byId("paid").hidden = !said();
  put(byId("premium-found"), view(found, shown) || empty(t("premiumNone")));
  guide.show("premium-guide", ["premium", "premium_due", "hotline"]);
}

function shown(p) {
  return h("div", { class: "stack" }, facts([
    [t("state"), h("span", {}, tag(t(`premium_${p.state}`), p.state === "paid" ? "good" : "warn"), " ", named(`report_${p.report}`, p.report))],
    [t("payer"), p.payer], [t("beneficiaryIs"), p.beneficiary], [t("premiumYear"), String(p.year)], [t("amount"), h("strong", {}, show(p.amount))],
    [t("at"), when(p.at)], [t("receipt"), p.receipt_no], [t("premiumNo"), p.premium_id],
    p.wait_days && [t("waitDays"), t("waitDaysAre", { n: p.wait_days })],
  ]), h("p", { class: "note" }, told(p.message, `premiumtext_${p.state === "cancelled" ? "cancelled" : p.collected_by}`)), h("div", { class: "actions" }, button("slipTitle", () => slip.open("premium", p.premium_id), { id: "premium-slip", "data-slip": p.premium_id }),
    p.state === "cancelled" && button("cancelSlip", () => slip.open("cancellation", p.premium_id), { id: "premium-cancel-slip", "data-slip": p.premium_id }),
    p.state === "paid" && button("premiumCancel", () => cancel(p), { id: "premium-cancel", look: "plain danger-text" })));
}

function look(event) {
  event.preventDefault();
  const { id } = values(event.target);
  if (id) found.run(() => api.premium(id));
}

const again = () => found.run(() => api.premium(found.answer.premium_id), true);

function pay(event) {
  event.preventDefault();
  const form = event.target, v = values(form);
  const amount = parsePrice(v.amount), number = v.number.toUpperCase();
  byId("premium-fault").textContent = !number || !goodNumber(number) ? t("patientBad") : !v.name ? t("needPerson") : amount === null || fen(amount) === null ? t("amountBad") : "";
  if (byId("premium-fault").textContent) return;
  const id = newId("P"), categories = tokens(v.categories);
  sure({
    title: t("premiumTitle"), go: t("premiumGo"), warn: t("premiumWarn"),
    tell: () => [[t("what"), t("premiumWhat")], [t("payer"), present()?.holder || ""], [t("beneficiaryIs"), `${v.name} ${number}`], [t("premiumYear"), v.year],
      [t("amount"), h("strong", {}, show(amount))], categories.length > 0 && [t("premiumCategories"), categories.join(" ")],
      v.due && [t("premiumStillDue"), t("yes")]],
    send: () => api.payPremium({
      premium_id: id, terminal: state.terminal, operator: operator(), beneficiary: { id_number: number, name: v.name }, year: Number(v.year), amount,
      ...(categories.length && { categories }), ...(v.due && { still_due: true }),
    }),
    done: (answer) => {
      said = () => t("premiumPaid", { amount: show(answer.amount), name: answer.beneficiary });
      form.reset();
      found.run(async () => answer);
    },
  });
}

function cancel(p) {
  const id = newId("PC");
  const request = (v) => ({ cancellation_id: id, terminal: state.terminal, operator: operator(), ...(v.reason && { reason: v.reason }), ...(v.without && { without_card: true }) });
  sure({
    title: t("premiumCancelTitle"), go: t("premiumCancel"), danger: true, warn: t("premiumCancelWarn"),
    fields: [field("reason", "reason", { maxlength: "200" }), state.manager && tick("withoutCard", "without")],
    check: (v) => (v.without && !v.reason ? t("reasonNeeded") : ""),
    tell: (v) => [[t("what"), t("premiumCancelTitle")], [t("payer"), p.payer], [t("beneficiaryIs"), p.beneficiary], [t("premiumYear"), String(p.year)],
      [t("amountBack"), show(p.amount)], [t("reason"), v.reason], v.without && [t("card"), t("withoutCard")]],
    look: state.routes.has("preview POST /v1/premiums/{id}/cancellation") ? (v) => api.cancelPremium(p.premium_id, { ...request(v), preview: true }) : undefined,
    send: (v, seen) => api.cancelPremium(p.premium_id, { ...request(v), ...(seen?.confirm_digest && { confirm_digest: seen.confirm_digest }) }),
    done: (answer) => {
      said = () => t("premiumBack", { amount: show(answer.amount), no: answer.receipt_no });
      found.run(() => api.premium(p.premium_id));
    },
  });
}
