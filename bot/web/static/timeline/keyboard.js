// Moves the focus over tracks and bars with the arrow keys; one of them is in the tab order.

export class Keyboard {
  /** `does` holds open(bar), book(row, at), fold(host) and zoom(step). */
  constructor(view, model, does) {
    this.view = view;
    this.model = model;
    this.does = does;
    this.index = 0;
    this.number = null;
    this.at = null;
    view.onDrawn = () => this.refresh();
    view.canvas.addEventListener("keydown", (event) => this.#press(event));
    view.canvas.addEventListener("focusin", (event) => this.#note(event.target));
  }

  /** Let the Tab key reach the place where the focus was last. */
  refresh() {
    this.index = Math.min(this.index, Math.max(0, this.model.rows.length - 1));
    const place = this.#element() ?? this.view.canvas.querySelector(".tl-focus");
    for (const each of this.view.canvas.querySelectorAll('.tl-focus[tabindex="0"]')) {
      if (each !== place) each.tabIndex = -1;
    }
    if (place) place.tabIndex = 0;
  }

  #note(target) {
    const row = target.closest("[data-row]");
    if (!row) return;
    this.index = Number(row.dataset.row);
    this.number = target.dataset.r ? Number(target.dataset.r) : null;
    this.refresh();
  }

  #element() {
    const row = this.view.rowElement(this.index);
    if (!row) return null;
    const bar = this.number === null ? null : row.querySelector(`[data-r="${this.number}"]`);
    return bar ?? row.querySelector(".tl-name .tl-focus");
  }

  get #bars() {
    return this.model.barsOf(this.model.rows[this.index]).filter((bar) => this.model.wanted(bar));
  }

  #press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = {
      ArrowDown: () => this.#row(1), ArrowUp: () => this.#row(-1),
      PageDown: () => this.#row(10), PageUp: () => this.#row(-10),
      ArrowRight: () => this.#along(1), ArrowLeft: () => this.#along(-1),
      Home: () => this.#to(this.#bars[0]), End: () => this.#to(this.#bars.at(-1)),
      "+": () => this.does.zoom(-1), "-": () => this.does.zoom(1),
      Enter: () => this.#act(), " ": () => this.#act(),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  }

  #row(by) {
    this.index = Math.max(0, Math.min(this.model.rows.length - 1, this.index + by));
    const near = this.#nearest();
    if (near && this.number !== null) this.#to(near, false);
    else this.#to(null);
  }

  #nearest() {
    const distance = (bar) => Math.max(bar.start - this.at, this.at - bar.end, 0);
    return this.#bars.reduce((best, bar) => (!best || distance(bar) < distance(best) ? bar : best), null);
  }

  #along(by) {
    const bars = this.#bars;
    const place = bars.findIndex((bar) => bar.reservation_id === this.number);
    if (place < 0 && by > 0) {
      const seen = this.view.scale.at(this.view.scroller.scrollLeft);
      this.#to(bars.find((bar) => bar.end > seen) ?? bars.at(-1));
    } else if (place >= 0) this.#to(bars[place + by] ?? (by < 0 ? null : bars[place]));
  }

  #to(bar, remember = true) {
    this.number = bar?.reservation_id ?? null;
    if (bar && (remember || this.at === null)) this.at = (bar.start + bar.end) / 2;
    this.view.reveal(this.index, bar?.start ?? null, bar?.end ?? null);
    const place = this.#element();
    if (place) place.focus({ preventScroll: true });
  }

  #act() {
    const row = this.model.rows[this.index];
    const bar = this.number === null ? null : this.#bars.find((each) => each.reservation_id === this.number);
    if (bar) this.does.open(bar);
    else if (row.kind === "host") this.does.fold(row.host.name);
    else this.does.book([row], this.model.nextFree(row, this.view.scale.at(this.view.scroller.scrollLeft)));
  }

  /** Put the focus onto a reservation's bar. */
  focusOn(number) {
    this.index = Math.max(0, this.view.indexOf(number));
    this.#to(this.#bars.find((bar) => bar.reservation_id === number) ?? null);
  }
}
