// The accounts behind the card in the reader, the bindings of its holder, and what is asked of the centre about them. Every
// request is checked by the daemon against the region's policy first; it counts when the centre has confirmed it.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { goodNumber, newId, operator } from "../bill.js";
import { byId, h, put } from "../dom.js";
import { fileButtons, saveFrom } from "../files.js";
import * as guide from "../guide.js";
import { fen, parsePrice, show } from "../money.js";
import { button, choose, empty, field, named, panel, table, tag, tick, todayText, told, view, when } from "../parts.js";
import { giver } from "../split.js";
import { present, reader, state } from "../store.js";
import { sure } from "../sure.js";
import { english, t } from "../words.js";

const money = asking(), bound = asking(), used = asking(), before = asking();
const topics = ["binding", "unbinding", "sharing", "hotline"];

let said = () => ""; // what the last request has come to, in the language of the moment

// relations are what the beneficiary can be to the giver.
const relations = ["spouse", "parent", "child", "sibling", "paternal_grandparent", "maternal_grandparent", "son_grandchild", "daughter_grandchild", "spouse_parent"];

export const accounts = {
  id: "accounts",
  needs: ["GET /v1/people/me/accounts", "GET /v1/people/me/bindings", "POST /v1/bindings"],
  build() {
    return [
      h("section", { class: "panel holder", id: "holder", "aria-live": "polite" }),
      h("p", { class: "note returned", id: "asked", role: "status", hidden: true }),
      h("div", { class: "columns" }, panel("accountsHead", "accounts-list"), h("section", { class: "panel part", id: "accounts-guide", hidden: true })),
      panel("bindingsHead", "bindings-list", button("bindNew", bind, { id: "bind-new", look: "primary" })),
      panel("householdsHead", "households"), panel("requestsHead", "requests-list"),
      ...(state.routes.has("GET /v1/people/me/statement") ? [panel("statementHead", "statement", button("statementShow", lookBack, { id: "statement-show" }), ...fileButtons("statement", fetchStatement))] : []),
      ...(state.routes.has("GET /v1/people/me/history") ? [panel("historyHead", "history", button("historyShow", () => before.run(() => api.history(state.terminal)), { id: "history-show" }))] : []),
    ];
  },
  enter() {
    said = () => "";
    guide.ask();
    load();
  },
  card() {
    said = () => "";
    load();
  },
  heard(name) {
    if (name === "upstream" || name === "settlement") load(true);
  },
  draw,
};

// load asks about the card in the reader; without one nobody's money is shown.
function load(keep = false) {
  if (!keep) { // another card
    used.clear();
    before.clear();
  }
  if (!present()) {
    money.clear();
    bound.clear();
    return;
  }
  money.run(() => api.accounts(state.terminal), keep);
  bound.run(() => api.bindings(state.terminal), keep);
}

function draw() {
  drawHolder();
  byId("asked").textContent = said();
  byId("asked").hidden = !said();
  put(byId("accounts-list"), present() ? view(money, accountTable) : noCard());
  put(byId("bindings-list"), present() ? view(bound, (b) => bindingTable(b.bindings)) : empty(t("cardFirst")));
  byId("households").parentElement.hidden = !bound.answer?.households?.length;
  put(byId("households"), bound.answer?.households?.length ? households(bound.answer.households) : []);
  put(byId("requests-list"), view(bound, (b) => requestTable(b.requests)) || empty(t("requestsNone")));
  byId("bind-new").disabled = reader()?.state !== "present";
  guide.show("accounts-guide", topics);
  drawLooks();
}

// drawLooks draws what is shown on request only.
function drawLooks() {
  if (byId("history")) {
    byId("history-show").disabled = reader()?.state !== "present";
    put(byId("history"), view(before, history) || h("p", { class: "muted" }, t("historyAsk")));
  }
  if (!byId("statement")) return;
  for (const id of ["statement-show", "statement-xlsx", "statement-pdf", "statement-csv"]) byId(id).disabled = reader()?.state !== "present";
  put(byId("statement"), view(used, statement) || h("p", { class: "muted" }, t("statementAsk")));
}

