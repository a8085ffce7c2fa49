// Who did, tried or looked at what at this venue: a manager's changes, exports, looks at people's data, tokens, and cards that
// were not the patient's. The daemon keeps it in its chain; nothing of it can be changed here.

import * as api from "../api.js";
import { asking } from "../asking.js";
import { byId, h, put } from "../dom.js";
import { button, choose, empty, field, named, panel, table, tag, todayText, values, view } from "../parts.js";
import { t } from "../words.js";

const page = asking();
const groups = ["looks", "changes", "refusals"]; // how a reader thinks of the kinds

let lines = []; // of all the pages that were fetched, oldest first
let asked = "";

// groupOf puts a kind where a reader looks for it; what the counter refused has the code of its refusal.
const looks = ["ACCOUNTS_VIEWED", "BINDINGS_VIEWED", "STATEMENT_VIEWED", "HISTORY_VIEWED", "RECORDS_REVEALED", "EXPORT"];
const changes = ["MANAGER", "IMPORT", "TOKEN_ADDED", "TOKEN_REVOKED", "TOKENS"];
const groupOf = (kind) => (looks.includes(kind) ? "looks" : changes.includes(kind.toUpperCase()) ? "changes" : "refusals");

export const audit = {
  id: "audit", manager: true,
  needs: ["GET /v1/audit"],
  build() {
    return [
      h("section", { class: "panel part" }, h("form", { class: "part-body search", id: "audit-form", role: "search", autocomplete: "off", onsubmit: search },
        field("auditFrom", "from", { type: "date", id: "audit-from", value: todayText() }), choose("kind", "group", [["", "", "any"], ...groups.map((g) => [g, "", `audit_${g}`])], { id: "audit-group", onchange: () => draw() }),
        h("button", { type: "submit", class: "primary", id: "audit-find" }, h("span", { "data-t": "find" })))),
      panel("auditHead", "audit-list"),
    ];
  },
  enter: () => search(),
  draw,
};

function search(event) {
  event?.preventDefault();
  const { from } = values(byId("audit-form"));
  if (!from) return;
  lines = [];
  fetchPage((asked = from));
}

function fetchPage(from) {
  const mine = asked;
  page.run(async () => {
    const answer = await api.audit(from);
    if (mine === asked) lines = [...lines, ...answer.lines.filter((l) => !lines.some((known) => JSON.stringify(known) === JSON.stringify(l)))]; // a page begins with the moment that the last one ended with
    return answer;
  });
}

function draw() {
  const group = byId("audit-group").value;
  const found = lines.filter((l) => !group || groupOf(l.kind) === group).reverse();
  put(byId("audit-list"), view(page, (answer) => h("div", { class: "stack" },
    found.length ? list(found) : empty(t("auditNone")),
    h("div", { class: "actions" }, h("span", { class: "muted grow", role: "status", id: "audit-count" }, t("recordsCount", { n: found.length })),
      answer.next && button("moreRows", () => fetchPage(page.answer.next), { id: "audit-more", "data-next": answer.next })))));
}

const colours = { looks: "", changes: "warn", refusals: "bad" };
const hidden = ["pos", "reader"]; // told in columns of their own

function list(found) {
  return table(t("auditHead"), [
    ["at", "muted", (l) => l.at.slice(0, 19).replace("T", " ")],
    ["kind", "", (l) => tag(named(`incident_${l.kind}`, l.kind), colours[groupOf(l.kind)])],
    ["auditWho", "", (l) => h("span", { class: "item" }, [l.pos, l.reader].filter(Boolean).join(" · "))],
    ["content", "", (l) => h("p", { class: "traits" }, Object.entries(l.detail).filter(([name, value]) => value && !hidden.includes(name)).map(([name, value]) => h("span", {}, h("span", { class: "muted" }, named(`detail_${name}`, name)), " ", value)))],
  ], found);
}
