// The bill's lines and the entry below them.

import { addLines, edit, tokens } from "./bill.js";
import { byId, h, put } from "./dom.js";
import { less, lineTotal, minus, parsePrice, parseQuantity, show, text } from "./money.js";
import { state } from "./store.js";
import { has, t } from "./words.js";

const classes = ["drug_a", "drug_b", "drug_out", "tcm_slices", "device_reg", "consumable", "service_in", "service_out",
  "vaccine_other", "health_food", "cosmetic", "food", "daily"];

const largest = 99_999_999_999n; // fen; nine digits of yuan

let refund = () => {};

// setUp wires the entry. giveBack asks for the return of a line.
export function setUp(giveBack) {
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
  const codes = tokens(form.elements.trace.value);
  const wanted = Number(parseQuantity(form.elements.quantity.value.trim()) || 1);
  if (event.target.name === "trace" && form.elements.pack.value === "" && codes.length > 0 && codes.length < wanted) {
    event.target.value = `${codes.join(" ")} `;
    return;
  }
  add(form);
}

// add takes the entry into the bill, or says what is wrong with it.
function add(form) {
  const e = form.elements;
  const line = {
    code: e.code.value.trim(), name: e.name.value.trim(), class: e.class.value, trace_codes: tokens(e.trace.value),
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

const className = (c) => (has(`class_${c}`) ? t(`class_${c}`) : c);

let drawn = 0; // lines at the last look

// draw shows the lines, and in a long bill the one that has just come.
export function draw() {
  const bill = state.bill;
  const open = bill.stage === "edit";
  for (const option of byId("entry").elements.class.options) option.textContent = className(option.value);
  byId("entry").hidden = bill.stage === "done";
  for (const control of byId("entry").elements) control.disabled = !open;
  byId("bill-no").textContent = bill.lines.length ? `${t("itemCount", { n: bill.lines.length })} · ${bill.saleId}` : "";
  const more = bill.lines.length > drawn;
  drawn = bill.lines.length;
  if (!bill.lines.length) {
    put(byId("lines"), h("p", { class: "empty" }, t("billEmpty")));
    return;
  }
  const head = h("thead", {}, h("tr", {}, h("th", { class: "num" }, ""), h("th", {}, t("name")), h("th", {}, t("class")),
    h("th", { class: "money" }, t("price")), h("th", { class: "money" }, t("quantity")), h("th", { class: "money" }, t("sum")), h("th", {}, "")));
  put(byId("lines"), h("table", {}, head, h("tbody", {}, bill.lines.map((line, i) => row(bill, line, i)))));
  if (more) byId("lines").scrollTop = byId("lines").scrollHeight;
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
