// The bill: what it holds, how it is changed, and what the API is asked about it. How it looks is entry.js.

import { fen } from "./money.js";
import { change, state } from "./store.js";

// medPharmacy is the kind of treatment of a sale at a counter (定点药店购药).
const medPharmacy = "41";

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
    ...presented(bill),
  };
  const patient = {};
  if (bill.patient.id_number) patient.id_number = bill.patient.id_number;
  if (bill.patient.name) patient.name = bill.patient.name;
  if (Object.keys(patient).length) body.patient = patient;
  if (bill.prescription) body.prescription = bill.prescription;
  return body;
}

// presented is what the API is told of who stands at the counter.
function presented(bill) {
  const { who, face, agent } = bill.presenter, body = {};
  if (face) body.person_check = "face";
  if (who === "guardian") body.presenter = { patient_present: true, guardian: true };
  if (who === "proxy") {
    body.proxy = { agent: { id_number: agent.number, name: agent.name }, documents: [agent.principal && "principal_id", agent.agent && "agent_id"].filter(Boolean) };
    for (const name of ["phone", "relation"]) if (agent[name]) body.proxy.agent[name] = agent[name];
    for (const name of ["reason", "signature"]) if (agent[name]) body.proxy[name] = agent[name];
    if (agent.seq) body.proxy.id_reader_seq = agent.seq;
  }
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

let touched = () => {};

// onEdit takes what is called after every change of what a quote depends on.
export function onEdit(changed) { touched = changed; }

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

// tokens are the codes in what was typed or scanned into one field.
export const tokens = (typed) => typed.split(/[\s,，;；]+/).filter(Boolean);
