// The strip that says what is in the reader, large enough to be read at arm's length.

import { goodNumber, edit } from "./bill.js";
import { byId, h, put } from "./dom.js";
import { besides, present, reader, state } from "./store.js";
import { english, has, t } from "./words.js";

let drawn = "";

// setUp makes the strip: the state on the left, the patient on the right. Only the state is drawn again.
export function setUp() {
  const number = h("input", { id: "patient-number", "data-hint": "patientHint", maxlength: "18", autocomplete: "off", spellcheck: "false", "aria-describedby": "patient-fault" });
  const name = h("input", { id: "patient-name", "data-hint": "optional", maxlength: "50", autocomplete: "off" });
  const take = () => {
    const id = number.value.trim().toUpperCase();
    const good = goodNumber(id);
    byId("patient-fault").textContent = good || id.length < 18 ? "" : t("patientBad");
    const patient = { id_number: good ? id : "", name: name.value.trim() };
    const before = state.bill.patient;
    if (before.id_number !== patient.id_number || before.name !== patient.name) edit((bill) => { bill.patient = patient; });
  };
  number.addEventListener("input", take);
  name.addEventListener("change", take);
  put(byId("card"), h("div", { class: "card-state", id: "card-state" }),
    h("div", { class: "patient" },
      h("label", {}, h("span", { "data-t": "patientNumber" }), number), h("label", {}, h("span", { "data-t": "patientName" }), name),
      h("p", { class: "fault", id: "patient-fault", role: "alert" })));
}

// clear empties the patient for a new bill.
export function clear() {
  byId("patient-number").value = "";
  byId("patient-name").value = "";
  byId("patient-fault").textContent = "";
}

// draw shows the state; it leaves the page alone when nothing changed, so that a screen reader does not repeat itself.
export function draw() {
  const [look, title, text] = words();
  byId("patient-number").disabled = byId("patient-name").disabled = state.bill.stage !== "edit";
  const now = [look, title, text].join("\n");
  if (now === drawn) return;
  drawn = now;
  byId("card").dataset.state = look;
  put(byId("card-state"), h("div", { class: "chip-card", "aria-hidden": "true" }, h("i")), h("div", {}, h("p", { class: "card-title" }, title), h("p", { class: "card-text" }, text)));
}

// words are the look, the large text and the small text.
function words() {
  const r = reader();
  if (state.phase === "down") return ["lost", t("lostTitle"), t("lostText")];
  if (state.phase === "connecting" || !state.readers.length) return ["wait", t("waitTitle"), ""];
  const other = r?.state === "present" ? null : present();
  if (other) return ["present", other.kind === "evoucher" ? t("kind_evoucher") : `${other.holder}　${t("kind_id")}`, t("presentText")];
  if (!r) return beside(besides());
  const fault = r.fault?.message && (!english() || r.state === "fault") ? r.fault.message : "";
  switch (r.state) {
    case "present": {
      const kind = has(`kind_${r.card?.kind}`) ? t(`kind_${r.card.kind}`) : "";
      return ["present", `${r.card?.holder || ""}　${kind}`, [r.card?.number, t("presentText")].filter(Boolean).join(" · ")];
    }
    case "reading": return ["reading", t("readingTitle"), t("readingText")];
    case "fault": return ["fault", t("faultTitle"), fault];
    case "down": return ["down", t("downTitle"), fault || t("downText")];
    default: return state.removed && state.bill.lines.length && state.bill.stage === "edit"
      ? ["removed", t("removedTitle"), t("absentTitle")] : ["absent", t("absentTitle"), t("absentText")];
  }
}

// beside are the words where there is no card reader: the patient shows a 医保码, or an identity card.
function beside(r) {
  if (r.state === "down") return ["down", t("downTitle"), r.fault?.message || t("downText")];
  if (r.state === "fault") return ["fault", r.role === "scanner" ? t("scanFault") : t("faultTitle"), r.fault?.message || ""];
  return r.role === "scanner" ? ["absent", t("scanTitle"), t("scanText")] : ["absent", t("idTitle"), t("absentText")];
}
