// Text, number, date and time elements.

import { el } from "./dom.js";
import { plainOf } from "./mrkdwn.js";
import { richTextOf, textOfRich } from "./rich_text.js";
import { fromWall, toWall, wallParts } from "./zones.js";

const TYPING_PAUSE_MS = 400;
const PICKING_PAUSE_MS = 700;

const TYPED_AS = {
  plain_text_input: { type: "text" },
  rich_text_input: {},
  // Not type=number: the browser would hide from us what was typed when it is not a number.
  number_input: { type: "text", inputmode: "decimal" },
  email_text_input: { type: "email", autocomplete: "off" },
  url_text_input: { type: "url" },
};

function triggers(element) {
  return element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
}

/** plain_text_input, number_input, email_text_input, url_text_input, rich_text_input. */
export function textInput(element, block, surface, attributes) {
  const rich = element.type === "rich_text_input";
  const multiline = element.multiline || rich;
  const placeholder = plainOf(element.placeholder) || null;
  const node = multiline
    ? el("textarea", { ...attributes, rows: 4, placeholder })
    : el("input", { ...attributes, ...TYPED_AS[element.type], placeholder });
  const chosen = surface.chosen(block, element);
  node.value = (rich ? textOfRich(chosen) : chosen) ?? "";
  const read = () => (rich ? richTextOf(node.value) : node.value.trim() === "" ? null : node.value);
  let timer = 0;
  node.addEventListener("input", () => {
    surface.enter(block, element, read());
    if (!surface.dispatches(block) || !triggers(element).includes("on_character_entered")) return;
    clearTimeout(timer);
    timer = setTimeout(() => surface.dispatchValue(block, element), TYPING_PAUSE_MS);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    if (multiline) {
      if (event.ctrlKey || event.metaKey) node.form?.requestSubmit();
    } else if (surface.dispatches(block) && triggers(element).includes("on_enter_pressed")) {
      event.preventDefault();
      surface.dispatchValue(block, element);
    }
  });
  return node;
}

const PICKERS = {
  datepicker: { type: "date", show: (chosen) => chosen, read: (text) => text },
  timepicker: { type: "time", show: (chosen) => chosen, read: (text) => text },
  datetimepicker: { type: "datetime-local", show: toWall, read: fromWall },
};

/** Whether a value is one that a person is done with: "0202-…" is a year being typed. */
function finished(text) {
  return text === "" || /^\d\d:\d\d$/.test(text) || text >= "1000";
}

/** datepicker, timepicker, datetimepicker: the last one in the acting user's zone, named beside it. */
export function picker(element, block, surface, attributes) {
  const kind = PICKERS[element.type];
  const tz = surface.ctx.tz;
  const chosen = surface.chosen(block, element);
  const node = el("input", { ...attributes, type: kind.type });
  node.value = chosen === null ? "" : kind.show(chosen, tz);
  let timer = 0;
  let pending = false;
  const flush = () => {
    clearTimeout(timer);
    if (!pending) return;
    pending = false;
    surface.choose(block, element, kind.read(node.value, tz) || null, (before) => {
      node.value = before === null ? "" : kind.show(before, tz);
    });
  };
  // With the keyboard a date changes once per digit: tell the app only once the person pauses.
  node.addEventListener("change", () => {
    if (!finished(node.value)) return;
    if (!surface.dispatches(block)) {
      surface.enter(block, element, kind.read(node.value, tz) || null);
      return;
    }
    pending = true;
    clearTimeout(timer);
    timer = setTimeout(flush, PICKING_PAUSE_MS);
  });
  node.addEventListener("blur", flush);
  node.addEventListener("keydown", (event) => event.key === "Enter" && flush());
  if (element.type !== "datetimepicker") return node;
  return el("span", { class: "with-zone" }, node, el("span", { class: "zone" }, zoneName(tz)));
}

function zoneName(tz) {
  const { hour, minute } = wallParts(Date.now(), tz);
  const now = `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
  return `${tz.replace(/_/g, " ")} (now ${now})`;
}
