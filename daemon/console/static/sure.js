// Two steps before anything is sent: first the fields where there are any, then in plain words what will be sent. Nothing
// goes out before the second step is confirmed. A request keeps its id until it is answered, so that a lost answer can be
// asked for again and is never a second request.

import { Lost, Problem } from "./api.js";
import { byId, h, put } from "./dom.js";
import { facts, values } from "./parts.js";
import { box } from "./problem.js";
import { t } from "./words.js";

let now = null;

// sure opens the window. fields are the inputs of the first step and may be left out; check gives a sentence about what is
// wrong with their values, or ""; tell gives the labels and values that will be sent, look may ask the daemon for its own
// word on them first; warn is said below them; send sends and done takes the answer.
export function sure({ title, fields, check = () => "", tell, look, warn, go, send, done, danger = false }) {
  now = { title, fields, check, tell, look, warn, go, send, done, danger, values: {}, locked: false, seen: null };
  const dialog = byId("sure");
  byId("sure-title").textContent = title;
  put(byId("sure-fields"), fields ? [h("div", { class: "fields" }, fields)] : []);
  put(byId("sure-fault"));
  step(fields ? "fields" : "told");
  if (!dialog.open) dialog.showModal();
  if (fields) byId("sure-fields").querySelector("input, select, textarea")?.focus();
  else told();
}

function step(name) {
  byId("sure").dataset.step = name;
  byId("sure-fields").hidden = name !== "fields";
  byId("sure-told").hidden = byId("sure-back").hidden = name === "fields";
  if (!now.fields) byId("sure-back").hidden = true;
  byId("sure-go").replaceChildren(h("span", {}, name === "fields" ? t("nextStep") : now.go), ...(name === "fields" ? [] : [" ", h("kbd", {}, "F9")]));
  byId("sure-go").classList.toggle("danger", name !== "fields" && now.danger);
}

function busy(on) {
  for (const control of byId("sure").querySelectorAll("button, input, select, textarea")) control.disabled = on;
}

// told shows the second step.
async function told() {
  const mine = now;
  const text = mine.check(mine.values);
  if (text) {
    fault(h("p", { class: "fault" }, text));
    return;
  }
  put(byId("sure-fault"));
  if (mine.look) {
    busy(true);
    try {
      mine.seen = await mine.look(mine.values);
    } catch (error) {
      if (mine === now) failed(error, false);
      return;
    } finally {
      if (mine === now) busy(false);
    }
    if (mine !== now) return;
  }
  put(byId("sure-told"), h("p", { class: "muted" }, t("willSend")), facts(mine.tell(mine.values, mine.seen)),
    h("p", { class: "note" }, [typeof mine.warn === "function" ? mine.warn(mine.values, mine.seen) : mine.warn]));
  byId("sure-told").lastChild.hidden = !byId("sure-told").lastChild.textContent;
  step("told");
  byId("sure-told").focus();
}

// notice is offered where the region wants a text read first: once it has been, the request goes on with it.
function notice(error) {
  const { notice_id: id, notice_version: version, notice_title: title } = error.document || {};
  if (!id) return null;
  const read = () => {
    now.values.notice = { id, version, read_by: "operator" };
    step("fields");
    told();
  };
  return h("button", { type: "button", class: "plain", id: "sure-notice", onclick: read }, t("noticeRead", { title: title || id }));
}

// fault says what is wrong where it can be read: below a long form it would stand under the buttons.
function fault(...parts) {
  put(byId("sure-fault"), ...parts);
  byId("sure-fault").scrollIntoView({ block: "nearest" });
}

function failed(error, sent) {
  if (!(error instanceof Lost || error instanceof Problem)) throw error;
  if (error instanceof Lost && sent) { // the same request again is the same request
    now.locked = true;
    fault(h("p", { class: "fault" }, t("sureLost")));
    byId("sure-back").disabled = true;
    return;
  }
  fault(box(error), notice(error));
}

async function confirm() {
  const mine = now;
  busy(true);
  put(byId("sure-fault"), h("p", { class: "muted" }, t("sending")));
  try {
    const answer = await mine.send(mine.values, mine.seen);
    byId("sure").close();
    mine.done(answer);
  } catch (error) {
    busy(false);
    failed(error, true);
  } finally {
    busy(false);
    if (mine.locked) byId("sure-back").disabled = true;
  }
}

function forward() {
  if (byId("sure-go").disabled) return;
  if (byId("sure").dataset.step === "told") { confirm(); return; }
  now.values = { ...values(byId("sure").querySelector("form")), ...(now.values.notice && { notice: now.values.notice }) };
  told();
}

export function setUp() {
  const dialog = byId("sure");
  dialog.querySelector("form").addEventListener("submit", (event) => { event.preventDefault(); forward(); });
  dialog.addEventListener("keydown", (event) => {
    const chosen = event.key === "Enter" && event.target.tagName === "SELECT"; // the arrows choose, Enter goes on as in every field
    if (event.key !== "F9" && !chosen) return;
    event.preventDefault();
    if (!event.repeat && (chosen || dialog.dataset.step === "told")) forward();
  });
  byId("sure-back").addEventListener("click", () => {
    step("fields");
    put(byId("sure-fault"));
    byId("sure-fields").querySelector("input, select, textarea")?.focus();
  });
}
