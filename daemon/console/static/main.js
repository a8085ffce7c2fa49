// The counter page starts here: token, connection, keys.

import * as api from "./api.js";
import { edit, fresh, onEdit } from "./bill.js";
import * as card from "./card.js";
import * as chips from "./chips.js";
import * as demo from "./demo.js";
import { byId, h, put } from "./dom.js";
import * as entry from "./entry.js";
import { listen } from "./events.js";
import * as flow from "./flow.js";
import * as panel from "./panel.js";
import * as presenter from "./presenter.js";
import * as refund from "./refund.js";
import * as router from "./router.js";
import * as slip from "./slip.js";
import { besides, change, present, reader, shown, standing, state, terminalOf, watch } from "./store.js";
import * as sure from "./sure.js";
import * as wedge from "./wedge.js";
import { english, labels, setEnglish, t } from "./words.js";

// lookAgain is how often health and an open report are looked at where no event came, in milliseconds.
const lookAgain = 10_000;

let reconnect = null;

// takeToken reads #token=… and removes it from the address bar and the history at once.
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (!token) return false;
  api.setToken(token);
  return true;
}

function connect() {
  if (reconnect) {
    reconnect();
    return;
  }
  reconnect = listen({
    connected: () => { change((s) => { s.phase = "up"; }); catchUp(); },
    lost: () => {
      if (state.phase !== "up") return;
      change((s) => { s.phase = "down"; });
      flow.requote();
    },
    event: heard,
  });
}

// heard answers an event by looking again; the event itself is not trusted to be the whole story.
function heard(name, data) {
  if (name.startsWith("card_") || name.startsWith("reader_")) lookAtReaders();
  if (typeof data.offline === "boolean") change((s) => { s.offline = data.offline; });
  if (name === "upstream") {
    change((s) => { s.upstream = data; });
    lookAtHealth();
  }
  if (name === "settlement" || name === "upstream") flow.refresh();
  router.onEvent(name, data);
}

// catchUp looks at everything after the connection came up: whatever happened in between, no event will tell.
function catchUp() {
  lookAtReaders();
  lookAtHealth();
  router.discover();
  demo.load();
  flow.findOut();
  flow.refresh();
}

let asked = 0;

async function lookAtReaders() {
  const turn = ++asked;
  let answer;
  try {
    answer = await api.readers();
  } catch (error) {
    if (error instanceof api.Lost || error instanceof api.Problem) return; // the stream's end or the next event will tell
    throw error;
  }
  if (turn !== asked) return; // a later question was asked meanwhile
  const before = cardKey();
  const was = present();
  change((s) => {
    s.readers = answer.readers;
    const r = reader() || besides();
    if (r && !answer.readers.some((other) => terminalOf(other) === s.terminal)) s.terminal = terminalOf(r);
    s.removed = was !== null && present() === null ? true : present() === null && s.removed;
  });
  if (before === cardKey()) return;
  (present() ? flow.again : flow.requote)();
  router.onCard();
}

let beside = ""; // what was shown last beside the card reader

// cardKey changes whenever another card, or the same card again, is in the reader, or something else is shown. A code that
// leaves the scanner because a quote has used it is no change.
function cardKey() {
  const r = reader(), other = shown();
  if (other) beside = `${other.name} ${other.seq}`;
  else if (!standing()) beside = "";
  return `${state.terminal} ${r?.seq} ${beside} ${present() !== null}`;
}

async function lookAtHealth() {
  try {
    const health = await api.readiness();
    change((s) => { s.health = { ready: health.ready !== false, warnings: health.warnings || [] }; });
  } catch (error) {
    if (!(error instanceof api.Lost || error instanceof api.Problem)) throw error;
  }
}

function drawHeader() {
  byId("operator").textContent = t("operatorButton", { id: state.operator.name || state.operator.id });
  byId("language").textContent = t("language");
  const tills = [...new Set(state.readers.filter((r) => (r.role || "card") === "card").map(terminalOf))];
  const select = byId("terminal");
  select.hidden = tills.length < 2;
  put(select, tills.map((name) => h("option", { value: name, selected: name === state.terminal }, name)));
}

// ask shows the login; bad says that the last token was refused.
function ask(bad) {
  byId("login-fault").textContent = bad ? t("loginBad") : "";
  if (!byId("login").open) byId("login").showModal();
}

function wireLogin() {
  const dialog = byId("login");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.querySelector("form").addEventListener("submit", (event) => {
    const field = event.target.elements.token;
    const token = field.value.trim();
    field.value = "";
    if (!token) { event.preventDefault(); return; }
    api.setToken(token);
    connect();
  });
  addEventListener("hashchange", () => { if (takeToken()) { dialog.close(); connect(); } });
  api.onRejected(() => { api.setToken(""); change((s) => { s.phase = "connecting"; }); ask(true); });
}

