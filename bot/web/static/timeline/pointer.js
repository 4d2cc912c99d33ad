// Dragging: over free time books, a bar of one's own moves, its end grows or shrinks.
// A finger scrolls; a tap does what a click does.

import { lengthWords, windowWords } from "../zoned.js";

const FAR_ENOUGH_PX = 5;

export class Pointer {
  /** `does` holds open(bar), fold(host), book(rows, window), move(bar, start) and resize(bar, end). */
  constructor(view, model, does) {
    Object.assign(this, { view, model, does, drag: null });
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#stop());
    canvas.addEventListener("click", (event) => this.#click(event));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.drag) {
        this.#stop();
        this.swallow = true;
      }
    });
  }

  #target(event) {
    const bar = event.target.closest(".tl-bar");
    const place = this.view.placeAt(event.clientX, event.clientY);
    return { bar: bar ? this.#barOf(bar) : null, place, row: this.model.rows[place.index], grip: event.target.closest(".tl-grip") };
  }

  #barOf(element) {
    const row = this.model.rows[Number(element.closest("[data-row]").dataset.row)];
    const number = Number(element.dataset.r);
    return this.model.barsOf(row).find((bar) => bar.reservation_id === number) ?? null;
  }

  #down(event) {
    this.swallow = false;
    if (event.button !== 0 || event.pointerType === "touch" || event.target.closest(".tl-name, .tl-head")) return;
    const { bar, place, row, grip } = this.#target(event);
    if (!row) return;
    const from = { x: event.clientX, y: event.clientY, place };
    if (bar?.movable && grip) this.drag = { kind: "resize", bar, from };
    else if (bar?.movable && bar.state === "booked") this.drag = { kind: "move", bar, from };
    else if (!bar && row.kind === "gpu" && this.model.mayBook) this.drag = { kind: "book", from };
  }

  #move(event) {
    const { drag } = this;
    if (!drag) return;
    const far = Math.hypot(event.clientX - drag.from.x, event.clientY - drag.from.y) > FAR_ENOUGH_PX;
    if (!drag.going && !far) return;
    if (!drag.going) this.view.canvas.setPointerCapture(event.pointerId); // now, or a click would lose its bar
    drag.going = true;
    this.view.canvas.classList.add("tl-dragging");
    const place = this.view.placeAt(event.clientX, event.clientY);
    if (drag.kind === "book") this.#draftBooking(drag, place);
    else if (drag.kind === "move") this.#draftMove(drag, place);
    else this.#draftEnd(drag, place);
  }

  #draftBooking(drag, place) {
    const { model } = this;
    const [from, to] = [drag.from.place.at, place.at].sort((one, other) => one - other);
    const start = Math.max(model.slotStart(from), model.slotStart(model.currentTime));
    const end = Math.max(model.slotEnd(to), model.leastEnd(start));
    const [first, last] = this.#tracks(drag.from.place.index, place.index);
    drag.rows = model.rows.slice(first, last + 1).filter((row) => row.kind === "gpu");
    drag.window = { start, end };
    const count = drag.rows.length === 1 ? "1 GPU" : `${drag.rows.length} GPUs`;
    this.view.showGhost(first, last, start, end, `${count}, ${lengthWords(end - start)}`);
  }

  #tracks(one, other) {
    const within = (index) => Math.max(0, Math.min(this.model.rows.length - 1, index));
    return [within(Math.min(one, other)), within(Math.max(one, other))];
  }

  #draftMove(drag, place) {
    const { model } = this;
    const by = Math.round((place.at - drag.from.place.at) / model.slot) * model.slot;
    drag.start = Math.max(drag.bar.start + by, model.slotStart(model.currentTime));
    this.#outline(drag.bar, drag.start, drag.start + drag.bar.end - drag.bar.start);
  }

  #draftEnd(drag, place) {
    const { model } = this;
    const least = Math.max(drag.bar.start, model.slotStart(model.currentTime)) + model.slot;
    drag.end = Math.max(Math.round(place.at / model.slot) * model.slot, least);
    this.#outline(drag.bar, drag.bar.start, drag.end);
  }

  #outline(bar, start, end) {
    const index = this.drag.from.place.index;
    this.view.showGhost(index, index, start, end, `R${bar.reservation_id}: ${windowWords(start, end)}`);
  }

  #up() {
    const { drag } = this;
    this.#stop();
    if (!drag?.going) return;
    this.swallow = true;
    if (drag.kind === "book" && drag.rows.length) this.does.book(drag.rows, drag.window);
    else if (drag.kind === "move" && drag.start !== drag.bar.start) this.does.move(drag.bar, drag.start);
    else if (drag.kind === "resize" && drag.end !== drag.bar.end) this.does.resize(drag.bar, drag.end);
  }

  #stop() {
    this.drag = null;
    this.view.canvas.classList.remove("tl-dragging");
    this.view.hideGhost();
  }

  #click(event) {
    if (this.swallow) {
      this.swallow = false;
      return;
    }
    const element = event.target.closest("[data-row]");
    if (!element) return;
    const row = this.model.rows[Number(element.dataset.row)];
    const bar = event.target.closest(".tl-bar");
    const named = event.target.closest(".tl-name .tl-focus");
    if (bar) this.does.open(this.#barOf(bar));
    else if (named && row.kind === "host") this.does.fold(row.host.name);
    else if (row.kind === "gpu" && this.model.mayBook) {
      const { scroller, scale } = this.view;
      const from = named ? scale.at(scroller.scrollLeft) : this.view.placeAt(event.clientX, event.clientY).at;
      this.does.book([row], this.model.nextFree(row, from));
    }
  }
}
