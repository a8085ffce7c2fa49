// All that the region says to people at the counter: where to bind, to pay, to ask, and what to know.

import { byId, h, put } from "../dom.js";
import * as guide from "../guide.js";
import { empty } from "../parts.js";
import { t } from "../words.js";

export const guidance = {
  id: "guide",
  needs: ["GET /v1/guidance"],
  build: () => [h("section", { class: "panel part" }, h("div", { class: "part-body guide-all", id: "guide-all" }))],
  enter: () => guide.ask(),
  draw() {
    put(byId("guide-all"), guide.everything() || empty(t("guideNone")));
  },
};
