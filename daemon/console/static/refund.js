// Goods that come back: one line, some or all of it. The refund_id is made when the window opens and kept until it is
// booked, so that a lost answer can be asked for again.

import * as api from "./api.js";
import { newId, operator, tokens } from "./bill.js";
import { byId, put, h } from "./dom.js";
import { reload } from "./flow.js";
import { fen, less, parseQuantity, plus, show } from "./money.js";
import { box } from "./problem.js";
import { change, state } from "./store.js";
import { t } from "./words.js";

let current = null;

export function setUp() {
  const dialog = byId("refund");
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(dialog);
  });
  const e = dialog.querySelector("form").elements;
  e.quantity.addEventListener("input", () => { // of a part, the cashier must say which packs came back
    const all = (current.line.trace_codes || []).join(" ");
    if (e.trace.value === all && e.quantity.value.trim() !== current.line.quantity) e.trace.value = "";
  });
}

// open asks for the quantity of a line that comes back; left is the most it can be.
export function open(bill, line, left) {
  current = { bill, line, left, id: newId("R"), sent: null };
  const e = byId("refund").querySelector("form").elements;
  e.quantity.value = left;
  e.reason.value = "";
  const traces = line.trace_codes || [];
  e.trace.value = left === line.quantity ? traces.join(" ") : "";
  byId("refund-traces").hidden = traces.length === 0;
  byId("refund-line").textContent = `${line.name}　${show(line.total)}`;
  fault();
  busy(false);
  byId("refund").showModal();
  e.quantity.select();
}

function fault(...what) { put(byId("refund-fault"), what); }

function busy(on) {
  for (const control of byId("refund").querySelectorAll("input, button")) control.disabled = on;
}

async function send(dialog) {
  const c = current;
  const e = dialog.querySelector("form").elements;
  const quantity = parseQuantity(e.quantity.value.trim());
  if (quantity === null || less(c.left, quantity)) {
    fault(h("p", { class: "fault" }, t("refundBad", { left: c.left })));
    return;
  }
  const line = { id: c.line.id, quantity };
  if (tokens(e.trace.value).length) line.trace_codes = tokens(e.trace.value);
  c.sent ||= { refund_id: c.id, terminal: state.terminal, operator: operator(), lines: [line], reason: e.reason.value.trim() || undefined };
  fault();
  busy(true);
  try {
    booked(c, await api.refund(c.bill.settlement.settlement_id, c.sent));
    dialog.close();
  } catch (error) {
    if (error instanceof api.Lost) { // the same request again is the same return
      fault(h("p", { class: "fault" }, t("refundLost")));
      busy(false);
      for (const input of dialog.querySelectorAll("input")) input.disabled = true;
      return;
    }
    c.sent = null;
    fault(box(error));
    busy(false);
  }
}

function booked(c, answer) {
  const accounts = fen(answer.own_back) + fen(answer.shared_back);
  const text = () => `${t("refundDone", { cash: show(answer.cash_back), accounts: show(accounts) })}　${t("refundNo", { no: answer.receipt_no })}`;
  change(() => {
    for (const line of answer.lines) {
      c.bill.returned[line.id] = plus(c.bill.returned[line.id] || "0", line.quantity);
    }
    c.bill.refunds.push({ text, id: c.id });
  });
  reload(c.bill);
}
