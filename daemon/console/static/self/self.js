// A screen for the holder of the card in the reader: their own account, what they bought here, whom to ask. It only looks, with
// a token of its own that opens nothing else (role kiosk), and shows nothing from the moment the card leaves.

import * as api from "../api.js";
import { byId, h, put } from "../dom.js";
import { show } from "../money.js";
import { english, setEnglish, t } from "./words.js";

const lookAgain = 500; // milliseconds between two looks at the reader
const showTime = 90; // seconds that a card that stays in is shown

const state = {
  view: "lost", // lost, absent, reading, fault, shown, timeout
  seq: null, // of the card that is shown
  until: 0, // when it is hidden, in milliseconds
  accounts: [], statement: null, guidance: null,
};

let terminal = "";
let asked = 0; // every look at a card has a number; the answer to an old one is thrown away

// forget takes everything about a person off the page and out of its memory.
function forget(view, seq = null) {
  asked++;
  Object.assign(state, { view, seq, until: 0, accounts: [], statement: null });
  draw();
}

// look follows the reader. No answer is the same as no card.
async function look() {
  try {
    const { readers } = await api.readers();
    const cards = readers.filter((r) => (r.role || "card") === "card");
    follow(cards.find((r) => (r.terminal || r.name) === terminal) || cards[0]);
  } catch (error) {
    if (!(error instanceof api.Lost || error instanceof api.Problem)) throw error;
    forget("lost");
  } finally {
    setTimeout(look, lookAgain);
  }
}

function follow(reader) {
  if (!reader || reader.state === "down") forget("lost");
  else if (reader.state !== "present" || !reader.card) {
    const view = { fault: "fault", reading: "reading" }[reader.state] || "absent";
    if (state.view !== view || state.seq !== null) forget(view); // also while an answer is still on its way
  } else if (state.seq !== reader.seq) open(reader);
  else if (state.view === "shown" && Date.now() >= state.until) forget("timeout", reader.seq);
  else if (state.view === "shown") byId("left").textContent = left();
}

const left = () => t("left", { n: Math.max(0, Math.ceil((state.until - Date.now()) / 1000)) });

// open asks for what the holder of the card may see.
async function open(reader) {
  forget("reading", reader.seq);
  const turn = asked, from = new Date(Date.now() + 8 * 3600_000 - 90 * 86_400_000).toISOString().slice(0, 10);
  const where = reader.terminal || "";
  try {
    const [{ accounts }, statement] = await Promise.all([api.accounts(where), api.statement(where, from)]);
    state.guidance ||= await api.guidance().catch(() => null);
    if (turn !== asked) return;
    Object.assign(state, { view: "shown", accounts, statement, until: Date.now() + showTime * 1000 });
  } catch (error) {
    if (!(error instanceof api.Lost || error instanceof api.Problem)) throw error;
    if (turn !== asked) return;
    state.view = error instanceof api.Lost ? "lost" : "fault";
  }
  draw();
}

const message = (title, text, ...more) => h("section", { class: "message", role: "status" }, h("h2", {}, t(title)), text && h("p", {}, t(text)), ...more);

const views = {
  lost: () => message("lost", "lostText"),
  absent: () => message("insert", "insertText"),
  reading: () => message("reading"),
  fault: () => message("fault", "faultText"),
  timeout: () => message("timeout", "timeoutText", h("button", { type: "button", class: "primary", id: "go", onclick: () => { state.seq = null; } }, t("go"))),
  shown: () => [holder(), rows(), guide()],
};

