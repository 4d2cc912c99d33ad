// The "markdown" block: the common part of standard Markdown (not Slack's mrkdwn), as DOM nodes.
// https://docs.slack.dev/reference/block-kit/blocks/markdown-block/

import { el, link } from "./dom.js";
import { withEmoji } from "./emoji.js";

// Order matters: code first (nothing inside it counts), strong before emphasis.
const INLINE = [
  [/`([^`\n]+)`/, (m) => el("code", {}, m[1])],
  [/!?\[([^\]\n]*)\]\(([^()\s]+)\)/, (m) => link(m[2], ...inline(m[1] || m[2]))],
  [/\*\*(?=\S)([^\n]*?\S)\*\*/, (m) => el("strong", {}, ...inline(m[1]))],
  [/__(?=\S)([^\n]*?\S)__/, (m) => el("strong", {}, ...inline(m[1]))],
  [/~~(?=\S)([^\n]*?\S)~~/, (m) => el("s", {}, ...inline(m[1]))],
  [/\*(?=\S)([^*\n]*?\S)\*/, (m) => el("em", {}, ...inline(m[1]))],
  [/\b_(?=\S)([^_\n]*?\S)_\b/, (m) => el("em", {}, ...inline(m[1]))],
];

function inline(text) {
  let best = null;
  for (const [pattern, make] of INLINE) {
    const match = pattern.exec(text);
    if (match && (!best || match.index < best.match.index)) best = { match, make };
  }
  if (!best) return text ? [withEmoji(text)] : [];
  const { match, make } = best;
  const rest = text.slice(match.index + match[0].length);
  return [...inline(text.slice(0, match.index)), make(match), ...inline(rest)];
}

const ITEM = /^\s*([-*+]|\d+[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;
const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

function takeWhile(lines, from, test) {
  let end = from;
  while (end < lines.length && test(lines[end])) end += 1;
  return lines.slice(from, end);
}

function list(items) {
  const ordered = /^\s*\d/.test(items[0]);
  return el(ordered ? "ol" : "ul", {}, items.map((line) => {
    const [, , ticked, text] = ITEM.exec(line);
    const box = ticked === undefined ? null : ticked === " " ? "☐ " : "☑ ";
    return el("li", {}, box, ...inline(text));
  }));
}

function table(rows) {
  const row = (tag) => (line) => el("tr", {}, cells(line).map((c) => el(tag, {}, ...inline(c))));
  const head = el("thead", {}, row("th")(rows[0]));
  const body = el("tbody", {}, rows.slice(2).map(row("td")));
  return el("div", { class: "table-scroll" }, el("table", {}, head, body));
}

/** One block construct starting at `lines[i]` as [node, lines used], or null for a paragraph. */
function construct(lines, i) {
  const line = lines[i];
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) return [el("p", { class: "md-heading" }, ...inline(heading[2])), 1];
  if (/^\s*([-*_])\s*(\1\s*){2,}$/.test(line)) return [el("hr"), 1];
  if (line.startsWith("```")) {
    const code = takeWhile(lines, i + 1, (l) => !l.startsWith("```"));
    return [el("pre", {}, code.join("\n")), code.length + 2];
  }
  if (line.startsWith(">")) {
    const quoted = takeWhile(lines, i, (l) => l.startsWith(">"));
    const inner = quoted.map((l) => l.replace(/^> ?/, "")).join("\n");
    return [el("blockquote", {}, markdown(inner)), quoted.length];
  }
  if (ITEM.test(line)) {
    const items = takeWhile(lines, i, (l) => ITEM.test(l));
    return [list(items), items.length];
  }
  if (line.includes("|") && TABLE_RULE.test(lines[i + 1] ?? "")) {
    const rows = takeWhile(lines, i, (l) => l.includes("|"));
    return [table(rows), rows.length];
  }
  return null;
}

/** Markdown -> a list of nodes. */
export function markdown(text) {
  const lines = text.split("\n");
  const nodes = [];
  let paragraph = null;
  for (let i = 0; i < lines.length; ) {
    const found = construct(lines, i);
    if (found) {
      nodes.push(found[0]);
      i += found[1];
      paragraph = null;
      continue;
    }
    if (!lines[i].trim()) paragraph = null;
    else if (paragraph) paragraph.append(el("br"), ...inline(lines[i]));
    else nodes.push((paragraph = el("p", {}, ...inline(lines[i]))));
    i += 1;
  }
  return nodes;
}
