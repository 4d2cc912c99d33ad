// Slack's mrkdwn and plain_text objects as DOM nodes.
// https://docs.slack.dev/messaging/formatting-message-text/
//
// `ctx` is what the reader knows: {users, channels, tz, nowMs}.

import { el, link, safeUrl } from "./dom.js";
import { emojiOf, withEmoji } from "./emoji.js";
import { formatTokens, fullText } from "./zones.js";

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const decode = (text) => text.replace(/&(lt|gt|amp);/g, (entity) => ENTITIES[entity]);

const STYLES = { "*": "strong", _: "em", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;

export function userChip(id, ctx, label) {
  const user = ctx.users[id];
  const mine = id === ctx.me?.id;
  const name = user ? user.name : label || id;
  const title = user?.real_name;
  return el("span", { class: mine ? "mention mention-me" : "mention", title }, `@${name}`);
}

export function channelChip(id, ctx, label) {
  const channel = ctx.channels[id];
  return el("span", { class: "mention" }, `#${channel?.name || label || id}`);
}

/** A moment in the reader's zone; `{ago}` texts are kept current by the console's minute timer. */
export function dateNode(unixS, format, ctx, url, atStart = false) {
  const ms = unixS * 1000;
  const node = el("time", {
    datetime: new Date(ms).toISOString(),
    title: fullText(ms, ctx.tz),
    "data-format": format,
    "data-at": unixS,
    "data-start": atStart,
  });
  paintDate(node, ctx);
  return url && safeUrl(url) ? link(url, node) : node;
}

/** Write the current text of a node made by `dateNode`. */
export function paintDate(node, ctx) {
  const text = formatTokens(node.dataset.format, Number(node.dataset.at), ctx.tz, ctx.nowMs());
  const shown = "start" in node.dataset ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  if (node.textContent !== shown) node.textContent = shown;
}

function special(body, ctx, atStart) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : decode(body.slice(bar + 1));
  if (target.startsWith("@")) return userChip(target.slice(1), ctx, label);
  if (target.startsWith("#")) return channelChip(target.slice(1), ctx, label);
  if (target.startsWith("!date^")) return specialDate(target, label, ctx, atStart);
  if (/^!(here|channel|everyone)$/.test(target)) {
    return el("span", { class: "mention mention-me" }, `@${target.slice(1)}`);
  }
  if (target.startsWith("!subteam^")) {
    return el("span", { class: "mention" }, label || `@${target.slice(9)}`);
  }
  if (target.startsWith("!")) return document.createTextNode(label || `<${target}>`);
  const url = decode(target);
  return safeUrl(url) ? link(url, label || url.replace(/^mailto:/, "")) : null;
}

function specialDate(target, label, ctx, atStart) {
  const [, at, format, url] = target.split("^");
  if (!/^\d+$/.test(at ?? "") || !format) return document.createTextNode(label);
  return dateNode(Number(at), decode(format), ctx, url && decode(url), atStart);
}

/** Where the mark opened at `start` closes, or -1. Marks only count at the edge of a word. */
function closing(text, start) {
  const mark = text[start];
  if (start > 0 && WORD.test(text[start - 1])) return -1;
  if (!text[start + 1] || /\s/.test(text[start + 1]) || text[start + 1] === mark) return -1;
  for (let i = start + 1; i < text.length && text[i] !== "\n"; i += 1) {
    if (text[i] === "<" || text[i] === "`") {
      const end = text.indexOf(text[i] === "<" ? ">" : "`", i + 1);
      if (end > 0) i = end;
    } else if (text[i] === mark && !/\s/.test(text[i - 1])) {
      if (!text[i + 1] || !WORD.test(text[i + 1])) return i;
    }
  }
  return -1;
}

/** One construct at `i` as [node, next index], or null if the character is ordinary text. */
function construct(text, i, ctx) {
  const char = text[i];
  if (char === "`") {
    const end = text.indexOf("`", i + 1);
    if (end <= i + 1 || text.slice(i, end).includes("\n")) return null;
    return [el("code", {}, decode(text.slice(i + 1, end))), end + 1];
  }
  if (char === "<") {
    const end = text.indexOf(">", i + 1);
    const node = end > i + 1 ? special(text.slice(i + 1, end), ctx, i === 0) : null;
    return node && [node, end + 1];
  }
  if (Object.hasOwn(STYLES, char)) {
    const end = closing(text, i);
    if (end < 0) return null;
    return [el(STYLES[char], {}, inline(text.slice(i + 1, end), ctx)), end + 1];
  }
  if (char === ":") {
    const match = /^:([a-z0-9_+-]+):(?::skin-tone-[2-6]:)?/.exec(text.slice(i, i + 60));
    const emoji = match && emojiOf(match[1]);
    if (!emoji) return null;
    return [el("span", { class: "emoji", title: `:${match[1]}:` }, emoji), i + match[0].length];
  }
  return null;
}

function inline(text, ctx) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(decode(plain)));
    plain = "";
  };
  for (let i = 0; i < text.length; ) {
    const found = construct(text, i, ctx);
    if (found) {
      flush();
      nodes.push(found[0]);
      i = found[1];
    } else {
      plain += text[i];
      i += 1;
    }
  }
  flush();
  return nodes;
}

const QUOTE = /^(&gt;|>) ?/;
const BULLET = /^(\s*)([•◦▪-]|\d{1,3}[.)])\s+(?=\S)/;

function lines(text, ctx) {
  const nodes = [];
  let quote = null;
  for (const line of text.split("\n")) {
    if (QUOTE.test(line)) {
      quote ??= nodes[nodes.push(el("blockquote", {})) - 1];
      if (quote.childNodes.length) quote.append(el("br"));
      quote.append(...inline(line.replace(QUOTE, ""), ctx));
      continue;
    }
    quote = null;
    const bullet = BULLET.exec(line);
    if (bullet) {
      const rest = inline(line.slice(bullet[0].length), ctx);
      nodes.push(el("span", { class: "bullet" }, el("span", {}, `${bullet[2]} `), el("span", {}, rest)));
    } else {
      nodes.push(el("span", { class: "line" }, inline(line, ctx)));
    }
  }
  return nodes;
}

/** mrkdwn -> a list of nodes. */
export function mrkdwn(text, ctx) {
  const nodes = [];
  for (const [i, part] of text.split(/```/).entries()) {
    const last = i === text.split(/```/).length - 1;
    if (i % 2 === 1 && !last) nodes.push(el("pre", {}, decode(part.replace(/^\n|\n$/g, ""))));
    else if (i % 2 === 1) nodes.push(...lines(`\`\`\`${part}`, ctx));
    else {
      const around = part.replace(i > 0 ? /^\n/ : /^$/, "").replace(last ? /^$/ : /\n$/, "");
      if (around) nodes.push(...lines(around, ctx));
    }
  }
  return nodes;
}

/** A text object (mrkdwn or plain_text) -> a list of nodes. */
export function textObject(object, ctx) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text ?? "", ctx);
  return [object.emoji === false ? object.text ?? "" : withEmoji(object.text ?? "")];
}

/** A text object as a string, for labels, placeholders and options. */
export function plainOf(object) {
  if (!object) return "";
  if (object.type !== "mrkdwn") return withEmoji(object.text ?? "");
  return withEmoji(decode((object.text ?? "").replace(/<([^>|]*\|)?([^>]*)>/g, "$2")))
    .replace(/[*`]/g, "");
}