// lookBack asks for the holder's statement, only when it is wanted: each look is remembered.
const lookBack = () => used.run(() => api.statement(state.terminal, todayText(-365)));
const fetchStatement = (format) => saveFrom("statement", (progress) => api.statementFile(state.terminal, todayText(-365), format, progress));

function statement(s) {
  if (!s.entries.length) return empty(t("statementNone"));
  return h("div", { class: "stack" }, h("p", { class: "strong" }, t("statementSums", { own: show(s.own_paid), given: show(s.given), received: show(s.received) })),
    table(t("statementHead"), [
      ["at", "muted", (e) => when(e.at)], ["what", "", (e) => [told(e.kind_text, `used_${e.kind}`), e.other].filter(Boolean).join(" ")], ["content", "", (e) => e.items || ""], ["receipt", "muted small-text", (e) => e.receipt_no],
      ["total", "money", (e) => show(e.total)], ["paidOwn", "money strong", (e) => show(e.paid)], ["balanceAfter", "money", (e) => (e.balance_after === undefined ? "" : show(e.balance_after))],
    ], s.entries));
}

// history lists what the centre said of the holder before. Numbers are not shown, only whether one has changed.
function history(answer) {
  if (!answer.changes.length) return empty(t("historyNone"));
  return table(t("historyHead"), [
    ["validity", "muted", (c) => `${when(c.from)} ${t("until")} ${when(c.until)}`], ["whose", "", (c) => h("span", { class: "item" }, c.name)],
    ["insurance", "", (c) => named(`insurance_${c.insurance}`, c.insurance)], ["status", "", (c) => status(c.status)], ["area", "", (c) => c.area],
    ["change", "", (c) => [c.number_changed && t("numberChanged"), c.name_changed && t("nameChanged")].filter(Boolean).join(" · ")],
  ], answer.changes);
}

const noCard = () => empty(t("cardFirst"));

function drawHolder() {
  const card = present();
  byId("holder").dataset.state = card ? "present" : "absent";
  put(byId("holder"), h("div", { class: "chip-card", "aria-hidden": "true" }, h("i")), h("div", {},
    h("p", { class: "card-title" }, card ? card.holder || named(`kind_${card.kind}`, card.kind) : t("cardFirst")),
    h("p", { class: "card-text" }, card ? [named(`kind_${card.kind}`, card.kind), card.number].filter(Boolean).join(" · ") : t("cardFirstText"))));
}

const status = (s) => tag(named(`status_${s}`, s), s === "normal" || s === "active" ? "good" : "warn");

function accountTable(answer) {
  if (!answer.accounts.length) return empty(t("accountsNone"));
  return table(t("accountsHead"), [
    ["order", "num", (a) => (a.source === "own" ? "" : String(a.rank || ""))],
    ["whose", "", (a) => h("span", { class: "item" }, a.source === "own" ? `${t("ownShort")} ${a.holder}` : giver(a))],
    ["status", "", (a) => status(a.status)],
    ["available", "money strong", (a) => (a.available === undefined ? h("span", { class: "muted small-text" }, t("notShown")) : show(a.available))],
    ["asOf", "muted small-text", (a) => when(a.as_of)],
  ], answer.accounts);
}

function bindingTable(list) {
  if (!list.length) return empty(t("bindingsNone"), t("bindingsNoneText"));
  return table(t("bindingsHead"), [
    ["role", "", (b) => tag(t(`role_${b.role}`), b.role === "giver" ? "good" : "")],
    ["other", "", (b) => h("span", { class: "item" }, b.role === "giver" ? [named(`relation_${b.relation}`, b.relation), b.other].join(" ") : giver({ relation: b.relation, holder: b.other }))],
    ["order", "num", (b) => String(b.rank)],
    ["validity", "", (b) => `${b.valid_from} ${t("until")} ${b.valid_to || t("openEnd")}`],
    ["limit", "money", limit],
    ["status", "", (b) => h("div", {}, status(b.state), b.message && h("span", { class: "small-text block" }, (english() && b.message_en) || b.message), b.auth_method && h("span", { class: "muted small-text block" }, t("authIs", { how: named(`auth_${b.auth_method}`, b.auth_method) })))],
  ], list, (b) => b.state !== "ended" && [
    small("reorder", b, () => reorder(b)), b.role === "giver" && small("setLimit", b, () => setLimit(b)), small("endIt", b, () => end(b)),
  ]);
}