// regain gives the focus to its field once more after a window closed: Chromium hands the focus back without the caret,
// and then drops what is typed.
function regain() {
  const field = document.activeElement;
  if (!field?.matches("input, textarea")) return;
  field.blur();
  field.focus();
}

function wireDialogs() {
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("close", regain);
  const form = byId("operator-dialog").querySelector("form");
  byId("operator").addEventListener("click", () => {
    form.elements.id.value = state.operator.id;
    form.elements.name.value = state.operator.name;
    byId("operator-dialog").showModal();
    form.elements.id.select();
  });
  form.addEventListener("submit", () => change((s) => { s.operator = { id: form.elements.id.value.trim() || "1001", name: form.elements.name.value.trim() }; }));
  byId("help-open").addEventListener("click", help);
}

const keys = ["f1", "f2", "f3", "f4", "f6", "f7", "f8", "f9", "f10", "esc"];

function help() {
  put(byId("help-keys"), h("table", { class: "keys" }, keys.map((k) => h("tr", {}, h("td", {}, h("kbd", {}, k.toUpperCase())), h("td", {}, t(`key_${k}`))))));
  put(byId("help-warnings"), chips.warnings());
  byId("version").textContent = document.documentElement.dataset.version ? t("version", { version: document.documentElement.dataset.version }) : "";
  if (!byId("help").open) byId("help").showModal();
}

// confirm asks before a bill is dropped.
function confirm(title, text, go, then) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-go").textContent = go;
  byId("confirm").querySelector("form").onsubmit = then;
  byId("confirm").showModal();
  byId("confirm-go").focus();
}

function newBill() {
  const bill = state.bill;
  if (flow.busy()) {
    change(() => { bill.note = t("dropUnknown"); });
    return;
  }
  if (bill.stage === "edit" && bill.lines.length) confirm(t("dropTitle"), t("dropText", { n: bill.lines.length }), t("dropGo"), begin);
  else begin();
}

function begin() {
  flow.start();
  card.clear();
  byId("entry").reset();
  byId("entry-fault").textContent = "";
  // The focus moves before any further key can come, as from a fast scanner: right after the drawing that the change above has
  // queued, or, where a window is just closing, as it hands the focus back.
  const toCode = () => byId("entry").elements.code.focus();
  const closing = document.querySelector("dialog[open]");
  if (closing) closing.addEventListener("close", toCode, { once: true });
  else queueMicrotask(toCode);
}

function slipOfBill() {
  if (state.bill.stage === "done") slip.open("sale", state.bill.settlement.settlement_id);
}

function toEntry() {
  const form = byId("entry");
  if (form.contains(document.activeElement)) form.requestSubmit();
  else form.elements.code.focus();
}

// home is the way back to the counter.
function home() {
  router.go("counter");
  byId("entry").elements.code.focus();
}

function wireKeys() {
  const anywhere = { F1: help, F6: router.focusMenu };
  const atCounter = {
    F2: newBill, F3: presenter.open, F4: toEntry, F8: flow.again, F9: flow.settle, F10: slipOfBill,
    F7: () => edit((bill) => { bill.askShared = !bill.askShared; }),
  };
  const elsewhere = { F2: home, Escape: home };
  addEventListener("keydown", (event) => {
    const act = anywhere[event.key] || (router.at("counter") ? atCounter : elsewhere)[event.key];
    if (!act || event.altKey || event.ctrlKey || event.metaKey) return;
    const open = document.querySelector("dialog[open]");
    if (open && event.key === "Escape") return; // it closes the window
    event.preventDefault(); // also where it does nothing: the browser's own meaning would surprise
    if (!event.repeat && !open) act();
  });
}

function boot() {
  state.bill = fresh();
  onEdit(flow.requote);
  entry.setUp(refund.open);
  card.setUp();
  chips.setUp(help);
  panel.setUp(newBill);
  refund.setUp();
  presenter.setUp();
  router.setUp();
  sure.setUp();
  slip.setUp();
  wedge.setUp();
  wireLogin();
  wireDialogs();
  wireKeys();
  byId("new-bill").addEventListener("click", newBill);
  byId("sample").addEventListener("click", demo.sample);
  byId("terminal").addEventListener("change", (event) => { change((s) => { s.terminal = event.target.value; }); flow.requote(); router.onCard(); });
  byId("language").addEventListener("click", () => { setEnglish(!english()); labels(); change(); });
  addEventListener("beforeunload", (event) => { if (flow.busy()) event.preventDefault(); });
  labels();
  for (const draw of [drawHeader, chips.draw, card.draw, entry.draw, demo.draw, panel.draw, presenter.draw, router.draw]) watch(draw);
  if (takeToken()) connect();
  else ask(false);
  setInterval(() => { if (state.phase === "up") { lookAtHealth(); flow.refresh(); router.lookAtWork(); } }, lookAgain);
  byId("entry").elements.code.focus();
}

boot();
