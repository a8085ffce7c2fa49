// The bill: its lines, the entry below them, and what the API is asked about it.

import { byId, h, put } from "./dom.js";
import { fen, less, lineTotal, minus, parsePrice, parseQuantity, show, text } from "./money.js";
import * as presenter from "./presenter.js";
import { change, state } from "./store.js";
import { has, t } from "./words.js";

const classes = ["drug_a", "drug_b", "drug_out", "tcm_slices", "device_reg", "consumable", "service_in", "service_out",
  "vaccine_other", "health_food", "cosmetic", "food", "daily"];

// medPharmacy is the kind of treatment of a sale at a counter (定点药店购药).
const medPharmacy = "41";

const largest = 99_999_999_999n; // fen; nine digits of yuan

// fresh is an empty bill. Its sale_id is made here and kept until the bill is done, whatever happens in between.
export function fresh() {
  return {
    saleId: newId("S"), lines: [], next: 1, patient: { id_number: "", name: "" }, presenter: { who: "self", face: false, agent: null }, prescription: null, useAccounts: true, askShared: false,
    stage: "edit", // edit, settling, unknown (asked to settle, no answer), done
    quote: null, quoting: false, problem: null, // of the last quote
    refusal: null, note: "", // of the last attempt to settle; they stay until the cashier has acted
    settlement: null, returned: {}, refunds: [],
  };
}

// newId makes an id that no other bill has: the time for people, randomness for uniqueness.
export function newId(letter) {
  const now = new Date(Date.now() + 8 * 3600_000).toISOString().replace(/\D/g, "");
  const random = crypto.getRandomValues(new Uint32Array(1))[0].toString(36).toUpperCase().padStart(7, "0");
  return `${letter}${now.slice(0, 8)}-${now.slice(8, 14)}-${random}`;
}

// sum is the total of the bill in fen.
export const sum = (bill) => bill.lines.reduce((all, line) => all + fen(line.total), 0n);

// request is the bill as the API wants it.
export function request(bill) {
  const body = {
    sale_id: bill.saleId, terminal: state.terminal, operator: operator(), med_type: medPharmacy,
    lines: bill.lines, use_accounts: bill.useAccounts, ask_shared: bill.askShared, person_check: "card_read",
    ...presenter.request(bill),
  };
  const patient = {};
  if (bill.patient.id_number) patient.id_number = bill.patient.id_number;
  if (bill.patient.name) patient.name = bill.patient.name;
  if (Object.keys(patient).length) body.patient = patient;
  if (bill.prescription) body.prescription = bill.prescription;
  return body;
}

// operator is who works the till, as the API wants it.
export function operator() {
  return state.operator.name ? { id: state.operator.id, name: state.operator.name } : { id: state.operator.id };
}

// goodNumber checks a citizen identity number (GB 11643): 17 digits and the check character. Empty is good.
export function goodNumber(number) {
  if (number === "") return true;
  if (!/^\d{17}[\dX]$/.test(number)) return false;
  let all = 0, weight = 1;
  for (let i = 17; i >= 0; i--, weight = (weight * 2) % 11) all += (number[i] === "X" ? 10 : Number(number[i])) * weight;
  return all % 11 === 1;
}

// touched is called after every change of what a quote depends on.
let touched = () => {};
let refund = () => {};

// edit changes the bill, unless it is on its way or done.
export function edit(alter) {
  const bill = state.bill;
  if (bill.stage !== "edit") return;
  change(() => { alter(bill); Object.assign(bill, { note: "", refusal: null }); });
  touched();
}

export function addLines(lines) {
  edit((bill) => {
    for (const line of lines) bill.lines.push({ ...line, id: String(bill.next++) });
  });
}

// setUp wires the entry. changed is called after every change of the bill; giveBack asks for the return of a line.
export function setUp(changed, giveBack) {
  touched = changed;
  refund = giveBack;
  const form = byId("entry");
  put(form.elements.class, classes.map((c) => h("option", { value: c })));
  form.elements.pack.addEventListener("change", () => packs(form));
  form.addEventListener("submit", (event) => { event.preventDefault(); add(form); });
  form.addEventListener("keydown", (event) => steer(event, form));
  form.addEventListener("keypress", (event) => { // an Enter that moved the focus must not act once more where it arrives
    if (event.key === "Enter" && event.target.tagName !== "BUTTON") event.preventDefault();
  });
}

// packs asks for the units of a pack where parts of one are sold.
function packs(form) {
  const parts = form.elements.pack.value === "split_pack";
  form.dataset.parts = parts;
  if (!parts) form.elements.units.value = "";
}

// steer moves Enter through the entry as cashiers know it; a scanner's Enter after a trace code waits for the next pack.
function steer(event, form) {
  if (event.key !== "Enter" || event.target.tagName === "BUTTON" || event.isComposing) return;
  event.preventDefault();
  const fields = [...form.querySelectorAll("input, select")];
  const at = fields.indexOf(event.target);
  if (at < fields.indexOf(form.elements.trace)) {
    fields[at + 1].focus();
    fields[at + 1].select?.();
    return;
  }
  const codes = split(form.elements.trace.value);
  const wanted = Number(parseQuantity(form.elements.quantity.value.trim()) || 1);
  if (event.target.name === "trace" && form.elements.pack.value === "" && codes.length > 0 && codes.length < wanted) {
    event.target.value = `${codes.join(" ")} `;
    return;
  }
  add(form);
}

export const split = (typed) => typed.split(/[\s,，;；]+/).filter(Boolean);

