// The "rich_text" block: what Slack's own composer makes, and what table cells may hold.
// https://docs.slack.dev/reference/block-kit/blocks/rich-text-block/

import { el, link } from "./dom.js";
import { emojiOf } from "./emoji.js";
import { channelChip, dateNode, userChip } from "./mrkdwn.js";

function styled(node, style = {}) {
  let out = node;
  for (const [name, tag] of [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"]]) {
    if (style[name]) out = el(tag, {}, out);
  }
  return out;
}

const INLINE = {
  text: (e) => e.text,
  link: (e) => link(e.url, e.text || e.url),
  emoji: (e) => emojiOf(e.name) ?? `:${e.name}:`,
  user: (e, ctx) => userChip(e.user_id, ctx),
  channel: (e, ctx) => channelChip(e.channel_id, ctx),
  usergroup: (e) => el("span", { class: "mention" }, `@${e.usergroup_id}`),
  broadcast: (e) => el("span", { class: "mention mention-me" }, `@${e.range}`),
  color: (e) => e.value,
  date: (e, ctx) => dateNode(e.timestamp, e.format || "{date_short_pretty} {time}", ctx, e.url),
};

function inline(elements, ctx) {
  return (elements ?? []).map((element) => {
    const make = INLINE[element.type];
    return make ? styled(make(element, ctx), element.style) : `[${element.type}]`;
  });
}

const SECTIONS = {
  rich_text_section: (e, ctx) => el("p", { class: "rich" }, ...inline(e.elements, ctx)),
  rich_text_preformatted: (e, ctx) => el("pre", {}, ...inline(e.elements, ctx)),
  rich_text_quote: (e, ctx) => el("blockquote", { class: "rich" }, ...inline(e.elements, ctx)),
  rich_text_list: (e, ctx) => el(
    e.style === "ordered" ? "ol" : "ul",
    { class: `rich indent-${Math.min(e.indent ?? 0, 4)}`, start: e.offset ? e.offset + 1 : null },
    e.elements.map((item) => el("li", {}, ...inline(item.elements, ctx))),
  ),
};

/** A rich_text block -> a list of nodes. */
export function richText(block, ctx) {
  return (block.elements ?? []).map((element) => {
    const make = SECTIONS[element.type];
    return make ? make(element, ctx) : el("p", {}, `[${element.type}]`);
  });
}

/** What a person typed into a plain box, as the rich_text value Slack would send. */
export function richTextOf(text) {
  if (!text) return null;
  const section = { type: "rich_text_section", elements: [{ type: "text", text }] };
  return { type: "rich_text", elements: [section] };
}

/** The plain text in a rich_text value. */
export function textOfRich(value) {
  const texts = (value?.elements ?? []).flatMap((s) => (s.elements ?? []).map((e) => e.text ?? ""));
  return texts.join("");
}
