// Elements made in code. Text always goes in as text, so nothing that a card or a server says can become markup.

// h makes an element: h("button", {class: "plain", onclick: f}, "text", child…). Null and false children are left out.
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "grow") element.style.flexGrow = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

// put replaces what is inside an element and leaves alone whatever would look the same: a click on its way, scroll
// positions, selections and what a screen reader has read stay. So a handler must not hold on to more than what shows.
// The focus stays on the control of the same id where there is one.
export function put(element, ...children) {
  const next = document.createDocumentFragment();
  next.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const old = [...element.childNodes], fresh = [...next.childNodes];
  if (old.length === fresh.length) fresh.forEach((n, i) => { if (!n.isEqualNode(old[i])) old[i].replaceWith(n); });
  else element.replaceChildren(next);
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
}

export const byId = (id) => document.getElementById(id);