const small = (key, b, act) => button(key, act, { look: "small", id: `${key}-${b.binding_id}`, "data-row": JSON.stringify(b), "aria-label": `${t(key)} ${b.other}` });

function limit(b) {
  if (b.quota) return t("usedOf", { used: show(b.quota.used), all: show(b.quota.total) });
  if (!b.limit) return b.role === "giver" ? t("noLimit") : "";
  return `${t("usedOf", { used: show(b.limit.used), all: show(b.limit.amount) })} ${t(`limit_${b.limit.scope}`)}`;
}

// households are the networks (家庭共济网) that the holder belongs to: who holds each, and its members as far as they may be seen.
function households(list) {
  return table(t("householdsHead"), [
    ["bindNetwork", "", (x) => h("span", { class: "item" }, x.network)], ["networkHolder", "", (x) => h("div", {}, x.holder, " ", tag(t(`household_${x.role}`), x.role === "holder" ? "good" : ""))],
    ["networkMembers", "", (x) => x.members.map((m) => `${m.name}（${named(`relation_${m.relation}`, m.relation)}）`).join("，")],
  ], list);
}

function requestTable(list) {
  if (!list.length) return empty(t("requestsNone"));
  return table(t("requestsHead"), [
    ["at", "muted", (r) => when(r.at)],
    ["what", "", (r) => h("span", { class: "item" }, named(`action_${r.action}`, r.action))],
    ["whose", "", (r) => `${r.giver} → ${r.beneficiary}`],
    ["content", "", content],
    ["centreSays", "", (r) => h("span", {}, tag(named(`request_${r.state}`, r.state), { confirmed: "good", refused: "bad" }[r.state] || "warn"), " ", r.answer || told(r.message, `requesttext_${r.state}`))],
  ], list);
}

const content = (r) => [r.rank && t("rankIs", { n: r.rank }), r.limit && t("limitIs", { amount: show(r.limit) }), r.valid_to && `${t("until")} ${r.valid_to}`,
  r.end_reason && named(`end_${r.end_reason}`, r.end_reason)].filter(Boolean).join(" · ");

// steps are the two steps of a request: where the daemon can, it checks everything first and gives a digest of what was shown,
// so that nothing else than that is sent.
function steps(route, request, send) {
  return {
    look: state.routes.has(`preview ${route}`) ? (v) => send({ ...request(v), preview: true }) : undefined,
    send: (v, seen) => send({ ...request(v), ...(seen?.confirm_digest && { confirm_digest: seen.confirm_digest }) }),
  };
}

const read = (v) => (v.notice ? { notice: v.notice } : {});

// basics are what every request carries; the id is made once, when the window opens.
const basics = (id) => ({ request_id: id, terminal: state.terminal, operator: operator() });

function done(answer) {
  said = () => `${told(answer.message, `requesttext_${answer.state}`)} ${t("requestNo", { id: answer.request_id })}`;
  load(true);
}

const holder = () => present()?.holder || "";

