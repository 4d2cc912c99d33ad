// What is asked and told about a booking: details, a form, a question, a refusal with what fits instead.

import { ask, newKey } from "../api.js";
import { el } from "../dom.js";
import { fromInput, lengthWords, toInput, windowWords } from "../zoned.js";
import { factsOf, titleOf } from "./words.js";

const iso = (ms) => new Date(ms).toISOString();

export class Dialogs {
  /** `done(reservation, words)` is called after every change. */
  constructor(dialog, model, done) {
    Object.assign(this, { dialog, model, done });
    dialog.addEventListener("close", () => this.back?.isConnected && this.back.focus());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  #show(title, ...content) {
    if (!this.dialog.open) this.back = document.activeElement;
    const close = el("button", { type: "button", class: "plain tl-close", "aria-label": "Close", onclick: () => this.dialog.close() }, "✕");
    this.dialog.replaceChildren(el("h2", { id: "dialog-title" }, title), close, ...content);
    this.dialog.setAttribute("aria-labelledby", "dialog-title");
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** Show everything about a bar, with what its reader may do. */
  open(bar) {
    const [title, ...facts] = factsOf(bar, this.model);
    const list = el("ul", { class: "tl-facts" }, ...facts.map((fact) => el("li", {}, fact)));
    const actions = el("div", { class: "tl-actions" });
    if (bar.movable) {
      const later = bar.end + this.model.slot;
      actions.append(
        this.#button(`Extend by ${lengthWords(this.model.slot)}`, () => this.resize(bar, later)),
        this.#button("Change times…", () => this.#changeTimes(bar)),
        this.#button(bar.state === "booked" ? "Cancel…" : "Release…", () => this.#askToCancel(bar), "danger"),
      );
    }
    actions.append(el("a", { class: "button", href: `/reservations/${bar.reservation_id}` }, "All details"));
    if (bar.run_id !== null) actions.append(el("a", { class: "button", href: `/runs/${bar.run_id}` }, "Training"));
    this.#show(title, list, actions);
  }

  #button(words, does, style = "") {
    return el("button", { type: "button", class: style, onclick: does }, words);
  }

