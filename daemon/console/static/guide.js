// A region's words to people at the counter: where to go, whom to call, what to know. A daemon without them shows nothing.

import * as api from "./api.js";
import { byId, h, put } from "./dom.js";
import { change, state } from "./store.js";
import { english, has, t } from "./words.js";

let known = null; // the answer
let asked = false;

// ask fetches the region's words once.
export async function ask() {
  if (asked || !state.routes.has("GET /v1/guidance")) return;
  asked = true;
  try {
    known = await api.guidance();
    change();
  } catch (error) {
    asked = false;
    if (!(error instanceof api.Lost || error instanceof api.Problem)) throw error;
  }
}

// topic is what the region says on one question, or undefined.
export const topic = (name) => known?.topics.find((x) => x.topic === name);

// show draws the topics of these names into the element with the id, and hides it where there is none.
export function show(id, names) {
  const place = byId(id), found = names.map(topic).filter(Boolean);
  place.hidden = found.length === 0;
  put(place, found.length ? [h("div", { class: "panel-head" }, h("h2", {}, t("guideTitle", { region: known.region_name }))), h("div", { class: "part-body guide" }, found.map(part))] : []);
}

// everything is all topics, or null where there is none.
export const everything = () => (known?.topics.length ? [h("h2", { class: "wide-field" }, t("guideTitle", { region: known.region_name })), ...known.topics.map(part)] : null);

function part(x) {
  const title = (english() && x.title_en) || x.title, text = (english() && x.text_en) || x.text;
  return h("div", { class: "guide-topic" }, h("h3", {}, title), text && h("p", {}, text),
    x.channels.length > 0 && h("ul", { class: "channels" }, x.channels.map((c) => h("li", {},
      h("b", {}, c.name), c.detail && h("span", {}, c.detail), c.phone && h("span", { class: "phone" }, c.phone), c.url && h("span", { class: "muted" }, c.url)))),
    h("p", { class: "muted small-text" }, [x.source && t("guideSource", { source: x.source }), has(`confidence_${x.confidence}`) && t(`confidence_${x.confidence}`)].filter(Boolean).join(" · ")));
}
