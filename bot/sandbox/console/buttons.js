// Buttons, overflow menus, and the "are you sure" dialog that any element may carry.

import { el, safeUrl, uniqueId } from "./dom.js";
import { plainOf, textObject } from "./mrkdwn.js";

/** Ask a Block Kit confirmation object; resolves to whether the person agreed. */
export function askConfirm(confirm, ctx) {
  const titleId = uniqueId("confirm");
  const textId = uniqueId("confirm");
  const yes = el("button", { value: "yes", class: confirm.style ?? "primary", "data-testid": "confirm-yes" },
    plainOf(confirm.confirm) || "Yes");
  const no = el("button", { value: "no", "data-testid": "confirm-no" }, plainOf(confirm.deny) || "Cancel");
  const dialog = el(
    "dialog",
    { class: "confirm", role: "alertdialog", "aria-labelledby": titleId, "aria-describedby": textId },
    el("form", { method: "dialog" },
      el("h2", { id: titleId }, ...textObject(confirm.title, ctx)),
      el("p", { id: textId }, ...textObject(confirm.text, ctx)),
      el("p", { class: "buttons" }, no, yes)),
  );
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** button; with a url it is a link that also tells the app. */
export function button(element, block, surface, focusKey) {
  const url = element.url && safeUrl(element.url);
  const classes = ["button", element.style].filter(Boolean).join(" ");
  const attributes = {
    class: classes,
    "data-action-id": element.action_id,
    "data-value": element.value ?? "",
    "data-focus-key": focusKey,
    "aria-label": element.accessibility_label,
  };
  const node = url
    ? el("a", { ...attributes, href: url, target: "_blank", rel: "noopener noreferrer" })
    : el("button", { ...attributes, type: "button" });
  node.append(...textObject(element.text, surface.ctx));
  node.addEventListener("click", () => {
    if (node.getAttribute("aria-busy") === "true") return;
    const extra = element.value === undefined ? {} : { value: element.value };
    surface.press(block, element, extra, node);
  });
  return node;
}

function overflowItem(option, press, ctx) {
  const note = option.description && el("span", { class: "hint" }, ...textObject(option.description, ctx));
  const attributes = { role: "menuitem", tabindex: "-1", "data-value": option.value };
  const url = option.url && safeUrl(option.url);
  const node = url
    ? el("a", { ...attributes, href: url, target: "_blank", rel: "noopener noreferrer" })
    : el("button", { ...attributes, type: "button" });
  node.append(...textObject(option.text, ctx), note || "");
  node.addEventListener("click", press);
  return node;
}

function moveInMenu(event, menu, opener) {
  const items = [...menu.querySelectorAll("[role=menuitem]")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) {
    items.at(to % items.length).focus();
  } else if (event.key === "Escape") {
    menu.hidePopover();
    opener.focus();
  } else {
    if (event.key === "Tab") menu.hidePopover();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

/** overflow: a menu button, per https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/ */
export function overflow(element, block, surface, focusKey) {
  const menuId = uniqueId("menu");
  const opener = el("button", {
    type: "button",
    class: "button overflow",
    "aria-label": "More actions",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    "data-action-id": element.action_id,
    "data-focus-key": focusKey,
  }, "⋯");
  const menu = el("div", { id: menuId, role: "menu", popover: "auto", class: "menu" });
  menu.append(...element.options.map((option) => overflowItem(option, () => {
    menu.hidePopover();
    opener.focus();
    surface.press(block, element, { selected_option: option }, opener);
  }, surface.ctx)));
  opener.addEventListener("click", () => {
    menu.togglePopover();
    if (!menu.matches(":popover-open")) return;
    const box = opener.getBoundingClientRect();
    const size = menu.getBoundingClientRect();
    const below = box.bottom + size.height < innerHeight ? box.bottom + 4 : box.top - size.height - 4;
    menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
    menu.style.top = `${Math.max(8, below)}px`;
    menu.querySelector("[role=menuitem]")?.focus();
  });
  menu.addEventListener("toggle", (event) => {
    opener.setAttribute("aria-expanded", String(event.newState === "open"));
  });
  menu.addEventListener("keydown", (event) => moveInMenu(event, menu, opener));
  return el("span", { class: "overflow-host" }, opener, menu);
}
