// Who stands at the counter: the patient, a guardian with a child, or somebody who buys for an absent patient, with both
// documents. Where there is an ID reader, the agent's identity card lies on it and is held against what was typed.

import { edit, goodNumber } from "./bill.js";
import { byId, put } from "./dom.js";
import { named, values } from "./parts.js";
import { state } from "./store.js";
import { t } from "./words.js";

// idReader is the ID reader of our till, or undefined.
const idReader = () => state.readers.find((r) => r.role === "id" && (!r.terminal || r.terminal === state.terminal));

// prescribed are the fields of a prescription, and what the API calls them.
const prescribed = [["rxNumber", "number"], ["rxDoctor", "doctor"], ["rxInstitution", "institution"], ["rxPatient", "patient_id_number"]];

// prescription is what was written down of one, or null.
function prescription(v) {
  const said = Object.fromEntries(prescribed.filter(([field]) => v[field]).map(([field, member]) => [member, v[field]]));
  if (v.rxElectronic) said.electronic = true;
  return Object.keys(said).length ? said : null;
}

export function setUp() {
  const form = byId("presenter").querySelector("form");
  form.addEventListener("submit", (event) => { event.preventDefault(); take(form); });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "SELECT") return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.elements.who.addEventListener("change", () => steps(form));
}

// open shows what is set for the bill.
export function open() {
  if (state.bill.stage !== "edit") return;
  const form = byId("presenter").querySelector("form"), e = form.elements, p = state.bill.presenter;
  e.who.value = p.who;
  e.face.checked = p.face;
  for (const name of ["number", "name", "phone", "relation", "reason", "signature"]) e[name].value = p.agent?.[name] || "";
  e.principal.checked = e.agent.checked = p.agent !== null;
  for (const [field, member] of prescribed) e[field].value = state.bill.prescription?.[member] || "";
  e.rxElectronic.checked = state.bill.prescription?.electronic === true;
  byId("presenter-fault").textContent = "";
  steps(form);
  byId("presenter").showModal();
  e.who.focus();
}

function steps(form) {
  byId("presenter-agent").hidden = form.elements.who.value !== "proxy";
  draw();
}

// draw shows what lies on the ID reader while the window is open.
export function draw() {
  const r = idReader(), place = byId("presenter-reader");
  place.hidden = !r;
  if (!r) return;
  if (place.dataset.state !== r.state) byId("presenter-fault").textContent = ""; // what was wrong may be right now
  place.dataset.state = r.state;
  put(place, r.state === "present" ? t("agentOnReader", { name: r.card?.holder || "" }) : r.state === "down" ? t("agentReaderDown") : t("agentPutCard", { state: named(`at_${r.state}`, r.state) }));
}

function take(form) {
  const v = values(form), r = idReader();
  const proxy = v.who === "proxy", number = v.number.toUpperCase();
  v.rxPatient = v.rxPatient.toUpperCase();
  const fault = !goodNumber(v.rxPatient) ? t("patientBad") : !proxy ? "" : !number || !goodNumber(number) ? t("patientBad") : !v.name ? t("agentName") : r && r.state !== "present" && r.state !== "down" ? t("agentCardFirst") : "";
  byId("presenter-fault").textContent = fault;
  if (fault) return;
  const agent = proxy ? { number, name: v.name, phone: v.phone, relation: v.relation, reason: v.reason, signature: v.signature, principal: v.principal, agent: v.agent, seq: r?.state === "present" ? r.seq : 0 } : null;
  edit((bill) => { Object.assign(bill, { presenter: { who: v.who, face: v.face, agent }, prescription: prescription(v) }); });
  byId("presenter").close();
}

// label names who stands there, for the button that opens the window.
export function label(bill) {
  const { who, agent } = bill.presenter;
  const name = who === "proxy" ? t("who_proxyNamed", { name: agent.name }) : t(`who_${who}`);
  return bill.prescription ? `${name} · ${t("rxIs")}` : name;
}
