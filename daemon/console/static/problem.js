// A refusal as the cashier reads it: what happened, what to do, and the code small for whoever is called.

import { Lost, Problem } from "./api.js";
import { h } from "./dom.js";
import { english, t } from "./words.js";

// box draws a refusal; nothing for null.
export function box(problem) {
  if (!problem) return null;
  const [message, hint, code, fields, reader, contact] = wordsOf(problem);
  return h("div", { class: "problem", role: "alert" }, h("p", { class: "problem-title" }, message), reader && h("p", {}, reader),
    hint && h("p", {}, h("b", {}, t("hintWhat")), hint),
    fields.length > 0 && h("ul", {}, fields.map((f) => h("li", {}, h("code", {}, f.field), " ", english() ? f.detail : f.message))),
    contact && h("p", { class: "muted" }, contact), code && h("p", { class: "problem-code" }, code));
}

function wordsOf(problem) {
  if (problem instanceof Problem) {
    const d = problem.document;
    const limit = d.limit ? `${d.limit} ${[d.used, d.asked, d.allowed].filter(Boolean).join(" / ")}` : "";
    const code = [problem.code, problem.reason, limit, d.request_id].filter(Boolean).join(" · ");
    return [english() ? d.detail || d.title || d.message : d.message || d.title, english() ? "" : d.hint, code, d.fields || [],
      english() ? "" : d.reader_message, d.contact];
  }
  if (problem instanceof Lost) return [t("lostProblem"), t("lostHint"), "", []];
  throw problem;
}