  /** Ask for the rest of a booking of those tracks in that window. */
  book(rows, window) {
    const names = rows.map((row) => row.gpu.name);
    const start = el("input", { type: "datetime-local", name: "start", required: true, value: toInput(window.start) });
    const end = el("input", { type: "datetime-local", name: "end", required: true, value: toInput(window.end) });
    const note = el("input", { type: "text", name: "note", maxlength: "300", autocomplete: "off" });
    const priority = el("select", { name: "priority" },
      el("option", { value: "", selected: true }, "the usual one of your team"),
      el("option", { value: "p2" }, "P2 research, preemptible"),
      el("option", { value: "p1" }, "P1 production"),
      el("option", { value: "p0" }, "P0 urgent production"));
    const key = newKey();
    const send = () => {
      const begins = fromInput(start.value), ends = fromInput(end.value);
      const body = { end: iso(ends), gpu_names: names, gpu_count: names.length, priority: priority.value || null, note: note.value };
      if (begins > this.model.currentTime) body.start = iso(begins);
      this.#send("/reservations", body, `${key}-${begins}-${ends}-${priority.value}`, "Booked", body);
    };
    const form = el("form", { class: "tl-form", onsubmit: (event) => { event.preventDefault(); send(); } },
      el("p", {}, names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ")),
      el("label", {}, "From ", start), el("label", {}, "Until ", end),
      el("label", {}, "Priority ", priority), el("label", {}, "Note ", note),
      el("p", { class: "quiet" }, `Times are yours; you get every slot of ${lengthWords(this.model.slot)} that they touch.`),
      el("div", { class: "tl-actions" }, el("button", { type: "submit", class: "primary" }, "Book")));
    this.#show(`Book ${names.length === 1 ? "1 GPU" : `${names.length} GPUs`}`, form);
    note.focus();
  }

  move(bar, start) {
    const window = windowWords(start, start + bar.end - bar.start);
    this.#confirm(`Move R${bar.reservation_id}?`, `${titleOf(bar)} moves to ${window}, as long as before.`, "Move", () =>
      this.#send(`/reservations/${bar.reservation_id}/move`, { start: iso(start) }, null, "Moved"));
  }

  resize(bar, end) {
    const longer = end > bar.end;
    const words = `${titleOf(bar)} then ends ${windowWords(bar.end, end).split(" to ").at(-1)} instead, ` +
      `${lengthWords(Math.abs(end - bar.end))} ${longer ? "later" : "sooner"}.`;
    this.#confirm(`${longer ? "Extend" : "Shorten"} R${bar.reservation_id}?`, words, longer ? "Extend" : "Shorten", () =>
      this.#send(`/reservations/${bar.reservation_id}/${longer ? "extend" : "shorten"}`, { until: iso(end) }, null, longer ? "Extended" : "Shortened"));
  }

  #changeTimes(bar) {
    const start = el("input", { type: "datetime-local", value: toInput(bar.start), required: true });
    const end = el("input", { type: "datetime-local", value: toInput(bar.end), required: true });
    const send = (event) => {
      event.preventDefault();
      const begins = fromInput(start.value), ends = fromInput(end.value);
      if (begins !== bar.start) this.move(bar, begins);
      else if (ends !== bar.end) this.resize(bar, ends);
      else this.dialog.close();
    };
    this.#show(`Change R${bar.reservation_id}`, el("form", { class: "tl-form", onsubmit: send },
      el("p", { class: "quiet" }, "A new start moves it, as long as before; a new end alone makes it longer or shorter."),
      bar.state === "booked" ? el("label", {}, "From ", start) : null,
      el("label", {}, "Until ", end),
      el("div", { class: "tl-actions" }, el("button", { type: "submit", class: "primary" }, "Go on"))));
  }

  #askToCancel(bar) {
    const reason = el("input", { type: "text", maxlength: "300", autocomplete: "off" });
    const send = () => this.#send(`/reservations/${bar.reservation_id}/cancel`, { reason: reason.value }, null, "Given back");
    this.#show(`Give R${bar.reservation_id} back?`,
      el("form", { class: "tl-form", onsubmit: (event) => { event.preventDefault(); send(); } },
        el("p", {}, `${titleOf(bar)}: its GPUs go to those who wait. A training is stopped softly.`),
        el("label", {}, "Why (others may read it) ", reason),
        el("div", { class: "tl-actions" }, el("button", { type: "submit", class: "danger" }, "Give it back"))));
  }

  #confirm(title, words, yes, does) {
    const go = this.#button(yes, does, "primary");
    this.#show(title, el("p", {}, words),
      el("div", { class: "tl-actions" }, go, this.#button("Leave it", () => this.dialog.close())));
    go.focus();
  }

  async #send(path, body, key, words, wish = null) {
    for (const each of this.dialog.querySelectorAll("button, input, select")) each.disabled = true;
    const answer = await ask(path, { method: "POST", body, key });
    if (answer.ok) {
      this.dialog.close();
      this.done(answer.body, `${words}: R${answer.body.id}, ${windowWords(Date.parse(answer.body.starts_at), Date.parse(answer.body.ends_at))}`
        + `${answer.body.state === "pending" ? ". It waits for approval" : ""}.`);
      return;
    }
    this.#refuse(answer.body, wish);
  }

  /** Say why not, and offer what fits instead: one click each. */
  #refuse(told, wish) {
    const others = (told.alternatives ?? []).map((other) => {
      const window = windowWords(Date.parse(other.starts_at), Date.parse(other.ends_at));
      const names = other.gpu_names.length ? other.gpu_names : other.kind === "later" ? wish?.gpu_names ?? [] : [];
      const what = names.length ? names.join(", ") : `${other.gpu_count} ${other.gpu_count === 1 ? "GPU" : "GPUs"}${other.gpu_type ? ` ${other.gpu_type}` : ""}`;
      return el("li", {}, this.#button(`${what}: ${window}`, () => this.#take(other, wish), "primary"));
    });
    this.#show("That does not work",
      el("p", { role: "alert" }, told.sentence ?? "Berth refused it."),
      others.length && !/:\s*$/.test(told.sentence ?? "") ? el("p", {}, "These windows do fit:") : null,
      el("ul", { class: "tl-others" }, ...others),
      el("div", { class: "tl-actions" }, this.#button("Leave it", () => this.dialog.close())));
    (this.dialog.querySelector(".tl-others button") ?? this.dialog.querySelector(".tl-actions button")).focus();
  }

  #take(other, wish) {
    const path = `/reservations/${other.reservation_id}`;
    const bar = this.model.byNumber.get(other.reservation_id);
    if (other.reservation_id === null) {
      const { priority = null, note = "" } = wish ?? {};
      const body = { start: other.starts_at, end: other.ends_at, gpu_count: other.gpu_count, priority, note };
      if (other.gpu_names.length) body.gpu_names = other.gpu_names;
      else if (other.gpu_type) body.gpu_type = other.gpu_type;
      else if (wish?.gpu_names && other.kind === "later") body.gpu_names = wish.gpu_names;
      if (Date.parse(body.start) <= this.model.currentTime) delete body.start;
      this.#send("/reservations", body, newKey(), "Booked", body);
    } else if (bar && Date.parse(other.starts_at) === bar.start) {
      this.#send(`${path}/extend`, { until: other.ends_at }, null, "Extended");
    } else this.#send(`${path}/move`, { start: other.starts_at }, null, "Moved");
  }
}
