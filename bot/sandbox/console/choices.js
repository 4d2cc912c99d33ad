// Elements in which a person chooses among given options: selects, checkboxes, radio buttons.

import { el, uniqueId } from "./dom.js";
import { optionsOf } from "./form_state.js";
import { plainOf, textObject } from "./mrkdwn.js";

const FILTER_FROM = 9;

const byLabel = (a, b) => a.label.localeCompare(b.label);

function people(element, ctx) {
  return Object.values(ctx.users)
    .filter((user) => !user.is_bot && !user.deleted)
    .map((user) => ({ value: user.id, label: personLabel(user), chosen: user.id }))
    .sort(byLabel);
}

function personLabel(user) {
  return user.real_name ? `${user.real_name} (@${user.name})` : `@${user.name}`;
}

function conversations(element, ctx) {
  const include = element.filter?.include;
  const direct = element.type.includes("conversations") && (!include || include.includes("im"));
  const open = !include || include.includes("public") || include.includes("private");
  return Object.values(ctx.channels)
    .filter((channel) => !channel.is_archived && (channel.is_im ? direct : open))
    .filter((c) => !(element.filter?.exclude_bot_users && ctx.users[c.user]?.is_bot))
    .map((channel) => ({
      value: channel.id,
      label: channel.is_im ? `@${ctx.users[channel.user]?.name ?? channel.id}` : `#${channel.name}`,
      chosen: channel.id,
    }))
    .sort(byLabel);
}

/** [{value, label, chosen, group?}]: `chosen` is what Slack reports for the choice. */
function choicesOf(element, ctx) {
  if (element.type.includes("users")) return people(element, ctx);
  if (/channels|conversations/.test(element.type)) return conversations(element, ctx);
  const choice = (option, group) => ({
    value: option.value,
    label: plainOf(option.text),
    note: plainOf(option.description),
    chosen: option,
    option,
    group,
  });
  if (!element.option_groups) return optionsOf(element).map((option) => choice(option));
  return element.option_groups.flatMap((group) =>
    group.options.map((option) => choice(option, plainOf(group.label))),
  );
}

const valueOf = (chosen) => (chosen && typeof chosen === "object" ? chosen.value : chosen);

/** Group consecutive choices under their heading: [[heading | undefined, choices]]. */
function grouped(choices) {
  const groups = [];
  for (const choice of choices) {
    if (!groups.length || groups.at(-1)[0] !== choice.group) groups.push([choice.group, []]);
    groups.at(-1)[1].push(choice);
  }
  return groups;
}

/** static_select, users_select, channels_select, conversations_select. */
export function singleSelect(element, block, surface, attributes) {
  const choices = choicesOf(element, surface.ctx);
  const clearable = block.type === "input" && block.optional;
  const placeholder = plainOf(element.placeholder) || (clearable ? "None" : "Choose an option");
  const item = ({ value, label, note }) =>
    el("option", { value }, note ? `${label} — ${note}` : label);
  const node = el(
    "select",
    attributes,
    el("option", { value: "", disabled: !clearable, hidden: !clearable }, placeholder),
    grouped(choices).map(([heading, items]) =>
      heading === undefined ? items.map(item) : el("optgroup", { label: heading }, items.map(item)),
    ),
  );
  const show = (chosen) => {
    node.value = valueOf(chosen) ?? "";
    if (node.selectedIndex < 0) node.selectedIndex = 0;
  };
  show(surface.chosen(block, element));
  node.addEventListener("change", () => {
    const choice = choices.find(({ value }) => value === node.value);
    surface.choose(block, element, choice?.chosen ?? null, show);
  });
  return node;
}

function optionLine(type, name, choice, checked, ctx) {
  const input = el("input", {
    type,
    name,
    value: choice.value,
    "data-value": choice.value,
    "prop:checked": checked,
  });
  const text = choice.option ? textObject(choice.option.text, ctx) : [choice.label];
  const note = choice.option?.description;
  return el(
    "label",
    { class: "option" },
    input,
    el("span", {}, ...text, note && el("span", { class: "hint" }, ...textObject(note, ctx))),
  );
}

/** radio_buttons. */
export function radioButtons(element, block, surface, attributes) {
  const choices = choicesOf(element, surface.ctx);
  const name = uniqueId("radio");
  const current = valueOf(surface.chosen(block, element));
  const node = el(
    "div",
    { ...attributes, role: "radiogroup", class: "options" },
    choices.map((choice) =>
      optionLine("radio", name, choice, choice.value === current, surface.ctx)),
  );
  const show = (chosen) => {
    for (const input of node.querySelectorAll("input")) input.checked = input.value === valueOf(chosen);
  };
  node.addEventListener("change", (event) => {
    const choice = choices.find(({ value }) => value === event.target.value);
    surface.choose(block, element, choice.chosen, show);
  });
  return node;
}

function filterBox(node) {
  const lines = [...node.querySelectorAll(".option")];
  const box = el("input", {
    type: "search",
    class: "filter",
    placeholder: "Filter…",
    "aria-label": "Filter the options",
  });
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    for (const line of lines) line.hidden = !line.textContent.toLowerCase().includes(wanted);
  });
  box.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  return box;
}

/** checkboxes, multi_static_select, multi_users_select, multi_channels_select, multi_conversations_select. */
export function multiChoice(element, block, surface, attributes) {
  const choices = choicesOf(element, surface.ctx);
  const name = uniqueId("check");
  const current = new Set(surface.chosen(block, element).map(valueOf));
  const select = element.type.startsWith("multi_");
  const node = el(
    "div",
    { ...attributes, role: "group", class: select ? "options options-box" : "options" },
    grouped(choices).map(([heading, items]) => [
      heading !== undefined && el("p", { class: "options-heading" }, heading),
      ...items.map((c) => optionLine("checkbox", name, c, current.has(c.value), surface.ctx)),
    ]),
  );
  if (select && choices.length >= FILTER_FROM) node.prepend(filterBox(node));
  const boxes = [...node.querySelectorAll("input[type=checkbox]")];
  const limit = () => {
    const full = boxes.filter((box) => box.checked).length >= (element.max_selected_items ?? Infinity);
    for (const box of boxes) box.disabled = full && !box.checked;
  };
  const show = (chosen) => {
    const values = new Set(chosen.map(valueOf));
    for (const box of boxes) box.checked = values.has(box.value);
    limit();
  };
  node.addEventListener("change", (event) => {
    if (event.target.type !== "checkbox") return;
    const ticked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const chosen = choices.filter(({ value }) => ticked.has(value)).map((choice) => choice.chosen);
    limit();
    surface.choose(block, element, chosen, show);
  });
  limit();
  return node;
}