function holder() {
  const own = state.accounts.find((a) => a.source === "own"), others = state.accounts.filter((a) => a.source !== "own");
  return h("section", { class: "card" },
    h("p", { class: "name" }, t("hello", { name: state.statement.holder }), " ", h("span", { class: "muted" }, state.statement.number), h("span", { class: "grow" }), h("span", { class: "muted", id: "left" }, left())),
    own ? h("p", { class: "balance" }, h("span", {}, t("balance")), h("strong", { id: "balance" }, show(own.available)), h("span", { class: "muted" }, t("asOf", { at: own.as_of.slice(0, 16).replace("T", " ") }))) : h("p", {}, t("noAccount")),
    own && own.status !== "normal" && h("p", { class: "warn" }, t("frozen", { status: own.status })),
    others.length > 0 && h("p", { id: "relatives" }, t("relatives"), "：", others.map((a) => a.holder).join("，"), " ", h("span", { class: "muted" }, t("relativesText"))));
}

function rows() {
  const list = [...state.statement.entries].reverse();
  const columns = [["at", (e) => e.at.slice(0, 16).replace("T", " ")], ["kind", (e) => (english() ? t(e.kind) : e.kind_text)], ["items", (e) => e.items || e.other || ""], ["total", (e) => show(e.total), "money"], ["fund", (e) => show(e.fund_paid), "money"],
    ["shared", (e) => show(e.shared_paid), "money"], ["cash", (e) => show(e.cash_paid), "money"], ["paid", (e) => show(e.paid), "money strong"], ["after", (e) => (e.balance_after === undefined ? "" : show(e.balance_after)), "money"]];
  return h("section", { class: "card" }, h("h2", {}, t("statement")), list.length === 0 ? h("p", { class: "muted" }, t("none")) : h("div", { class: "scroll", tabindex: "0" }, h("table", { id: "rows" },
    h("thead", {}, h("tr", {}, columns.map(([key, , look]) => h("th", { scope: "col", class: look || null }, t(key))))),
    h("tbody", {}, list.map((e) => h("tr", {}, columns.map(([, text, look]) => h("td", { class: look || null }, text(e)))))))));
}

const topics = ["balance", "binding", "sharing", "hotline", "elderly"];

function guide() {
  const list = (state.guidance?.topics || []).filter((x) => topics.includes(x.topic));
  return list.length > 0 && h("section", { class: "card" }, h("h2", {}, t("guide")), h("div", { class: "guide" }, list.map((x) => h("div", {}, h("h3", {}, (english() && x.title_en) || x.title), h("p", {}, (english() && x.text_en) || x.text),
    h("p", { class: "muted" }, x.channels.map((c) => [c.name, c.phone].filter(Boolean).join(" ")).join("，"))))));
}

function draw() {
  document.documentElement.lang = english() ? "en" : "zh-CN";
  document.title = t("title");
  const large = document.documentElement.dataset.print === "large";
  for (const [id, key] of [["title", "title"], ["language", "language"], ["larger", large ? "usual" : "larger"], ["login-title", "loginTitle"], ["login-text", "loginText"], ["login-label", "token"], ["login-go", "start"]]) byId(id).textContent = t(key);
  byId("main").dataset.view = state.view;
  put(byId("main"), views[state.view]());
}

function login(bad) {
  forget("lost");
  byId("login-fault").textContent = bad ? t("loginBad") : "";
  if (!byId("login").open) byId("login").showModal();
}

byId("language").addEventListener("click", () => { setEnglish(!english()); draw(); });
byId("larger").addEventListener("click", () => {
  const html = document.documentElement;
  html.dataset.print = html.dataset.print === "large" ? "" : "large";
  draw();
});
byId("login").addEventListener("cancel", (event) => event.preventDefault());
byId("login").querySelector("form").addEventListener("submit", (event) => {
  const input = event.target.elements.token;
  api.setToken(input.value.trim());
  input.value = "";
});
api.onRejected(() => login(true));

// The token and the till come in the fragment, which is never sent, and are taken out of the address bar at once.
const given = new URLSearchParams(location.hash.slice(1));
if (location.hash) history.replaceState(null, "", location.pathname);
terminal = given.get("terminal") || "";
draw();
if (given.get("token")) api.setToken(given.get("token"));
else login(false);
look();
