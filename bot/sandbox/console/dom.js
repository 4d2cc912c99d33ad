// The few DOM operations that every module needs. Data only ever becomes text nodes, attributes
// or properties: nothing in this console parses a string as HTML.

/**
 * Make an element. `props` keys: `class`, `text`, `on<event>` (a function), `prop:<name>` (a DOM
 * property), anything else is an attribute (true = empty, false/null/undefined = absent).
 */
export function el(tag, props = {}, ...kids) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key.startsWith("prop:")) node[key.slice(5)] = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...kids.flat(Infinity).filter((kid) => kid !== null && kid !== undefined && kid !== false));
  return node;
}

/**
 * Make `parent` hold exactly `nodes`, in this order. Nodes that are already in order are not
 * touched, because moving a node takes the focus and the caret away from whoever types in it.
 */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

/** Run `change`; if it replaced the focused control, focus its successor with the same caret. */
export function keepFocus(root, change) {
  const before = document.activeElement;
  const key = root.contains(before) ? before.dataset.focusKey : undefined;
  const caret = key && "selectionStart" in before ? [before.selectionStart, before.selectionEnd] : null;
  change();
  if (!key || document.activeElement === before) return;
  const after = [...root.querySelectorAll("[data-focus-key]")].find((n) => n.dataset.focusKey === key);
  if (!after) return;
  after.focus({ preventScroll: true });
  if (caret && caret[0] !== null) after.setSelectionRange(...caret);
}

let counter = 0;

/** A document-wide unique id, for label/for and aria references. */
export function uniqueId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

/** A url the browser may follow from text an app sent, or null (javascript:, relative and such). */
export function safeUrl(url) {
  try {
    const parsed = new URL(url);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** An image url that may be loaded: only our own origin, so the console never phones out. */
export function ownImageUrl(url) {
  try {
    const parsed = new URL(url, location.href);
    return parsed.origin === location.origin || parsed.protocol === "data:" ? parsed.href : null;
  } catch {
    return null;
  }
}

/** A link that opens outside of this tab without handing it over. */
export function link(url, ...kids) {
  const href = safeUrl(url);
  if (!href) return el("span", {}, ...kids);
  return el("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...kids);
}
