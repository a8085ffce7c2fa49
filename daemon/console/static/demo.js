// The hands at the counter of a demo: cards in and out, cables, the centre's line, and a bill to try.

import * as api from "./api.js";
import { addLines } from "./bill.js";
import { byId, h, put } from "./dom.js";
import { lineTotal, text } from "./money.js";
import { box } from "./problem.js";
import { change, reader, state } from "./store.js";
import { english, t } from "./words.js";

export const on = document.documentElement.dataset.demo === "true";

let problem = null;
let inserted = "";

// load asks which cards are at hand.
export async function load() {
  if (!on) return;
  const answer = await act("cards");
  if (answer) change(() => { state.cards = answer.cards; });
}

async function act(action, request) {
  try {
    const answer = await api.demo(action, request);
    problem = null;
    if (action === "insert") inserted = request.id;
    change();
    return answer;
  } catch (error) {
    change(() => { problem = error; });
    return null;
  }
}

export function draw() {
  const panel = byId("demo");
  panel.hidden = !on;
  byId("sample").hidden = !on;
  byId("sample").disabled = state.bill.stage !== "edit";
  if (!on) return;
  const r = reader();
  const unplugged = r?.state === "down";
  const inside = r && ["present", "fault", "reading"].includes(r.state) ? inserted : "";
  put(panel, h("span", { class: "demo-tag" }, t("demo")),
    state.cards.map((c) => button(`demo-${c.id}`, short(c.label), () => act("insert", { id: c.id }), c.id === inside ? "pressed" : "", c.number)),
    h("span", { class: "grow" }),
    button("demo-remove", t("demoRemove"), () => act("remove")),
    unplugged ? button("demo-replug", t("demoReplug"), () => act("replug")) : button("demo-unplug", t("demoUnplug"), () => act("unplug")),
    state.silenced ? button("demo-up", t("demoUp"), () => centre(true)) : button("demo-down", t("demoDown"), () => centre(false)),
    problem && box(problem));
}

// short is a card's label, 周若兰 患者 patient, in the language of the page alone: the strip must stay low.
const short = (label) => (english() ? label.replace(/^(\S+) [^\x00-\x7f]+ (?=[A-Za-z])/, "$1 ") : label.replace(/ [A-Za-z' -]+$/, ""));

const button = (id, label, act, extra = "", title = "") => h("button", { type: "button", id, class: `demo-button ${extra}`, title, onclick: act }, label);

async function centre(up) {
  if (await act("centre", { up })) change(() => { state.silenced = !up; });
}

// samples: medicine that the fund shares in, medicine and goods that only accounts pay, and goods that no account may pay.
const samples = [
  { code: "XA01ABD075A002010100483", shop_code: "6901", name: "阿莫西林胶囊 0.25g×24粒", class: "drug_a", unit_price: "12.50", quantity: "2", traced: true,
    split: { fund: "17.50", coinsurance: "7.50" } },
  { code: "XC08CAX124A004010102015", shop_code: "6902", name: "硝苯地平控释片 30mg×14片", class: "drug_b", unit_price: "46.80", quantity: "2", traced: true,
    split: { fund: "52.40", first_self_pay: "9.36", coinsurance: "31.84" } },
  { code: "C1401020000200108840", shop_code: "6903", name: "一次性使用医用外科口罩 10只", class: "consumable", unit_price: "9.90", quantity: "3",
    split: { own_expense: "29.70" } },
  { code: "G20210318", shop_code: "6904", name: "蛋白粉（保健食品）400g", class: "health_food", unit_price: "58.00", quantity: "1", split: { own_expense: "58.00" } },
];

// sample puts the sample bill in. Trace codes are made up each time, since a pack can be sold only once.
export function sample() {
  addLines(samples.map(({ traced, ...line }) => ({
    ...line, total: text(lineTotal(line.quantity, line.unit_price)),
    ...(traced && { trace_codes: Array.from({ length: Number(line.quantity) }, pack) }),
  })));
}

function pack() {
  const digits = crypto.getRandomValues(new Uint32Array(2)).join("");
  return `81${digits.padStart(18, "0").slice(-18)}`;
}