// add takes the entry into the bill, or says what is wrong with it.
function add(form) {
  const e = form.elements;
  const line = {
    code: e.code.value.trim(), name: e.name.value.trim(), class: e.class.value, trace_codes: split(e.trace.value),
    unit_price: parsePrice(e.price.value.trim()), quantity: parseQuantity(e.quantity.value.trim()),
  };
  if (e.pack.value) line[e.pack.value] = true; // no_code or split_pack
  if (e.units.value.trim()) line.units_per_pack = parseQuantity(e.units.value.trim());
  if (e.rx.checked) line.rx = true;
  const [field, fault] = faultOf(line);
  byId("entry-fault").textContent = fault;
  if (field) {
    e[field].focus();
    e[field].select?.();
    return;
  }
  line.total = text(lineTotal(line.quantity, line.unit_price));
  if (!line.trace_codes.length) delete line.trace_codes;
  addLines([line]);
  form.reset();
  packs(form);
  e.code.focus();
}

function faultOf(line) {
  const used = new Set(state.bill.lines.flatMap((l) => l.trace_codes || []));
  const twice = line.trace_codes.find((c, i) => used.has(c) || line.trace_codes.indexOf(c) !== i);
  if (!line.code) return ["code", t("needCode")];
  if (!line.name) return ["name", t("needName")];
  if (line.unit_price === null) return ["price", t("badPrice")];
  if (line.quantity === null) return ["quantity", t("badQuantity")];
  if (line.units_per_pack === null) return ["units", t("badUnits")];
  if (lineTotal(line.quantity, line.unit_price) > largest) return ["price", t("tooLarge")];
  if (twice) return ["trace", t("doubleTrace", { code: twice })];
  return ["", ""];
}

// change a line: back into the entry with it.
function reopen(line) {
  const e = byId("entry").elements;
  e.code.value = line.code;
  e.name.value = line.name;
  e.class.value = line.class;
  e.price.value = line.unit_price;
  e.quantity.value = line.quantity;
  e.trace.value = (line.trace_codes || []).join(" ");
  e.pack.value = line.no_code ? "no_code" : line.split_pack ? "split_pack" : "";
  packs(byId("entry"));
  e.units.value = line.units_per_pack || "";
  e.rx.checked = line.rx === true;
  edit((bill) => { bill.lines = bill.lines.filter((l) => l !== line); });
  e.quantity.focus();
  e.quantity.select();
}

export const className = (c) => (has(`class_${c}`) ? t(`class_${c}`) : c);

// draw shows the lines.
export function draw() {
  const bill = state.bill;
  const open = bill.stage === "edit";
  for (const option of byId("entry").elements.class.options) option.textContent = className(option.value);
  byId("entry").hidden = bill.stage === "done";
  for (const control of byId("entry").elements) control.disabled = !open;
  byId("bill-no").textContent = bill.lines.length ? `${t("itemCount", { n: bill.lines.length })} · ${bill.saleId}` : "";
  if (!bill.lines.length) {
    put(byId("lines"), h("p", { class: "empty" }, t("billEmpty")));
    return;
  }
  const head = h("thead", {}, h("tr", {}, h("th", { class: "num" }, ""), h("th", {}, t("name")), h("th", {}, t("class")),
    h("th", { class: "money" }, t("price")), h("th", { class: "money" }, t("quantity")), h("th", { class: "money" }, t("sum")), h("th", {}, "")));
  put(byId("lines"), h("table", {}, head, h("tbody", {}, bill.lines.map((line, i) => row(bill, line, i)))));
}

function row(bill, line, i) {
  const traces = (line.trace_codes || []).length;
  const back = bill.returned[line.id];
  return h("tr", {}, h("td", { class: "num" }, String(i + 1)),
    h("td", {}, h("span", { class: "item" }, line.name), h("span", { class: "muted small-text" }, line.code,
      ...["no_code", "split_pack"].filter((k) => line[k]).map((k) => ` · ${t(`pack_${k}`)}`),
      line.units_per_pack && ` · ${t("unitsAre", { n: line.units_per_pack })}`, line.rx && ` · ${t("rx")}`)),
    h("td", {}, h("span", { class: "tag" }, className(line.class)), traces > 0 && h("span", { class: "muted small-text block" }, t("traces", { n: traces }))),
    h("td", { class: "money" }, line.unit_price), h("td", { class: "money" }, line.quantity, back && h("span", { class: "back" }, t("returned", { n: back }))),
    h("td", { class: "money strong" }, show(line.total).slice(2)), h("td", { class: "row-tools" }, tools(bill, line)));
}

// tools are the buttons of a line: to change it before settling, to take it back after.
function tools(bill, line) {
  if (bill.stage === "done") {
    const left = minus(line.quantity, bill.returned[line.id] || "0");
    const over = ["reversed", "refunded"].includes(bill.settlement.state) || !less("0", left);
    return h("button", { type: "button", class: "small", id: `refund-${line.id}`, disabled: over, "aria-label": `${t("refundLine")} ${line.name}`, onclick: () => refund(bill, line, left) }, t("refundLine"));
  }
  const drop = () => edit((b) => { b.lines = b.lines.filter((l) => l !== line); });
  return bill.stage === "edit" && [
    h("button", { type: "button", class: "small", id: `edit-${line.id}`, "aria-label": `${t("edit")} ${line.name}`, onclick: () => reopen(line) }, t("edit")),
    h("button", { type: "button", class: "small", id: `remove-${line.id}`, "aria-label": `${t("remove")} ${line.name}`, onclick: drop }, t("remove")),
  ];
}
