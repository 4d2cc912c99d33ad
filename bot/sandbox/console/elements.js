// One Block Kit element -> one DOM node.
// https://docs.slack.dev/reference/block-kit/block-elements/

import { button, overflow } from "./buttons.js";
import { multiChoice, radioButtons, singleSelect } from "./choices.js";
import { externalSelect } from "./combobox.js";
import { el, link, ownImageUrl } from "./dom.js";
import { picker, textInput } from "./inputs.js";

const FIELDS = {
  plain_text_input: textInput,
  rich_text_input: textInput,
  number_input: textInput,
  email_text_input: textInput,
  url_text_input: textInput,
  datepicker: picker,
  timepicker: picker,
  datetimepicker: picker,
  static_select: singleSelect,
  users_select: singleSelect,
  channels_select: singleSelect,
  conversations_select: singleSelect,
  external_select: externalSelect,
  multi_external_select: externalSelect,
  radio_buttons: radioButtons,
  checkboxes: multiChoice,
  multi_static_select: multiChoice,
  multi_users_select: multiChoice,
  multi_channels_select: multiChoice,
  multi_conversations_select: multiChoice,
};

/** An image, unless it would have to be fetched from somewhere else: then a link to it. */
export function image(element, className) {
  const url = element.image_url && ownImageUrl(element.image_url);
  if (url) return el("img", { src: url, alt: element.alt_text ?? "", class: className, loading: "lazy" });
  const text = `[image: ${element.alt_text || "no description"}]`;
  return element.image_url ? link(element.image_url, text) : el("span", { class: "hint" }, text);
}

/**
 * `naming` says what the control is called: {id, labelledBy} or {id, label}, and optionally
 * {describedBy}.
 */
export function renderElement(element, block, surface, naming) {
  const focusKey = `${block.block_id}/${element.action_id}`;
  if (element.type === "button") return button(element, block, surface, focusKey);
  if (element.type === "overflow") return overflow(element, block, surface, focusKey);
  if (element.type === "image") return image(element, "thumb");
  const make = FIELDS[element.type];
  if (!make) return el("span", { class: "hint" }, `[${element.type} is not available here]`);
  return make(element, block, surface, {
    id: naming.id,
    "aria-labelledby": naming.labelledBy,
    "aria-label": naming.labelledBy ? null : naming.label,
    "aria-describedby": naming.describedBy,
    "data-control": true,
    "data-testid": `field-${element.action_id}`,
    "data-action-id": element.action_id,
    "data-focus-key": focusKey,
    "data-focus-on-load": element.focus_on_load,
  });
}
