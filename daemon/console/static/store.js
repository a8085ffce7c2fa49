// The state of the page: one object, changed through change(), drawn by whoever watches. Nothing of it outlives the page.

export const state = {
  phase: "connecting", // of the connection: connecting, up, down
  readers: [], // as GET /v1/reader gives them
  health: { ready: true, status: "ok", warnings: [] },
  terminal: "", // the till we work at
  operator: { id: "1001", name: "" },
  removed: false, // the card left while a bill was open
  bill: null, // see bill.js
  cards: [], // of the demo
  routes: new Set(), // what the daemon can do, as "GET /v1/reader"
  manager: false, // whose token this is
  waiting: 0, // items on a manager's work list
  upstream: null, // how many reports wait, as the last event said
  lastQuote: null,
  settled: [], // what this page has settled, newest first
  voucher: null, // a 医保码 that was used for a quote: { sale, until in milliseconds }
};

const watchers = new Set();
let drawing = false;

// watch draws now and after every change.
export function watch(draw) { watchers.add(draw); draw(); }

// change alters the state and draws once, however many changes one moment brings.
export function change(alter) {
  if (alter) alter(state);
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    for (const draw of watchers) draw();
  });
}

// reader is the card reader of our till, or undefined.
export function reader() {
  const cards = state.readers.filter((r) => (r.role || "card") === "card");
  return cards.find((r) => terminalOf(r) === state.terminal) || cards[0];
}

// terminalOf is the till of a reader; one without a till is known by its name.
export const terminalOf = (r) => r.terminal || r.name;

// shown is the ID reader or scanner of our till on which something lies that a sale may use, or undefined.
export function shown() {
  const cards = state.readers.filter((r) => (r.role || "card") === "card");
  const roles = state.bill?.presenter.who === "proxy" ? ["scanner"] : ["scanner", "id"]; // the ID reader holds the agent's card then
  return roles.map((role) => state.readers.find((r) => r.role === role && r.state === "present" && r.card
    && (!r.terminal || r.terminal === state.terminal || cards.length < 2))).find(Boolean);
}

// besides is the scanner, else the ID reader, of a till without a card reader, or undefined.
export const besides = () => (reader() ? undefined : ["scanner", "id"].map((role) => state.readers.find((r) => r.role === role)).find(Boolean));

// present is the card that may be used now, or what is shown in its place, or null. A 医保码 leaves the scanner when a quote
// uses it, and stands for its bill a minute longer; the service has the last word.
export function present() {
  if (state.phase !== "up") return null;
  const r = reader();
  if (r && r.state === "present" && r.card) return r.card;
  const other = shown();
  if (other) return other.card;
  return standing() ? { kind: "evoucher", holder: "", number: "" } : null;
}

// standing reports whether the bill has a 医保码 that was used for its quote.
export const standing = () => state.voucher !== null && state.voucher.sale === state.bill?.saleId && Date.now() < state.voucher.until;
