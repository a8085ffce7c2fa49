// Which page is shown. The counter is always there; every other page is offered only where the daemon has the routes that
// it needs and, for a manager's pages, where the token is a manager's. So there is no entry that leads nowhere.

import * as api from "./api.js";
import { byId, h, put } from "./dom.js";
import { accounts } from "./pages/accounts.js";
import { attention } from "./pages/attention.js";
import { audit } from "./pages/audit.js";
import { guidance } from "./pages/guidance.js";
import { health } from "./pages/health.js";
import { imports } from "./pages/imports.js";
import { premium } from "./pages/premium.js";
import { reconcile } from "./pages/reconcile.js";
import { records } from "./pages/records.js";
import { reports } from "./pages/reports.js";
import { today } from "./pages/today.js";
import { change, state } from "./store.js";
import { labels, t } from "./words.js";

// A page has an id, the routes it needs, manager where only a manager may use it, build (its elements, once a visit), and
// any of enter, draw, card (another card is in the reader) and heard (an event came).
const all = [today, accounts, premium, records, reports, reconcile, attention, audit, imports, guidance, health];

const counter = { id: "counter", needs: [] };

let offered = [counter];
let current = counter;

// discover asks the daemon what it can do and what this token may do, and offers the pages that work.
export async function discover() {
  let routes, waiting;
  try {
    routes = await api.routes();
    waiting = await api.waiting();
  } catch (error) {
    if (error instanceof api.Lost || error instanceof api.Problem) return; // the connection's end is told elsewhere
    throw error;
  }
  const manager = waiting !== null;
  change((s) => Object.assign(s, { manager, routes, waiting: waiting || 0 }));
  offered = [counter, ...all.filter((p) => p.needs.every((r) => routes.has(r)) && (manager || !p.manager))];
  if (!offered.includes(current)) go("counter");
  change();
}

// lookAtWork counts again what waits for a manager.
export async function lookAtWork() {
  if (!state.manager) return;
  try {
    const waiting = await api.waiting();
    if (waiting !== state.waiting) change((s) => { s.waiting = waiting || 0; });
  } catch (error) {
    if (!(error instanceof api.Lost || error instanceof api.Problem)) throw error;
  }
}

// go shows a page.
export function go(id) {
  const page = offered.find((p) => p.id === id) || counter;
  const fresh = page !== current;
  current = page;
  byId("counter").hidden = page !== counter;
  byId("page").hidden = page === counter;
  if (fresh) {
    byId("page").replaceChildren(...(page.build ? [h("div", { class: "page-head" }, h("h1", { id: "page-title", tabindex: "-1" }, t(`page_${page.id}`))), ...page.build()] : []));
    byId("page").scrollTop = 0;
    labels();
    if (page !== counter) byId("page-title").focus(); // a screen reader says where one has come; a page may move it on
    page.enter?.();
  }
  change();
}

// at reports whether a page is the one that shows.
export const at = (id) => current.id === id;

// onCard and onEvent hand on what happened to the page that shows.
export const onCard = () => current.card?.();
export const onEvent = (name, data) => current.heard?.(name, data);

// focusMenu puts the focus on the menu's entry of the page that shows.
export const focusMenu = () => byId(`go-${current.id}`)?.focus();

// setUp wires the menu's keys: the arrows move, Enter and Space open.
export function setUp() {
  byId("menu").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const entries = [...byId("menu").querySelectorAll("button")];
    entries[(entries.indexOf(document.activeElement) + step + entries.length) % entries.length].focus();
  });
}

export function draw() {
  byId("menu").hidden = offered.length < 2;
  put(byId("menu"), offered.map((p) => h("button", {
    type: "button", class: "menu-entry", id: `go-${p.id}`, "aria-current": p === current ? "page" : null, tabindex: p === current ? "0" : "-1",
    onclick: () => go(p.id),
  }, h("span", {}, t(`page_${p.id}`)), badge(p))));
  if (current === counter) return;
  byId("page-title").textContent = t(`page_${current.id}`);
  current.draw?.();
}

// badge counts what waits on a page.
function badge(page) {
  const n = { health: state.health.warnings.length, attention: state.waiting }[page.id] || 0;
  return n > 0 && h("span", { class: page.id === "health" && !state.health.ready ? "badge bad" : "badge" }, String(n));
}
