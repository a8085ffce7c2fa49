// The slip of a settlement, a return or a contribution, as the daemon writes it for a slip printer, to be looked at and printed. Every one that is fetched
// counts as printed: from the second on the daemon marks it as a copy.

import * as api from "./api.js";
import { byId, put } from "./dom.js";
import { box } from "./problem.js";

// columns is the width of the slip on the screen, in Latin characters.
const columns = 48;

export function setUp() {
  byId("slip-print").addEventListener("click", () => print());
  byId("slip-large").addEventListener("change", () => fetchSlip());
}

let shown = []; // of what, and its id

// open fetches a slip and shows it, or why there is none. of is sale, refund, reversal, premium or cancellation.
export async function open(of, id) {
  shown = [of, id];
  byId("slip-large").checked = false;
  await fetchSlip();
  byId("slip").showModal();
  if (!byId("slip-text").hidden) byId("slip-print").focus();
}

async function fetchSlip() {
  const [text, fault] = [byId("slip-text"), byId("slip-fault")];
  text.textContent = "";
  put(fault);
  try {
    text.textContent = await api.slip(...shown, columns, byId("slip-large").checked);
    text.dataset.large = String(byId("slip-large").checked);
  } catch (error) {
    put(fault, box(error));
  }
  text.hidden = byId("slip-print").hidden = text.textContent === "";
}
