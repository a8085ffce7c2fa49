// Files that the daemon writes: fetched with the token, since a link cannot carry it, and handed to the browser to save.

import * as api from "./api.js";
import { h } from "./dom.js";
import { Lost, Problem } from "./api.js";
import { box } from "./problem.js";
import { t } from "./words.js";

// fileButtons are the buttons for one table in the three forms, and the place where it is told how far the file is.
export function fileButtons(id, act) {
  return [h("span", { class: "muted", id: `file-${id}`, role: "status" }), ...["xlsx", "pdf", "csv"].map((format) => h("button", {
    type: "button", class: "small", id: `${id}-${format}`, "data-label": `file_${format}`, onclick: () => act(format),
  }, format.toUpperCase()))];
}

// save fetches an export and saves it; the place with the id tells how much has come.
export const save = (id, query) => saveFrom(id, (progress) => api.exported(query, progress));

// saveFrom saves whatever fetch gives: { name, blob }.
export async function saveFrom(id, fetch) {
  const place = document.getElementById(`file-${id}`);
  place.textContent = t("fileComing", { size: "0" });
  try {
    const { name, blob } = await fetch((bytes) => { place.textContent = t("fileComing", { size: (bytes / 1024).toFixed(0) }); });
    const address = URL.createObjectURL(blob);
    const link = h("a", { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser has it by then
    place.textContent = t("fileDone", { name });
  } catch (error) {
    if (!(error instanceof Lost || error instanceof Problem)) throw error;
    place.replaceChildren(box(error));
  }
}
