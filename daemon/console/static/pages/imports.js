// Facts that come as a signed file: choose it and its signature, look at what it would change, apply it.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { operator } from "../bill.js";
import { byId, h, put } from "../dom.js";
import { button, empty, facts, named, panel, table, tag, told, view, when } from "../parts.js";
import { sure } from "../sure.js";
import { t } from "../words.js";

const preview = asking();
let chosen = null; // the request, as it was looked at

// largest is the size up to which the daemon takes a file, in bytes; in base64 it grows by a third.
const largest = 22 << 20;

export const imports = {
  id: "imports", manager: true,
  needs: ["POST /v1/bindings/import"],
  build() {
    return [
      h("section", { class: "panel part", "aria-labelledby": "import-head" }, h("div", { class: "panel-head" }, h("h2", { id: "import-head", "data-t": "importHead" })),
        h("form", { class: "part-body fields", id: "import-form", onsubmit: look }, h("p", { class: "muted wide-field", "data-t": "importText" }),
          h("label", { class: "field" }, h("span", { "data-t": "importFile" }), h("input", { type: "file", name: "file", accept: ".json,application/json", id: "import-file" })),
          h("label", { class: "field" }, h("span", { "data-t": "importSignature" }), h("input", { type: "file", name: "signature", accept: ".minisig", id: "import-signature" })),
          h("p", { class: "fault", id: "import-fault", role: "alert" }),
          h("div", { class: "actions" }, h("button", { type: "submit", class: "primary", id: "import-look" }, h("span", { "data-t": "importLook" }))))),
      panel("importPreview", "import-preview"),
    ];
  },
  enter() {
    chosen = null;
    preview.clear();
  },
  draw() {
    put(byId("import-preview"), view(preview, shown) || empty(t("importNone")));
  },
};

async function look(event) {
  event.preventDefault();
  const { file, signature } = event.target.elements;
  const [data, sign] = [file.files[0], signature.files[0]];
  byId("import-fault").textContent = !data || !sign ? t("importBoth") : data.size > largest ? t("importLarge") : "";
  if (byId("import-fault").textContent) return;
  chosen = { file: base64(new Uint8Array(await data.arrayBuffer())), signature: await sign.text() };
  const request = chosen;
  preview.run(() => api.importFile(request));
}

// base64 in pieces, since a function takes only so many arguments. The bytes must arrive as they were signed.
function base64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

const kinds = ["people", "accounts", "bindings", "usage"];

function shown(p) {
  const applied = p.state === "applied";
  return h("div", { class: "stack" }, h("p", { class: applied ? "note returned" : "note", id: "import-state" }, told(p.message, `importtext_${applied ? "applied" : "preview"}`)),
    facts([[t("importId"), p.snapshot_id], [t("importTime"), when(p.centre_time)], [t("importKey"), p.key], [t("importKind"), p.full ? t("importFull") : t("importPart")]]),
    table(t("importPreview"), [["what", "", (k) => t(`import_${k}`)], ...["new", "changed", "ended", "unchanged", "kept"].map((c) => [`count_${c}`, "num", (k) => count(c, p[k][c])])], kinds),
    p.examples.length > 0 && h("h3", {}, t("examples")),
    p.examples.length > 0 && table(t("examples"), [["what", "", (e) => named(`fact_${e.kind}`, e.kind)], ["change", "", (e) => tag(t(`count_${e.change}`), e.change === "ended" ? "bad" : "warn")],
      ["whose", "", (e) => e.masked], ["content", "", (e) => (e.fields || []).join(", ")], ["place", "muted small-text", (e) => e.place || ""]], p.examples),
    !applied && h("div", { class: "actions" }, button("importApply", () => apply(p), { id: "import-apply", look: "primary" })));
}

const count = (name, n) => (n > 0 && name !== "unchanged" ? h("strong", { class: name === "ended" ? "bad-text" : "" }, String(n)) : String(n));

function apply(p) {
  const request = chosen, total = (name) => kinds.reduce((sum, k) => sum + p[k][name], 0);
  sure({
    title: t("importApply"), go: t("importGo"), danger: total("ended") > 0, warn: total("ended") > 0 ? t("importEnds", { n: total("ended") }) : "",
    tell: () => [[t("importId"), p.snapshot_id], [t("importTime"), when(p.centre_time)], [t("count_new"), String(total("new"))], [t("count_changed"), String(total("changed"))],
      [t("count_ended"), String(total("ended"))], [t("operatorTitle"), [operator().id, operator().name].filter(Boolean).join(" ")]],
    send: () => api.importFile({ ...request, apply: true, digest: p.digest, operator: operator() }),
    done: (answer) => preview.run(async () => answer),
  });
}
