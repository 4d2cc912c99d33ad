// external_select and multi_external_select: the app is asked for options while a person types.
// Keyboard and roles follow https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

import { el, uniqueId } from "./dom.js";
import { plainOf } from "./mrkdwn.js";

const ASK_AFTER_MS = 200;
const MIN_QUERY_LENGTH = 3; // Slack's default for min_query_length

class Combobox {
  #options = [];
  #active = -1;
  #timer = 0;
  #asked = 0;

  constructor(element, block, surface, attributes) {
    Object.assign(this, { element, block, surface });
    this.multi = element.type.startsWith("multi_");
    this.minimum = element.min_query_length ?? MIN_QUERY_LENGTH;
    const listId = uniqueId("options");
    const listbox = { role: "listbox", class: "popup", "aria-label": "Options" };
    this.list = el("ul", { id: listId, hidden: true, ...listbox });
    this.input = el("input", {
      ...attributes,
      type: "text",
      role: "combobox",
      autocomplete: "off",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": listId,
      placeholder: plainOf(element.placeholder) || "Type to search",
    });
    this.chips = el("span", { class: "chips" });
    this.node = el("div", { class: "combobox" }, this.multi && this.chips, this.input, this.list);
    this.show(surface.chosen(block, element));
    this.input.addEventListener("input", () => this.#typed());
    this.input.addEventListener("focus", () => this.minimum === 0 && this.#ask());
    this.input.addEventListener("blur", () => this.#left());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const item = event.target.closest("[role=option]");
      if (item) this.#pick(Number(item.dataset.index));
    });
  }

  show(chosen) {
    if (!this.multi) {
      this.input.value = chosen ? plainOf(chosen.text) : "";
      return;
    }
    this.chips.replaceChildren(...chosen.map((option) => {
      const label = plainOf(option.text);
      const remove = () => this.#choose(chosen.filter(({ value }) => value !== option.value));
      const button = el("button", { type: "button", "aria-label": `Remove ${label}`, onclick: remove }, "✕");
      return el("span", { class: "chip", "data-value": option.value }, label, button);
    }));
  }

  #chosen() {
    return this.surface.chosen(this.block, this.element);
  }

  #choose(chosen) {
    this.surface.choose(this.block, this.element, chosen, (before) => this.show(before));
    this.show(chosen);
  }

  #typed() {
    clearTimeout(this.#timer);
    const text = this.input.value.trim();
    if (!this.multi && text === "") this.#choose(null);
    if (text.length < this.minimum) this.#close();
    else this.#timer = setTimeout(() => this.#ask(), ASK_AFTER_MS);
  }

  async #ask() {
    const asked = (this.#asked += 1);
    const chosen = this.#chosen();
    const unchanged = !this.multi && chosen && this.input.value === plainOf(chosen.text);
    const query = unchanged ? "" : this.input.value.trim();
    const options = await this.surface.loadOptions(this.block, this.element, query);
    if (asked !== this.#asked || document.activeElement !== this.input) return;
    this.#options = options;
    this.#open();
  }

  #open() {
    this.#active = this.#options.length ? 0 : -1;
    const items = this.#options.map((option, index) => {
      const note = option.description && el("span", { class: "hint" }, plainOf(option.description));
      return el(
        "li",
        { role: "option", id: `${this.list.id}-${index}`, "data-index": index, "data-value": option.value },
        plainOf(option.text),
        note,
      );
    });
    const nothing = el("li", { class: "hint", role: "presentation" }, "Nothing found");
    this.list.replaceChildren(...(items.length ? items : [nothing]));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.#paint();
  }

  #close() {
    this.#asked += 1;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  #left() {
    clearTimeout(this.#timer);
    this.#close();
    if (this.multi) this.input.value = "";
    else this.show(this.#chosen());
  }

  #paint() {
    for (const [index, item] of [...this.list.querySelectorAll("[role=option]")].entries()) {
      item.setAttribute("aria-selected", String(index === this.#active));
      if (index === this.#active) item.scrollIntoView({ block: "nearest" });
    }
    if (this.#active >= 0) {
      this.input.setAttribute("aria-activedescendant", `${this.list.id}-${this.#active}`);
    }
  }

  #pick(index) {
    const option = this.#options[index];
    if (!option) return;
    this.#close();
    if (!this.multi) return this.#choose(option);
    this.input.value = "";
    const others = this.#chosen().filter(({ value }) => value !== option.value);
    const room = others.length < (this.element.max_selected_items ?? Infinity);
    if (room) this.#choose([...others, option]);
  }

  #key(event) {
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" && !open) {
      if (this.input.value.trim().length >= this.minimum) this.#ask();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && this.#options.length) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#active = (this.#active + step + this.#options.length) % this.#options.length;
      this.#paint();
    } else if (event.key === "Enter" && open) {
      this.#pick(this.#active);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      this.#close();
    } else {
      return;
    }
    event.preventDefault();
  }
}

export function externalSelect(element, block, surface, attributes) {
  return new Combobox(element, block, surface, attributes).node;
}
