// The box to write in: Enter sends, Shift+Enter makes a line, / and @ and # complete,
// Arrow Up in an empty box brings back what was sent last.

import { el, uniqueId } from "./dom.js";

const MOST_SUGGESTIONS = 8;

/** What a person typed, as Slack's client would send it: escaped, with known names made mentions. */
export function asMessage(text, ctx) {
  const users = new Map(Object.values(ctx.users).map((user) => [user.name, user.id]));
  const channels = new Map(
    Object.values(ctx.channels).filter((c) => !c.is_im).map((c) => [c.name, c.id]),
  );
  return text
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
    .replace(/&lt;((?:@U|#C|!date\^|!subteam\^)[^&\s]*(?: [^&]*)?)&gt;/g, "<$1>")
    .replace(/(^|[\s(])@([a-z0-9._-]*[a-z0-9])/g, (all, lead, name) => {
      if (/^(here|channel|everyone)$/.test(name)) return `${lead}<!${name}>`;
      return users.has(name) ? `${lead}<@${users.get(name)}>` : all;
    })
    .replace(/(^|[\s(])#([a-z0-9_-]+)/g, (all, lead, name) =>
      channels.has(name) ? `${lead}<#${channels.get(name)}|${name}>` : all);
}

/** A command's text as Slack sends it where the command asks for escaping: names come with ids. */
export function asCommand(text, ctx, command) {
  if (!command?.should_escape) return text;
  return asMessage(text, ctx).replace(/<@(U[A-Z0-9]+)>/g, (all, id) => {
    const name = ctx.users[id]?.name;
    return name ? `<@${id}|${name}>` : all;
  });
}

function startingWith(items, word) {
  const fits = ({ insert }) => insert.toLowerCase().startsWith(word.toLowerCase());
  return items.filter(fits).slice(0, MOST_SUGGESTIONS);
}

/** Suggestions for the word before the caret: [{insert, note}]. */
function suggestionsFor(before, ctx, commands) {
  if (/^\/\S*$/.test(before)) {
    const items = commands.map(({ command, description }) => ({ insert: command, note: description }));
    return { word: before, items: startingWith(items, before) };
  }
  const word = /(?:^|\s)([@#]\S*)$/.exec(before)?.[1];
  if (!word) return { word: "", items: [] };
  const users = Object.values(ctx.users).filter((user) => !user.deleted);
  const channels = Object.values(ctx.channels).filter((channel) => !channel.is_im);
  const items = word.startsWith("@")
    ? users.map(({ name, real_name }) => ({ insert: `@${name}`, note: real_name }))
    : channels.map(({ name }) => ({ insert: `#${name}`, note: "" }));
  return { word, items: startingWith(items, word) };
}

export class Composer {
  #items = [];
  #word = "";
  #active = -1;
  #sent = [];
  #recalled = 0;
  #ctx = null;
  #commands = [];

  /** `send(text)` is called with what was typed. */
  constructor(host, { inputId, testId, sendTestId, label, send }) {
    this.send = send;
    const listId = uniqueId("suggestions");
    const hintId = uniqueId("hint");
    const listbox = { role: "listbox", class: "popup suggestions", "aria-label": "Suggestions" };
    this.list = el("ul", { id: listId, hidden: true, ...listbox });
    this.hint = el("p", { id: hintId, class: "composer-hint", "data-testid": `${testId}-hint` });
    this.box = el("textarea", {
      id: inputId,
      rows: 1,
      "data-testid": testId,
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-controls": listId,
      "aria-describedby": hintId,
    });
    const button = el("button", { class: "primary", "data-testid": sendTestId }, "Send");
    const form = el("form", { class: "composer" }, this.list, this.box, button);
    host.append(form, this.hint);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.box.addEventListener("input", () => this.#typed());
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("blur", () => this.#closeList());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.#complete(Number(item.dataset.index));
    });
  }

  get text() {
    return this.box.value;
  }

  set text(text) {
    this.box.value = text;
    this.#closeList();
    this.#fit();
    this.#showHint();
  }

  update(ctx, commands, label) {
    this.#ctx = ctx;
    this.#commands = commands;
    this.box.setAttribute("aria-label", label);
    this.box.placeholder = label;
    this.#showHint();
  }

  focus() {
    this.box.focus();
  }

  #submit() {
    const text = this.box.value.trim();
    if (!text) return;
    this.#sent.push(text);
    this.#recalled = this.#sent.length;
    this.text = "";
    this.send(text);
  }

  #typed() {
    this.#fit();
    this.#showHint();
    const before = this.box.value.slice(0, this.box.selectionStart);
    const { word, items } = suggestionsFor(before, this.#ctx, this.#commands);
    const complete = items.length === 1 && items[0].insert === word;
    this.#word = word;
    this.#items = complete ? [] : items;
    if (this.#items.length) this.#openList();
    else this.#closeList();
  }

  #fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight + 2, 200)}px`;
  }

  #showHint() {
    const first = /^\/\S+/.exec(this.box.value)?.[0];
    const known = this.#commands.find(({ command }) => command === first);
    const keys = `Enter sends · Shift+Enter new line${this.#commands.length ? " · / for commands" : ""}`;
    const text = known ? `${known.command} ${known.usage_hint ?? ""} — ${known.description}` : keys;
    if (this.hint.textContent !== text) this.hint.textContent = text;
  }

  #openList() {
    this.#active = 0;
    this.list.replaceChildren(...this.#items.map(({ insert, note }, index) =>
      el("li", { role: "option", id: `${this.list.id}-${index}`, "data-index": index },
        el("strong", {}, insert), note && el("span", { class: "hint" }, ` ${note}`))));
    this.list.hidden = false;
    this.#paintList();
  }

  #closeList() {
    this.#items = [];
    this.list.hidden = true;
    this.box.removeAttribute("aria-activedescendant");
  }

  #paintList() {
    for (const [index, item] of [...this.list.children].entries()) {
      item.setAttribute("aria-selected", String(index === this.#active));
    }
    this.box.setAttribute("aria-activedescendant", `${this.list.id}-${this.#active}`);
  }

  #complete(index) {
    const item = this.#items[index];
    const caret = this.box.selectionStart;
    const start = caret - this.#word.length;
    this.box.setRangeText(`${item.insert} `, start, caret, "end");
    this.#closeList();
    this.#fit();
    this.#showHint();
  }

  #key(event) {
    if (event.isComposing) return;
    if (this.#items.length ? this.#listKey(event) : this.#boxKey(event)) event.preventDefault();
  }

  #listKey(event) {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      const step = key === "ArrowDown" ? 1 : -1;
      this.#active = (this.#active + step + this.#items.length) % this.#items.length;
      this.#paintList();
    } else if (key === "Tab" || (key === "Enter" && !event.shiftKey)) {
      if (key === "Enter" && this.#items[this.#active].insert === this.#word) return this.#boxKey(event);
      this.#complete(this.#active);
    } else if (key === "Escape") {
      this.#closeList();
    } else {
      return false;
    }
    return true;
  }

  #boxKey(event) {
    if (event.key === "Enter" && !event.shiftKey) {
      this.#submit();
      return true;
    }
    if (event.key === "ArrowUp" && this.#mayRecall()) return this.#recall(-1);
    if (event.key === "ArrowDown" && this.#mayRecall()) return this.#recall(1);
    return false;
  }

  /** Arrow keys belong to the caret, except in an empty box or in a text just brought back. */
  #mayRecall() {
    return this.box.value === "" || this.box.value === this.#sent[this.#recalled];
  }

  #recall(step) {
    const to = this.#recalled + step;
    if (to < 0 || to > this.#sent.length) return false;
    this.#recalled = to;
    this.text = this.#sent[to] ?? "";
    this.box.setSelectionRange(this.text.length, this.text.length);
    return true;
  }
}
