// The one line that says what the app is doing, or why it did not: Slack's "operation_timeout".

import { el } from "./dom.js";

const WORKING_AFTER_MS = 250;

const REASONS = {
  operation_timeout: "did not answer within three seconds",
  app_not_connected: "is not connected",
  dispatch_failed: "could not be reached",
  stand_in_unreachable: "could not be reached, because the stand-in itself is not running",
};

/** A sentence for an error code of the stand-in. */
export function explain(app, error) {
  const reason = REASONS[error];
  return reason ? `${app} ${reason} (${error})` : `${error || "something went wrong"}`;
}

/** Shows at most one notice: over the page, or inside the open dialog, where it can be read. */
export class Notices {
  #node = null;
  #pending = 0;

  constructor(pageHost) {
    this.pageHost = pageHost;
    this.dialogHost = null;
    this.appName = "Berth";
  }

  /** Where notices go from now on: a host inside a dialog, or null for the page. */
  moveTo(dialogHost) {
    this.dialogHost = dialogHost;
    if (this.#node) (dialogHost ?? this.pageHost).append(this.#node);
  }

  /** Show that the app is at work until `answer` is there; then its error, if it has one. */
  async track(answer, what) {
    this.clear();
    this.#pending += 1;
    const timer = setTimeout(() => this.#show("working", `${this.appName} is working…`), WORKING_AFTER_MS);
    const result = await answer;
    clearTimeout(timer);
    this.#pending -= 1;
    if (!result.ok) this.error(`${what} failed: ${explain(this.appName, result.error)}.`);
    else if (this.#pending === 0 && this.#node?.dataset.kind === "working") this.clear();
    return result;
  }

  error(text) {
    this.#show("error", text);
  }

  info(text) {
    this.#show("info", text);
  }

  clear() {
    this.#node?.remove();
    this.#node = null;
  }

  #show(kind, text) {
    this.clear();
    const role = kind === "error" ? "alert" : "status";
    const dismiss = el("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: () => this.clear() }, "✕");
    this.#node = el(
      "p",
      { class: `notice notice-${kind}`, role, "data-kind": kind, "data-testid": "notice" },
      kind === "working" && el("span", { class: "spinner", "aria-hidden": "true" }),
      el("span", {}, text),
      kind !== "working" && dismiss,
    );
    (this.dialogHost ?? this.pageHost).append(this.#node);
  }
}
