// Who pays what: the bar, the table, and the reason for every account that was not used. It draws quotes and settlements
// alike, since both carry the same split.

import { h } from "./dom.js";
import { fen, show } from "./money.js";
import { english, has, t } from "./words.js";

// shares are the parts of a split in the order of the bar: fund, own account, each relative, cash.
export function shares(split) {
  const parts = [];
  const fund = fen(split.fund_paid), cash = fen(split.cash_due);
  if (fund > 0n) parts.push({ look: "fund", label: t("fund"), amount: fund });
  let relative = 0;
  for (const p of split.postings) {
    const amount = fen(p.amount);
    if (p.source === "own") {
      const after = p.own_balance_after ? t("ownAfter", { amount: show(p.own_balance_after) }) : "";
      parts.push({ look: "own", label: t("own"), who: p.holder, amount, after, why: p.why });
    } else {
      parts.push({ look: `shared-${relative++ % 4}`, label: t("shared"), who: giver(p), amount, why: p.why });
    }
  }
  if (cash > 0n) parts.push({ look: "cash", label: t("cash"), amount: cash });
  return parts;
}

// giver names a relative by what they are to the patient: 配偶 李*.
export function giver(p) {
  const relation = has(`giver_${p.relation}`) ? t(`giver_${p.relation}`) : "";
  return [relation, p.holder].filter(Boolean).join(" ");
}

// bar draws the parts side by side, each as wide as its share of the total.
export function bar(parts, total) {
  const spoken = parts.map((p) => `${p.label} ${p.who || ""} ${show(p.amount)}`).join("，");
  return h("div", { class: "bar", role: "img", "aria-label": spoken }, parts.map((p) => {
    const percent = total > 0n ? Number((p.amount * 1000n) / total) / 10 : 0;
    return h("div", { class: `seg look-${p.look}`, grow: String(Math.max(percent, 1.5)), title: `${p.label} ${p.who || ""} ${show(p.amount)}` },
      fits(p.label, percent) && h("span", {}, p.label));
  }));
}

// fits reports whether a label has room in its part of the bar, which is about 27 letters of Chinese wide.
function fits(label, percent) {
  const width = [...label].reduce((all, c) => all + (c > "\u2e7f" ? 1 : 0.58), 0.3);
  return percent >= (width / 28) * 100;
}

// table lists the parts with their amounts; brief leaves out why each pays, which was explained before settling.
export function table(parts, brief = false) {
  return h("table", { class: "parts" }, h("tbody", {}, parts.map((p) => h("tr", {},
    h("td", { class: "swatch-cell" }, h("i", { class: `swatch look-${p.look}` })),
    h("td", {}, h("span", { class: "party" }, p.label, p.who && h("span", { class: "who" }, p.who)), h("span", { class: "muted small-text" }, [p.after, !brief && !english() && p.why].filter(Boolean).join(" · "))),
    h("td", { class: "money" }, show(p.amount))))));
}

// skipped lists the accounts that did not pay, each with its reason.
export function skipped(list) {
  if (!list?.length) return null;
  return h("div", { class: "skipped" }, h("h3", {}, t("notUsed")), h("ul", {}, list.map((s) => h("li", {},
    h("span", { class: "who" }, giver(s)), h("span", {}, english() && has(`reason_${s.reason}`) ? t(`reason_${s.reason}`) : s.message), h("code", {}, s.reason)))));
}

// age writes seconds for people.
export function age(seconds) {
  if (seconds < 120) return t("seconds", { n: Math.max(0, Math.round(seconds)) });
  if (seconds < 7200) return t("minutes", { n: Math.round(seconds / 60) });
  return t("hours", { n: Math.round(seconds / 3600) });
}

// notes say under which circumstances the split stands.
export function notes(split) {
  const list = (split.unpayable || []).map((u) => (english() ? u.english : u.message)); // parts that no account may pay
  if (split.hint && has(`hint_${split.hint}`)) list.push(t(`hint_${split.hint}`));
  if (split.offline) list.push(t("offlineNote"));
  if (fen(split.at_risk || "0.00") > 0n) list.push(t("atRisk", { amount: show(split.at_risk) }));
  if (split.ledger_age_s > 300) list.push(t("ledgerAge", { age: age(split.ledger_age_s) }));
  return list.length ? h("ul", { class: "notes" }, list.map((n) => h("li", {}, n))) : null;
}
