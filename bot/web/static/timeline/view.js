// Draws the tracks: only those on the screen exist, so that a thousand scroll like twenty.

import { el } from "../dom.js";
import { Scale } from "./scale.js";
import { factsOf, titleOf } from "./words.js";

export const ROW_PX = 32;
const HEAD_PX = 40;
const SPARE_ROWS = 8;
const LEAST_LABEL_PX = 44; // a shorter bar shows its pattern instead

export class View {
  /** @param {HTMLElement} root an empty element; @param {import("./model.js").Model} model */
  constructor(root, model) {
    this.model = model;
    this.zoom = "week";
    this.shown = new Map();
    this.selected = null;
    this.head = el("div", { class: "tl-head", role: "row", "aria-rowindex": "1" });
    this.corner = el("div", { class: "tl-name tl-corner", role: "columnheader" }, "GPU");
    this.dates = el("div", { class: "tl-dates", role: "columnheader", "aria-label": "Time" });
    this.head.append(this.corner, this.dates);
    this.lines = el("div", { class: "tl-lines", "aria-hidden": "true" });
    this.now = el("div", { class: "tl-now", "aria-hidden": "true" }, el("span", {}, "now"));
    this.ghost = el("div", { class: "tl-ghost", hidden: true, "aria-hidden": "true" });
    this.canvas = el("div", { class: "tl-canvas", role: "grid", "aria-label": "Timeline of GPUs" },
      this.head, this.lines, this.now, this.ghost);
    this.scroller = el("div", { class: "tl-scroll" }, this.canvas);
    root.replaceChildren(this.scroller);
    this.scroller.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(this.scroller);
  }

  get nameWidth() {
    return this.corner.offsetWidth || 132;
  }

  get viewport() {
    return this.scroller.clientWidth - this.nameWidth;
  }

  resize() {
    if (this.viewport === this.seenWidth && this.scroller.clientHeight === this.seenHeight) return;
    this.seenWidth = this.viewport;
    this.seenHeight = this.scroller.clientHeight;
    const middle = this.scale ? this.scale.at(this.scroller.scrollLeft + this.viewport / 2) : null;
    this.rebuild(middle);
  }

  /** Draw everything anew; `middle` is the instant that stands in the middle then. */
  rebuild(middle = null) {
    const { model } = this;
    if (!model.rows || model.start === undefined) return;
    this.scale = new Scale(model.start, model.end, this.zoom, this.viewport);
    this.canvas.style.width = `${this.nameWidth + this.scale.width}px`;
    this.canvas.style.height = `${HEAD_PX + model.rows.length * ROW_PX}px`;
    this.canvas.setAttribute("aria-rowcount", String(model.rows.length + 1));
    if (middle !== null) this.scroller.scrollLeft = this.scale.x(middle) - this.viewport / 2;
    this.redraw();
  }

  /** Draw again what is on the screen, after the bars have changed. */
  redraw() {
    const held = document.activeElement?.closest(".tl-canvas") ? document.activeElement : null;
    const place = held?.closest("[data-row]")?.dataset.row;
    const number = held?.dataset.r;
    for (const row of this.shown.values()) row.element.remove();
    this.shown.clear();
    this.tickRange = null;
    this.#draw();
    this.moveNow();
    if (place !== undefined) this.#giveBackFocus(place, number);
  }

