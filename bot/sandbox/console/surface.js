// A surface is where blocks are shown: one message, one modal view, the App Home. It owns what a
// person has entered there, redraws only the blocks that changed, and turns clicks into actions.

import { askConfirm } from "./buttons.js";
import { arrange, el, keepFocus } from "./dom.js";
import { FormState, stateValue } from "./form_state.js";
import { renderBlock } from "./render_blocks.js";

export class BlockSurface {
  #blocks = [];
  #drawn = new Map();
  #dispatch;
  #loadOptions;

  /**
   * `dispatch(action, state)` sends a block action and resolves when it was answered;
   * `loadOptions(blockId, actionId, query)` resolves to options.
   */
  constructor({ dispatch, loadOptions }) {
    this.#dispatch = dispatch;
    this.#loadOptions = loadOptions;
    this.form = new FormState();
    this.files = [];
    this.node = el("div", { class: "blocks" });
  }

  /** Show `blocks`; a block that did not change keeps its node, and with it focus and caret. */
  update(blocks, ctx, files = []) {
    this.ctx = ctx;
    this.files = files;
    this.#blocks = blocks.map((block, i) => ({ ...block, block_id: block.block_id ?? `block-${i}` }));
    this.form.sync(this.#blocks, ctx.channelId);
    const about = `${ctx.key}${files.map((file) => file.id)}`;
    const drawn = new Map();
    for (const block of this.#blocks) {
      const signature = JSON.stringify(block) + about;
      const old = this.#drawn.get(block.block_id);
      const node = old?.signature === signature ? old.node : renderBlock(block, this);
      drawn.set(block.block_id, { signature, node });
    }
    this.#drawn = drawn;
    keepFocus(this.node, () => arrange(this.node, [...drawn.values()].map(({ node }) => node)));
  }

  chosen(block, element) {
    return this.form.get(block.block_id, element.action_id);
  }

  /** Whether a change of a value in this block is told to the app at once. */
  dispatches(block) {
    return block.type !== "input" || block.dispatch_action === true;
  }

  /** Remember a value without telling the app. */
  enter(block, element, chosen) {
    this.form.set(block.block_id, element.action_id, chosen);
    this.#setError(block.block_id, "");
  }

  /** Remember a choice and tell the app if it listens; `revert(before)` if the person thinks better. */
  async choose(block, element, chosen, revert) {
    const before = this.chosen(block, element);
    this.enter(block, element, chosen);
    if (!this.dispatches(block)) return;
    if (element.confirm && !(await askConfirm(element.confirm, this.ctx))) {
      this.enter(block, element, before);
      revert(before);
      return;
    }
    await this.dispatchValue(block, element);
  }

  dispatchValue(block, element) {
    const value = stateValue(element, this.chosen(block, element));
    return this.#send(block, element, value);
  }

  /** A button or a menu entry; the opener is busy until the app answered. */
  async press(block, element, extra, node) {
    if (element.confirm && !(await askConfirm(element.confirm, this.ctx))) return;
    node.setAttribute("aria-busy", "true");
    try {
      await this.#send(block, element, extra);
    } finally {
      node.removeAttribute("aria-busy");
    }
  }

  #send(block, element, value) {
    const ids = { type: element.type, action_id: element.action_id, block_id: block.block_id };
    return this.#dispatch({ ...ids, ...value }, this.form.values());
  }

  loadOptions(block, element, query) {
    return this.#loadOptions(block.block_id, element.action_id, query);
  }

  /** Show {block_id: text} at the fields; returns the texts that belong to no field here. */
  showErrors(errors) {
    for (const blockId of this.#drawn.keys()) this.#setError(blockId, errors[blockId] ?? "");
    this.node.querySelector("[aria-invalid=true]")?.focus();
    return Object.entries(errors).filter(([id]) => !this.#errorNode(id)).map(([, text]) => text);
  }

  problems() {
    return this.form.problems(this.#blocks);
  }

  #errorNode(blockId) {
    return this.#drawn.get(blockId)?.node.querySelector(".error") ?? null;
  }

  #setError(blockId, text) {
    const node = this.#errorNode(blockId);
    if (!node || node.textContent === text) return;
    node.textContent = text;
    node.hidden = !text;
    const group = node.parentNode.querySelector("[data-control]");
    // A group of boxes cannot take the focus nor be invalid itself; its members can.
    const isGroup = group?.matches("[role=group], [role=radiogroup]");
    const inside = isGroup ? group.querySelectorAll("input") : [group];
    for (const control of inside) {
      if (!text) {
        control?.removeAttribute("aria-invalid");
        continue;
      }
      control?.setAttribute("aria-invalid", "true");
      control?.setAttribute("aria-describedby", group.getAttribute("aria-describedby"));
    }
  }
}
