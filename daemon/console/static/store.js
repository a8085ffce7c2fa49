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

// present is the card that may be used now, or null.
export function present() {
  const r = reader();
  return state.phase === "up" && r && r.state === "present" && r.card ? r.card : null;
}
