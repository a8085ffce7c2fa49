// A scanner that types into the page like a keyboard. Packs of medicine are scanned that way; a 医保码 must not be: it would be
// taken for a trace code and stay on disk. It goes before the scanner at the service, which never keeps it.

import { t } from "./words.js";

const voucher = /^(424|opc)\d{25}$/i;

// setUp takes a typed 医保码 out of whatever field it came into, and says where to scan it.
export function setUp() {
  addEventListener("keydown", (event) => {
    const field = event.target;
    if (!["Enter", "Tab"].includes(event.key) || field.tagName !== "INPUT") return;
    const tokens = field.value.split(/[\s,，;；]+/).filter(Boolean);
    const rest = tokens.filter((token) => !voucher.test(token));
    if (rest.length === tokens.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    field.value = rest.join(" ");
    const place = field.closest("form, section")?.querySelector(".fault");
    if (place) place.textContent = t("voucherTyped");
  }, true);
}
