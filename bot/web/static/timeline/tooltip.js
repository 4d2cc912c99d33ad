// The job of a bar, beside it: on hover and on focus. Screen readers get the same from its label.

import { el } from "../dom.js";
import { factsOf } from "./words.js";

export class Tooltip {
  constructor(view, model) {
    Object.assign(this, { view, model });
    this.box = el("div", { class: "tl-tip", hidden: true, "aria-hidden": "true" });
    document.body.append(this.box);
    const { canvas, scroller } = view;
    canvas.addEventListener("pointerover", (event) => this.#over(event.target, event.pointerType));
    canvas.addEventListener("pointerleave", () => this.hide());
    canvas.addEventListener("focusin", (event) => this.#over(event.target));
    canvas.addEventListener("focusout", () => this.hide());
    scroller.addEventListener("scroll", () => this.hide(), { passive: true });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
  }

  #over(target, pointer = "") {
    const element = target.closest(".tl-bar");
    if (!element || pointer === "touch" || this.view.canvas.classList.contains("tl-dragging")) {
      this.hide();
      return;
    }
    const bar = this.model.byNumber.get(Number(element.dataset.r));
    if (!bar) return;
    const [title, ...facts] = factsOf(bar, this.model);
    this.box.replaceChildren(el("strong", {}, title), ...facts.map((fact) => el("div", {}, fact)));
    this.box.hidden = false;
    this.#place(element.getBoundingClientRect(), this.view.scroller.getBoundingClientRect());
  }

  #place(bar, area) {
    const left = Math.max(area.left + this.view.nameWidth, Math.min(bar.left, innerWidth - this.box.offsetWidth - 8));
    const below = bar.bottom + 6 + this.box.offsetHeight < innerHeight;
    this.box.style.left = `${Math.max(4, left)}px`;
    this.box.style.top = `${below ? bar.bottom + 6 : Math.max(4, bar.top - this.box.offsetHeight - 6)}px`;
  }

  hide() {
    this.box.hidden = true;
  }
}
