// The stack of modal views, in one <dialog>: Slack shows the top one, up to three deep.
// https://docs.slack.dev/surfaces/modals/

import { closeView, loadOptions, sendAction, submitView } from "./api.js";
import { arrange, el } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { BlockSurface } from "./surface.js";

const FOCUSABLE = "input:not([disabled]), select, textarea, button, a[href]";

export class ModalStack {
  #entries = new Map();
  #top = null;
  #opener = null;
  #busy = false;

  /** `refresh()` resolves when the newest state was drawn. */
  constructor(dialog, notices, refresh) {
    Object.assign(this, { dialog, notices, refresh });
    this.head = el("header", { class: "modal-head" });
    this.noticeHost = el("div", { class: "notice-host" });
    this.errors = el("div", { class: "modal-errors", role: "alert" });
    this.body = el("div", { class: "modal-body" });
    this.foot = el("footer", { class: "modal-foot" });
    const form = el("form", { novalidate: true, method: "dialog" },
      this.errors, this.body, this.noticeHost, this.foot);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    dialog.append(this.head, form);
    // The browser closes a dialog on Escape at once; Slack asks the app's server first.
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      this.#close(false);
    });
    dialog.addEventListener("cancel", (event) => {
      if (event.target !== dialog) return;
      event.preventDefault();
      this.#close(false);
    });
  }

  get isOpen() {
    return this.#top !== null;
  }

  /** Draw the acting user's views; the last one is on top. */
  render(views, ctx) {
    this.user = ctx.me.id;
    const ids = new Set(views.map((view) => view.id));
    for (const id of this.#entries.keys()) if (!ids.has(id)) this.#entries.delete(id);
    for (const view of views) this.#update(view, ctx);
    const top = views.length ? this.#entries.get(views.at(-1).id) : null;
    if (top) this.#show(top, views.length, ctx);
    else this.#hide();
  }

  #update(view, ctx) {
    let entry = this.#entries.get(view.id);
    if (!entry) {
      entry = { lastFocus: null, hash: view.hash };
      entry.surface = this.#surfaceOf(view.id);
      this.#entries.set(view.id, entry);
    }
    entry.updated = entry.hash !== view.hash;
    entry.hash = view.hash;
    entry.view = view;
    entry.surface.update(view.blocks, ctx);
  }

  #surfaceOf(viewId) {
    const container = { type: "view", view_id: viewId };
    return new BlockSurface({
      dispatch: async (action, state) => {
        const answer = sendAction({ user: this.user, container, action, state });
        await this.notices.track(answer, "That");
        await this.refresh();
      },
      loadOptions: (blockId, actionId, value) =>
        this.notices.options(loadOptions({
          user: this.user, value, action_id: actionId, block_id: blockId, view_id: viewId,
        })),
    });
  }

  #show(entry, depth, ctx) {
    const isNew = this.#top !== entry;
    if (isNew && this.#top) this.#top.lastFocus = document.activeElement;
    if (isNew || entry.updated) this.errors.replaceChildren();
    if (!this.#top) this.#opener = document.activeElement;
    this.#top = entry;
    this.#drawFrame(entry.view, depth, ctx);
    if (isNew) {
      arrange(this.body, [entry.surface.node]);
      this.body.scrollTop = 0;
    }
    if (!this.dialog.open) this.dialog.showModal();
    this.notices.moveTo(this.noticeHost);
    if (isNew) this.#focusFirst(entry);
    else if (!this.dialog.contains(document.activeElement)) this.#focusFirst(entry);
  }

  #focusFirst(entry) {
    const { node } = entry.surface;
    const again = entry.lastFocus && node.contains(entry.lastFocus) ? entry.lastFocus : null;
    const wished = node.querySelector("[data-focus-on-load]");
    const first = again ?? wished ?? node.querySelector(FOCUSABLE);
    (first ?? this.foot.querySelector("button:last-child")).focus();
  }

  #drawFrame(view, depth, ctx) {
    const frame = JSON.stringify([view.title, view.submit, view.close, depth, view.id]);
    if (frame === this.frame) return;
    this.frame = frame;
    const had = this.dialog.contains(document.activeElement) && document.activeElement.dataset.testid;
    const title = el("h2", { id: "modal-title" }, ...textObject(view.title, ctx));
    const back = depth > 1 && el("button", {
      type: "button", class: "icon", "aria-label": "Back", "data-testid": "modal-back",
      onclick: () => this.#close(false),
    }, "‹");
    const all = el("button", {
      type: "button", class: "icon", "aria-label": depth > 1 ? "Close all" : "Close",
      "data-testid": "modal-dismiss", onclick: () => this.#close(depth > 1),
    }, "✕");
    this.head.replaceChildren(...[back, title, all].filter(Boolean));
    const close = el("button", {
      type: "button", "data-testid": "modal-close", onclick: () => this.#close(false),
    }, ...(view.close ? textObject(view.close, ctx) : [view.submit ? "Cancel" : "Close"]));
    const submit = view.submit && el("button", { class: "primary", "data-testid": "modal-submit" },
      ...textObject(view.submit, ctx));
    this.foot.replaceChildren(...[close, submit].filter(Boolean));
    if (had) this.dialog.querySelector(`[data-testid="${CSS.escape(had)}"]`)?.focus();
  }

  #hide() {
    if (!this.#top) return;
    this.#top = null;
    this.frame = null;
    this.notices.moveTo(null);
    this.body.replaceChildren();
    if (this.dialog.open) this.dialog.close();
    this.#opener?.focus();
    this.#opener = null;
  }

  async #close(cleared) {
    if (!this.#top || this.#busy) return;
    const answer = await closeView({ user: this.user, view_id: this.#top.view.id, cleared });
    if (!answer.ok) this.notices.error(`Closing failed: ${answer.error}.`);
    await this.refresh();
  }

  async #submit() {
    const entry = this.#top;
    if (!entry?.view.submit || this.#busy) return;
    this.errors.replaceChildren();
    const problems = entry.surface.problems();
    entry.surface.showErrors(problems);
    if (Object.keys(problems).length) return;
    this.#setBusy(true);
    const body = { user: this.user, view_id: entry.view.id, state: entry.surface.form.values() };
    const answer = submitView(body).then((a) => (a.errors ? { ...a, ok: true } : a));
    const { errors } = await this.notices.track(answer, "Submitting");
    await this.refresh();
    this.#setBusy(false);
    if (!errors || this.#top !== entry) return;
    const homeless = entry.surface.showErrors(errors);
    this.errors.replaceChildren(...homeless.map((text) => el("p", { class: "error" }, text)));
  }

  #setBusy(busy) {
    this.#busy = busy;
    const submit = this.foot.querySelector("[data-testid=modal-submit]");
    if (!submit) return;
    if (busy) submit.setAttribute("aria-busy", "true");
    else submit.removeAttribute("aria-busy");
  }
}
