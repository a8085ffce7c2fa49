// Everything that waits for a manager's decision. Closing an item records what was decided; it moves no money.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { operator } from "../bill.js";
import { byId, h, put } from "../dom.js";
import { show } from "../money.js";
import { button, choose, empty, named, panel, table, tag, told, view, when } from "../parts.js";
import { change } from "../store.js";
import { sure } from "../sure.js";
import { english, t } from "../words.js";

const list = asking();

export const attention = {
  id: "attention", manager: true,
  needs: ["GET /v1/attention", "POST /v1/attention/{id}"],
  build: () => [panel("attentionHead", "attention-list", button("refresh", () => look(true), { id: "attention-refresh" }))],
  enter: () => look(),
  heard(name) {
    if (name === "upstream" || name === "settlement") look(true);
  },
  draw() {
    put(byId("attention-list"), view(list, (answer) => (answer.items.length ? items(answer.items) : empty(t("attentionNone"), t("attentionNoneText")))));
  },
};

async function look(keep) {
  await list.run(api.attention, keep);
  if (list.answer) change((s) => { s.waiting = list.answer.items.length; });
}

function items(found) {
  return table(t("attentionHead"), [
    ["at", "muted", (a) => when(a.opened_at)],
    ["kind", "", (a) => tag(named(`attention_${a.kind}`, a.kind), a.kind === "unknown" ? "warn" : "bad")],
    ["what", "", (a) => h("div", {}, h("span", { class: "item wraps" }, told(a.message, `attentiontext_${a.kind}`)), " ", h("span", { class: "muted small-text" }, [a.holder, a.subject && named(`subject_${a.subject}`, a.subject), a.settlement_id, a.subject_id].filter(Boolean).join(" · ")), detail(a))],
    ["atStake", "money strong", (a) => (a.amount ? show(a.amount) : "")],
  ], found, (a) => [button("decide", () => decide(a), { look: "small", id: `decide-${a.id}`, "aria-label": `${t("decide")} ${a.id}` })]);
}

// detail is the centre's text, or both sides' figures one below the other.
function detail(a) {
  if (!a.detail) return null;
  let both = null;
  try { both = JSON.parse(a.detail); } catch { /* plain words */ }
  if (both === null || typeof both !== "object") return h("p", { class: "centre-word" }, a.detail);
  return h("dl", { class: "sides" }, Object.entries(both).flatMap(([name, value]) => [h("dt", {}, named(`side_${name}`, name)), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value))]));
}

function decide(a) {
  sure({
    title: t("decideTitle"), go: t("decideGo"), warn: (v) => (v.decision ? t("decideFollows") : t("decideWarn")),
    fields: [a.decisions?.length > 0 && choose("decision", "decision", a.decisions.map((d) => [d.decision, english() ? named(`decision_${d.decision}`, d.label) : d.label])), h("label", { class: "field wide-field" }, h("span", {}, t("decideNote")), h("textarea", { name: "note", maxlength: "500", rows: "3" }))],
    check: (v) => (v.note ? "" : t("decideNeed")),
    tell: (v) => [[t("what"), told(a.message, `attentiontext_${a.kind}`)], v.decision && [t("decision"), named(`decision_${v.decision}`, v.decision)], [t("subject"), [a.settlement_id, a.subject_id].filter(Boolean).join(" ")], [t("decideNote"), v.note], [t("operatorTitle"), [operator().id, operator().name].filter(Boolean).join(" ")]],
    send: (v) => api.closeAttention(a.id, { operator: operator(), note: v.note, ...(v.decision && { decision: v.decision }) }),
    done: () => look(true),
  });
}