  #giveBackFocus(place, number) {
    const row = this.rowElement(Number(place));
    const element = (number && row?.querySelector(`[data-r="${number}"]`)) || row?.querySelector(".tl-name .tl-focus");
    element?.focus({ preventScroll: true });
  }

  schedule() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.#draw();
    });
  }

  #draw() {
    if (!this.scale) return;
    const { scrollTop, scrollLeft, clientHeight } = this.scroller;
    const count = this.model.rows.length;
    const first = Math.max(0, Math.floor((scrollTop - HEAD_PX) / ROW_PX) - SPARE_ROWS);
    const last = Math.min(count - 1, Math.ceil((scrollTop + clientHeight) / ROW_PX) + SPARE_ROWS);
    const view = { from: this.scale.at(scrollLeft), to: this.scale.at(scrollLeft + this.viewport) };
    this.#drawTicks(view);
    for (const [index, row] of this.shown) {
      if ((index < first || index > last) && !row.element.contains(document.activeElement)) {
        row.element.remove();
        this.shown.delete(index);
      }
    }
    for (let index = first; index <= last; index += 1) {
      const row = this.shown.get(index);
      if (!row) this.#addRow(index, view);
      else if (view.from < row.from || view.to > row.to) this.#fillRow(row, view);
    }
    this.onDrawn?.();
  }

  #drawTicks(view) {
    if (this.tickRange && view.from >= this.tickRange.from && view.to <= this.tickRange.to) return;
    const span = view.to - view.from;
    this.tickRange = { from: view.from - span, to: view.to + span };
    const labels = [], lines = [];
    for (const tick of this.scale.ticks(this.tickRange.from, this.tickRange.to)) {
      const label = el("span", { class: tick.day ? "tl-day" : "tl-hour" }, tick.label);
      const line = el("i", { class: tick.day ? "tl-line tl-line-day" : "tl-line" });
      label.style.left = line.style.left = `${this.scale.x(tick.at)}px`;
      labels.push(label);
      lines.push(line);
      if (tick.weekend) {
        const shade = el("i", { class: "tl-weekend" });
        shade.style.left = `${this.scale.x(tick.at)}px`;
        shade.style.width = `${this.scale.x(tick.until) - this.scale.x(tick.at)}px`;
        lines.push(shade);
      }
    }
    this.dates.replaceChildren(...labels);
    this.lines.replaceChildren(...lines);
  }

  #addRow(index, view) {
    const row = this.model.rows[index];
    const name = row.kind === "host" ? this.#hostName(row) : this.#gpuName(row);
    const bars = el("div", { class: "tl-bars", role: "none" });
    const state = row.host.online ? "" : " tl-offline";
    const element = el("div", {
      class: `tl-row tl-${row.kind}${state}`, role: "row", "aria-rowindex": String(index + 2), "data-row": String(index),
    }, name, bars);
    element.style.top = `${HEAD_PX + index * ROW_PX}px`;
    const made = { element, bars, index };
    this.#fillRow(made, view);
    this.shown.set(index, made);
    this.canvas.append(element);
  }

  #hostName(row) {
    const folded = this.model.collapsed.has(row.host.name);
    const marks = [row.host.online ? null : "silent", row.host.drained ? "drained" : null].filter(Boolean).join(", ");
    const label = `${row.host.name}, ${row.count} GPUs${marks ? `, ${marks}` : ""}`;
    return el("div", { class: "tl-name", role: "rowheader" },
      el("button", { type: "button", tabindex: "-1", class: "tl-focus tl-fold", "aria-expanded": String(!folded), "aria-label": label },
        `${folded ? "▸" : "▾"} ${row.host.name}`, marks ? el("small", {}, ` ${marks}`) : null));
  }

  #gpuName(row) {
    const { gpu } = row;
    const label = `${gpu.name}, ${gpu.model}${gpu.broken ? ", broken" : ""}. Press Enter to book it.`;
    return el("div", { class: "tl-name", role: "rowheader" },
      el("button", { type: "button", tabindex: "-1", class: "tl-focus tl-gpu-name", "aria-label": label },
        `gpu${gpu.index}`, el("small", {}, gpu.broken ? " broken" : ` ${gpu.model}`)));
  }

  #fillRow(made, view) {
    const span = view.to - view.from;
    made.from = view.from - span;
    made.to = view.to + span;
    const row = this.model.rows[made.index];
    const held = made.bars.contains(document.activeElement) ? document.activeElement.dataset.r : null;
    const bars = this.model.barsIn(row, made.from, made.to).map((bar) => this.#bar(bar));
    made.bars.replaceChildren(...bars);
    if (held) made.bars.querySelector(`[data-r="${held}"]`)?.focus({ preventScroll: true });
  }

  #bar(bar) {
    const left = this.scale.x(bar.start);
    const width = Math.max(4, this.scale.x(bar.end) - left);
    const classes = ["tl-bar", "tl-focus", `tl-${bar.kind}`, `tl-is-${bar.state}`, `tl-pattern-${bar.team.pattern}`];
    if (!this.model.wanted(bar)) classes.push("tl-other");
    if (bar.movable) classes.push("tl-movable");
    const made = el("div", {
      class: classes.join(" "), role: "gridcell", tabindex: "-1", "data-r": String(bar.reservation_id),
      "aria-label": factsOf(bar, this.model).join(". "),
    }, width < LEAST_LABEL_PX ? null : el("span", { class: "tl-label", "aria-hidden": "true" }, titleOf(bar)));
    made.style.left = `${left}px`;
    made.style.width = `${width}px`;
    made.style.setProperty("--team", bar.team.colour);
    made.style.setProperty("--team-ink", bar.team.ink);
    if (bar.done !== null && !bar.over) made.append(this.#progress(bar.done));
    if (bar.preemptedAt) made.append(this.#mark(bar, "tl-preempted", bar.preemptedAt));
    if (bar.bookedUntil && bar.bookedUntil < bar.end) made.append(this.#overrun(bar));
    if (bar.movable) made.append(el("i", { class: "tl-grip", "aria-hidden": "true" }));
    if (bar.reservation_id === this.selected) made.classList.add("tl-selected");
    return made;
  }

  #progress(done) {
    const filled = el("i", {});
    filled.style.width = `${Math.round(done * 100)}%`;
    return el("i", { class: "tl-progress", "aria-hidden": "true" }, filled);
  }

  #mark(bar, name, at) {
    const mark = el("i", { class: name, "aria-hidden": "true" });
    mark.style.left = `${this.scale.x(Math.min(at, bar.end)) - this.scale.x(bar.start)}px`;
    return mark;
  }

  #overrun(bar) {
    const more = el("i", { class: "tl-overrun", "aria-hidden": "true" });
    more.style.width = `${this.scale.x(bar.end) - this.scale.x(bar.bookedUntil)}px`;
    return more;
  }

  moveNow() {
    if (!this.scale) return;
    const at = this.model.currentTime;
    this.now.hidden = at < this.model.start || at > this.model.end;
    this.now.style.left = `${this.nameWidth + this.scale.x(at)}px`;
  }

  /** Scroll so that an instant stands a little right of the left edge. */
  goTo(ms, share = 0.1) {
    this.scroller.scrollLeft = this.scale.x(ms) - this.viewport * share;
    this.schedule();
  }

  /** Bring a track, and an instant in it, onto the screen. */
  reveal(index, from = null, to = null) {
    const top = index * ROW_PX;
    const { scrollTop, clientHeight, scrollLeft } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW_PX + HEAD_PX > scrollTop + clientHeight) {
      this.scroller.scrollTop = top + ROW_PX + HEAD_PX - clientHeight;
    }
    if (from !== null) {
      const left = this.scale.x(from), right = this.scale.x(to);
      if (right < scrollLeft + 16 || left > scrollLeft + this.viewport - 16) {
        this.scroller.scrollLeft = left - this.viewport * 0.2;
      }
    }
    this.#draw();
  }

  rowElement(index) {
    return this.shown.get(index)?.element ?? null;
  }

  indexOf(reservation) {
    return this.model.rows.findIndex((row) => this.model.barsOf(row).some((bar) => bar.reservation_id === reservation));
  }

  /** Return the track and the instant under a point of the window. */
  placeAt(clientX, clientY) {
    const box = this.scroller.getBoundingClientRect();
    const x = clientX - box.left - this.nameWidth + this.scroller.scrollLeft;
    const y = clientY - box.top + this.scroller.scrollTop - HEAD_PX;
    return { index: Math.floor(y / ROW_PX), at: this.scale.at(x), x };
  }

  /** Show where something would go: tracks from first to last, in a window. */
  showGhost(first, last, start, end, words) {
    this.ghost.hidden = false;
    this.ghost.style.left = `${this.nameWidth + this.scale.x(start)}px`;
    this.ghost.style.width = `${this.scale.x(end) - this.scale.x(start)}px`;
    this.ghost.style.top = `${HEAD_PX + first * ROW_PX}px`;
    this.ghost.style.height = `${(last - first + 1) * ROW_PX}px`;
    this.ghost.textContent = words;
  }

  hideGhost() {
    this.ghost.hidden = true;
  }
}
