// One Block Kit block -> one DOM node. https://docs.slack.dev/reference/block-kit/blocks/

import { el, link, ownImageUrl, uniqueId } from "./dom.js";
import { image, renderElement } from "./elements.js";
import { markdown } from "./markdown.js";
import { plainOf, textObject } from "./mrkdwn.js";
import { richText } from "./rich_text.js";

function labelOf(element, text) {
  return element.accessibility_label ?? (plainOf(element.placeholder) || text || element.action_id);
}

function named(element, text) {
  return { id: uniqueId("field"), label: labelOf(element, text) };
}

function section(block, surface) {
  const { ctx } = surface;
  const body = el("div", { class: "section-body" },
    block.text && el("div", { class: "text" }, ...textObject(block.text, ctx)),
    block.fields && el("div", { class: "fields" },
      block.fields.map((field) => el("div", { class: "text" }, ...textObject(field, ctx)))));
  if (!block.accessory) return body;
  const naming = named(block.accessory, plainOf(block.text));
  const accessory = renderElement(block.accessory, block, surface, naming);
  const kind = block.accessory.type === "image" ? "section with-image" : "section";
  return el("div", { class: kind }, body, el("div", { class: "accessory" }, accessory));
}

function context(block, { ctx }) {
  return el("div", { class: "context" }, block.elements.map((element) =>
    element.type === "image"
      ? image(element, "context-image")
      : el("span", { class: "text" }, ...textObject(element, ctx))));
}

function imageBlock(block, { ctx }) {
  return el("figure", {},
    block.title && el("figcaption", {}, ...textObject(block.title, ctx)),
    image(block, "picture"));
}

function input(block, surface) {
  const { ctx } = surface;
  const names = ["id", "label", "hint", "error"];
  const ids = Object.fromEntries(names.map((name) => [name, uniqueId(name)]));
  const optional = block.optional ? el("span", { class: "hint" }, " (optional)") : null;
  const describedBy = block.hint ? `${ids.error} ${ids.hint}` : ids.error;
  return el("div", { class: "input" },
    el("label", { id: ids.label, for: ids.id, class: "label" }, ...textObject(block.label, ctx), optional),
    renderElement(block.element, block, surface, { id: ids.id, labelledBy: ids.label, describedBy }),
    el("p", { id: ids.error, class: "error", hidden: true, "data-testid": `error-${block.block_id}` }),
    block.hint && el("p", { id: ids.hint, class: "hint" }, ...textObject(block.hint, ctx)));
}

function cell(content, surface, tag, settings) {
  const inner = content.type === "rich_text"
    ? richText(content, surface.ctx)
    : [content.text ?? String(content.value ?? "")];
  const align = ["center", "right"].includes(settings?.align) ? `align-${settings.align}` : null;
  return el(tag, { class: align, scope: tag === "th" ? "col" : null }, ...inner);
}

function table(block, surface) {
  const row = (tag) => (cells) =>
    el("tr", {}, cells.map((content, i) => cell(content, surface, tag, block.column_settings?.[i])));
  const [head, ...rest] = block.rows;
  return el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    el("table", {}, el("thead", {}, row("th")(head)), el("tbody", {}, rest.map(row("td")))));
}

/** A file that a message carries: the picture itself, or a link to download it. */
export function fileNode(file) {
  const url = file.url && ownImageUrl(file.url);
  const name = file.title || file.name || file.id;
  if (!url) return el("p", { class: "file" }, `📄 ${name}`);
  if (file.mimetype?.startsWith("image/")) {
    const picture = el("img", { src: url, alt: name, class: "picture", loading: "lazy" });
    return el("figure", {}, el("figcaption", {}, name), link(url, picture));
  }
  return el("p", { class: "file" }, "📄 ", el("a", { href: url, download: file.name ?? "" }, name));
}

function fileBlock(block, surface) {
  const file = surface.files.find((f) => f.external_id === block.external_id || f.id === block.external_id);
  return fileNode(file ?? { name: block.external_id });
}

const BLOCKS = {
  section,
  context,
  input,
  table,
  image: imageBlock,
  file: fileBlock,
  header: (block, { ctx }) => el("h3", { class: "header" }, ...textObject(block.text, ctx)),
  divider: () => el("hr"),
  actions: (block, surface) => el("div", { class: "actions" },
    block.elements.map((e) => renderElement(e, block, surface, named(e)))),
  rich_text: (block, { ctx }) => el("div", { class: "text" }, ...richText(block, ctx)),
  markdown: (block) => el("div", { class: "text" }, ...markdown(block.text ?? "")),
};

export function renderBlock(block, surface) {
  const make = BLOCKS[block.type];
  const node = make
    ? make(block, surface)
    : el("p", { class: "hint" }, `[a "${block.type}" block, which this console does not draw]`);
  node.classList.add("block");
  node.dataset.blockId = block.block_id;
  return node;
}
