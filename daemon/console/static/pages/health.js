// Everything that can go wrong at the counter, each with its cause and what to do: the service, the readers, the centre.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { byId, h, put } from "../dom.js";
import { warnings } from "../chips.js";
import { fen, show } from "../money.js";
import { button, empty, facts, named, panel, table, tag, told, when } from "../parts.js";
import { state, terminalOf } from "../store.js";
import { age } from "../split.js";
import { sure } from "../sure.js";
import { t } from "../words.js";

const wire = asking();

// ask fetches how the way to the centre stands, where the daemon tells.
const ask = (keep) => { if (state.routes.has("GET /v1/upstream")) wire.run(api.upstream, keep); };

export const health = {
  id: "health", needs: [],
  build: () => [h("section", { class: "panel part verdict", id: "verdict", role: "status" }), panel("warnings", "health-warnings"), panel("centreHead", "health-centre"), panel("limitsHead", "health-limits"), panel("readersHead", "health-readers")],
  enter: () => ask(false),
  heard: (name) => { if (name === "upstream" || name === "settlement") ask(true); },
  draw,
};

function draw() {
  const { ready, warnings: list } = state.health;
  const look = state.phase !== "up" || !ready ? "bad" : list.length ? "warn" : "good";
  byId("verdict").dataset.look = look;
  put(byId("verdict"), h("p", { class: "card-title" }, state.phase !== "up" ? t("lostTitle") : t(`verdict_${look}`)), h("p", {}, t(`advice_${look}`)));
  put(byId("health-warnings"), list.length ? warnings() : empty(t("noWarnings")));
  put(byId("health-centre"), centre());
  const detail = wire.answer?.detail;
  byId("health-limits").parentElement.hidden = !detail;
  if (detail) put(byId("health-limits"), limits(detail));
  put(byId("health-readers"), state.readers.length ? readers() : empty(t("readersNone")));
}

// seconds reads a duration as the daemon writes it: 72h0m0s.
const seconds = (text) => [...text.matchAll(/(\d+)([hms])/g)].reduce((all, [, n, unit]) => all + Number(n) * { h: 3600, m: 60, s: 1 }[unit], 0);

// limits are the offline limits with what of each is used.
function limits(d) {
  if (!d.limits.length) return empty(t("noLimits"));
  const amount = (l, text) => ({ yuan: () => show(text), duration: () => age(seconds(text)) }[l.unit] || (() => text))();
  return table(t("limitsHead"), [
    ["limitName", "", (l) => h("div", {}, h("span", { class: "item" }, told(l.name, `limit_${l.limit.slice("offline.".length)}`)), h("span", { class: "muted small-text block" }, l.limit))],
    ["allowed", "money", (l) => amount(l, l.allowed)], ["used", "money strong", (l) => (l.used === undefined ? h("span", { class: "muted" }, t("eachSale")) : amount(l, l.used))],
    ["", "", (l) => (l.percent === undefined ? "" : h("meter", { min: "0", max: "100", high: "80", optimum: "0", value: String(Math.min(100, l.percent)), "aria-label": `${l.percent}%` }, `${l.percent}%`))],
  ], d.limits);
}

// line lists what the daemon knows of the line, for a manager.
function line(d) {
  const reports = (r) => t("countAmount", { n: r.count, amount: show(r.amount) });
  return [
    [t("unsent"), reports(d.unsent)], [t("unknownReports"), reports(d.unknown)], d.oldest_unsent && [t("oldestIs"), when(d.oldest_unsent)],
    [t("atRiskNow"), h("strong", { class: fen(d.at_risk) > 0n ? "bad-text" : "" }, show(d.at_risk))], [t("allowancesNow"), h("span", {}, show(d.allowances), " ", fen(d.allowances) > 0n && button("allowancesBack", giveBack, { look: "small", id: "allowances-back" }))],
    [t("ledgerAtIs"), d.ledger_at ? `${when(d.ledger_at)} (${t("ledgerAgo", { age: age(d.ledger_age) })})` : t("notTold")], [t("feedIs"), named(`feed_${d.feed}`, d.feed)],
  ];
}

// giveBack returns what the centre guarantees this venue, for one that closes for long.
function giveBack() {
  sure({
    title: t("allowancesBack"), go: t("allowancesGo"), danger: true, warn: t("allowancesWarn"),
    tell: () => [[t("what"), t("allowancesBack")], [t("allowancesNow"), show(wire.answer.detail.allowances)]],
    send: api.returnAllowances, done: () => ask(true),
  });
}

// centre is what this page has heard of the line, of reports that wait, and of the last quote.
function centre() {
  const { upstream, lastQuote: quote } = state, counted = (n) => (upstream ? t("reportsAre", { n }) : t("notTold"));
  const offline = upstream?.offline ?? state.offline;
  if (wire.answer?.detail) return facts([[t("wire"), tag(told(wire.answer.text, `wire_${wire.answer.state}`), wire.answer.state === "online" ? "good" : "warn")], ...line(wire.answer.detail)], "two");
  return facts([
    [t("wire"), tag(offline ? t("offline") : t("online"), offline ? "warn" : "good")], [t("unsent"), counted(upstream?.unsent)], [t("unknownReports"), counted(upstream?.unknown)],
    [t("ledgerLast"), quote ? t("ledgerAgo", { age: age(quote.ledger_age_s) }) : t("notTold")], quote && [t("riskLast"), show(quote.at_risk || "0.00")],
  ], "two");
}

function readers() {
  return table(t("readersHead"), [
    ["readerRole", "", (r) => h("span", { class: "item" }, named(`reader_${r.role || "card"}`, r.role))],
    ["deviceName", "", (r) => r.name], ["terminal", "", (r) => terminalOf(r)], ["readerKind", "", (r) => r.kind],
    ["state", "", (r) => tag(named(`at_${r.state}`, r.state), { down: "bad", fault: "warn" }[r.state] || "good")],
    ["since", "muted", (r) => (r.since.startsWith("0001") ? "" : when(r.since))],
    ["content", "", (r) => r.fault?.message || r.card?.holder || ""],
  ], state.readers);
}
