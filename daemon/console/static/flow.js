// What happens to a bill: quoted whenever something changes, settled once, found out where the answer was lost.

import * as api from "./api.js";
import { fresh, request } from "./bill.js";
import { change, present, shown, state } from "./store.js";
import { t } from "./words.js";

// calm is how long typing must rest before the next quote, in milliseconds.
const calm = 180;
// pause is the time between two attempts to find out what became of a bill.
const pause = 2000;

// voucherLife is how long the service lets a 医保码 stand for its bill, in milliseconds.
const voucherLife = 60_000;

let timer = 0; // until the next quote
let asking = 0; // until the next attempt to find out
let running = null;

// requote asks for the split of the bill as it is now. The split shown before stays, dimmed, until the answer is there.
export function requote() {
  running?.abort();
  clearTimeout(timer);
  const bill = state.bill;
  if (bill.stage !== "edit") return;
  const possible = bill.lines.length > 0 && present() !== null;
  change(() => {
    bill.quoting = possible;
    bill.problem = null;
    if (!possible) bill.quote = null;
  });
  if (possible) timer = setTimeout(() => ask(bill), calm);
}

async function ask(bill) {
  const control = (running = new AbortController());
  let quote = null, problem = null;
  if (present()?.kind === "evoucher" && shown()?.role === "scanner") state.voucher = { sale: bill.saleId, until: Date.now() + voucherLife };
  try {
    quote = await api.quote(request(bill), control.signal);
  } catch (error) {
    if (control.signal.aborted) return;
    problem = refusal(error);
    if (problem instanceof api.Problem) state.voucher = null;
  }
  if (control.signal.aborted || bill.stage !== "edit") return;
  change(() => {
    Object.assign(bill, { quoting: false, quote, problem });
    if (quote) Object.assign(state, { offline: quote.offline, lastQuote: quote });
  });
}

// refusal passes what the API says, and lets mistakes of this page through to the console.
function refusal(error) {
  if (error instanceof api.Problem || error instanceof api.Lost) return error;
  throw error;
}

// again is requote for a cashier who has read what was refused.
export function again() {
  change(() => { state.bill.refusal = null; });
  requote();
}

// ready reports whether the bill can be settled now.
export function ready() {
  const bill = state.bill;
  return bill.stage === "edit" && bill.quote !== null && !bill.quoting && present() !== null;
}

// settle settles the split that is shown, and no other: the digest of the quote goes with it.
export async function settle() {
  const bill = state.bill;
  if (!ready()) return;
  const body = { ...request(bill), quote_digest: bill.quote.digest };
  change(() => Object.assign(bill, { stage: "settling", problem: null, refusal: null, note: "" }));
  try {
    done(bill, await api.settle(body));
  } catch (error) {
    if (refusal(error) instanceof api.Lost) {
      change(() => { bill.stage = "unknown"; });
      later(bill);
      return;
    }
    refused(bill, error);
  }
}

function refused(bill, problem) {
  if (problem.code === "QUOTE_CHANGED" && problem.document.quote) {
    change(() => Object.assign(bill, { stage: "edit", quote: problem.document.quote, note: t("changed") }));
    return;
  }
  if (problem.code === "IDEMPOTENCY_CONFLICT") { // an earlier attempt did go through, with what the bill held then
    change(() => { bill.stage = "unknown"; });
    findOut(bill);
    return;
  }
  change(() => Object.assign(bill, { stage: "edit", quote: null, refusal: problem }));
  if (problem.document.retryable && present()) requote();
}

function done(bill, settlement) {
  change((s) => {
    Object.assign(bill, { stage: "done", settlement, quote: null, problem: null, refusal: null, note: "" });
    s.settled.unshift({ settlement, lines: bill.lines });
  });
}

// findOut asks what became of a bill whose answer was lost, until there is an answer. Settling again with the same
// sale_id would be safe too, but needs the card, and the patient may have taken it.
export async function findOut(bill = state.bill) {
  if (bill.stage !== "unknown") return;
  try {
    done(bill, await api.sale(bill.saleId));
  } catch (error) {
    if (refusal(error).status === 404) {
      change(() => Object.assign(bill, { stage: "edit", note: t("unknownNone") }));
      requote();
      return;
    }
    later(bill);
  }
}

function later(bill) {
  clearTimeout(asking);
  asking = setTimeout(() => findOut(bill), pause);
}

// refresh looks again at the settlement that is shown, while the centre has not spoken its last word.
export async function refresh() {
  const bill = state.bill;
  if (bill.stage !== "done" || state.phase !== "up" || !["pending", "unknown"].includes(bill.settlement.report)) return;
  await reload(bill);
}

// reload reads the settlement again, whatever its state.
export async function reload(bill) {
  try {
    const settlement = await api.settlement(bill.settlement.settlement_id);
    change(() => { bill.settlement = settlement; });
  } catch (error) {
    refusal(error); // the next event or the next look will tell
  }
}

// busy reports whether the bill must not be left: it is on its way, or its outcome is open.
export const busy = () => state.bill.stage === "settling" || state.bill.stage === "unknown";

// start begins a new bill.
export function start() {
  running?.abort();
  clearTimeout(timer);
  change(() => { state.bill = fresh(); state.removed = false; });
}
