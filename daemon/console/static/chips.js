// The small signs at the top: service, reader, centre, and how many warnings stand.

import { byId, h, put } from "./dom.js";
import { besides, reader, state } from "./store.js";
import { english, t } from "./words.js";

let openHelp = () => {};
export function setUp(open) { openHelp = open; }

export function draw() {
  const r = reader() || besides();
  const up = state.phase === "up";
  const service = { up: ["good", t("up")], down: ["bad", t("connecting")], connecting: ["idle", t("notYet")] }[state.phase];
  const list = [chip("service", t("chipService"), service[0], service[1])];
  if (up && r) list.push(chip("reader", t(`reader_${r.role || "card"}`), r.state === "down" ? "bad" : "good", r.state === "down" ? t("down") : t("up")));
  if (up) list.push(chip("centre", t("chipCentre"), offline() ? "warn" : "good", offline() ? t("offline") : t("online")));
  const n = state.health.warnings.length;
  if (up && n > 0) list.push(h("button", { type: "button", class: `chip ${state.health.ready ? "warn" : "bad"}`, id: "chip-warnings", onclick: openHelp }, t("chipWarnings", { n })));
  put(byId("chips"), list);
}

const offline = () => state.offline === true || state.health.warnings.some((w) => w.code === "CENTRE_OFFLINE");

function chip(name, label, look, text) {
  return h("span", { class: `chip ${look}`, id: `chip-${name}` }, h("i", { class: "dot" }), `${label} ${text}`);
}

// warnings lists every standing warning with cause and remedy.
export function warnings() {
  const list = state.health.warnings;
  if (!list.length) return h("p", { class: "muted" }, t("noWarnings"));
  return list.map((w) => {
    const words = english() && w.english ? w.english : w;
    return h("div", { class: `warning ${w.severity}` }, h("p", { class: "strong" }, words.title), h("p", {}, words.text),
      words.cause && h("p", { class: "muted" }, t("cause"), words.cause), words.remedy && h("p", {}, h("b", {}, t("remedy")), words.remedy));
  });
}