function bind() {
  const id = newId("B");
  sure({
    title: t("bindTitle"), go: t("sendRequest"), done, warn: t("bindWarn"),
    fields: [
      field("bindNumber", "number", { maxlength: "18", required: true }), field("bindName", "name", { maxlength: "50", required: true }),
      choose("bindRelation", "relation", relations.map((r) => [r, "", `relation_${r}`])), field("bindRank", "rank", { inputmode: "numeric", maxlength: "2" }),
      field("bindLimit", "limit", { inputmode: "decimal", maxlength: "13" }), field("bindTo", "to", { type: "date" }), field("bindPhone", "phone", { maxlength: "20", inputmode: "tel", "data-hint": "optional" }), field("bindHousehold", "household", { maxlength: "32", "data-hint": "optional" }),
      field("bindAddress", "address", { maxlength: "200", "data-hint": "optional" }), field("bindNetwork", "network", { maxlength: "32", "data-hint": "optional" }), tick("commitment", "commitment"),
    ],
    check: (v) => {
      if (!v.number || !goodNumber(v.number.toUpperCase())) return t("patientBad");
      if (!v.name) return t("needPerson");
      return rankFault(v.rank, true) || limitFault(v.limit, true);
    },
    tell: (v) => [
      [t("what"), t("action_bind")], [t("giverIs"), holder()], [t("beneficiaryIs"), `${v.name} ${v.number.toUpperCase()}`],
      [t("relationIs"), t("relationTold", { giver: holder(), name: v.name, relation: t(`relation_${v.relation}`) })],
      [t("order"), v.rank || t("centreDecides")], [t("limit"), v.limit ? show(parsePrice(v.limit)) : t("noLimit")], [t("validTo"), v.to || t("asPolicy")],
      (v.phone || v.household || v.address) && [t("contactTold"), [v.phone, v.household, v.address].filter(Boolean).join(" · ")], v.network && [t("bindNetwork"), v.network],
      [t("commitment"), v.commitment ? t("yes") : t("no")],
    ],
    ...steps("POST /v1/bindings", (v) => ({
      ...basics(id), beneficiary: { id_number: v.number.toUpperCase(), name: v.name }, relation: v.relation, commitment: v.commitment,
      ...(v.rank && { rank: Number(v.rank) }), ...(v.limit && { limit: parsePrice(v.limit) }), ...(v.to && { valid_to: v.to }), ...(v.network && { network: v.network }), ...contact(v), ...read(v),
    }), api.bind),
  });
}

// contact is what was said of the relative's phone and household, where anything was.
function contact(v) {
  const said = { ...(v.phone && { phone: v.phone }), ...(v.household && { household_number: v.household }), ...(v.address && { household_address: v.address }) };
  return Object.keys(said).length ? { contact: said } : {};
}

function rankFault(text, optional) {
  if (text === "" && optional) return "";
  return /^[1-9]\d?$/.test(text) ? "" : t("rankBad");
}

function limitFault(text, optional) {
  if (text === "" && optional) return "";
  const price = parsePrice(text);
  return price !== null && fen(price) !== null ? "" : t("amountBad");
}

function reorder(b) {
  const id = newId("B");
  sure({
    title: t("reorderTitle", { name: b.other }), go: t("sendRequest"), done,
    fields: [field("newRank", "rank", { inputmode: "numeric", maxlength: "2" })],
    check: (v) => rankFault(v.rank),
    tell: (v) => [[t("what"), t("action_reorder")], [t("other"), b.other], [t("order"), t("fromTo", { from: b.rank, to: v.rank })]],
    warn: t("requestWarn"),
    ...steps("PATCH /v1/bindings/{id}", (v) => ({ ...basics(id), rank: Number(v.rank) }), (request) => api.changeBinding(b.binding_id, request)),
  });
}

function setLimit(b) {
  const id = newId("B");
  sure({
    title: t("limitTitle", { name: b.other }), go: t("sendRequest"), done,
    fields: [field("newLimit", "limit", { inputmode: "decimal", maxlength: "13" }), tick("liftLimit", "none")],
    check: (v) => (v.none ? "" : limitFault(v.limit)),
    tell: (v) => [[t("what"), t("action_limit")], [t("beneficiaryIs"), b.other],
      [t("limit"), t("fromTo", { from: b.limit ? show(b.limit.amount) : t("noLimit"), to: v.none ? t("noLimit") : show(parsePrice(v.limit)) })]],
    warn: t("requestWarn"),
    ...steps("PATCH /v1/bindings/{id}", (v) => ({ ...basics(id), ...(v.none ? { no_limit: true } : { limit: parsePrice(v.limit) }) }), (request) => api.changeBinding(b.binding_id, request)),
  });
}

function end(b) {
  const id = newId("B");
  sure({
    title: t("endTitle", { name: b.other }), go: t("endGo"), danger: true, done, warn: t("endWarn"),
    fields: [choose("endReason", "reason", ["other", "divorce", "death"].map((r) => [r, "", `end_${r}`]))],
    tell: (v) => [[t("what"), t("action_unbind")], [t("other"), b.other], [t("endReason"), t(`end_${v.reason}`)]],
    ...steps("DELETE /v1/bindings/{id}", (v) => ({ ...basics(id), end_reason: v.reason, ...read(v) }), (request) => api.endBinding(b.binding_id, request)),
  });
}
