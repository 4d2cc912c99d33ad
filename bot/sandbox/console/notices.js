// The one line that says what the app is doing, or why it did not: Slack's "operation_timeout".

import { el } from "./dom.js";

const WORKING_AFTER_MS = 250;

const REASONS = {
  stand_in_unreachable: "the stand-in is not running",
  is_archived: "this channel is archived",
  not_in_channel: "you are not in this channel",
};

/** A sentence for a failure: the stand-in sends either a whole sentence or an error code. */
export function explain(what, error) {
  if (error?.includes(" ")) return /[.!?]$/.test(error) ? error : `${error}.`;
  return `${what} failed: ${REASONS[error] ?? (error || "something went wrong")}.`;
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
    if (!result.ok) this.error(explain(what, result.error));
    else if (this.#pending === 0 && this.#node?.dataset.kind === "working") this.clear();
    return result;
  }

  /** The options that an app offered; if it failed to, an error is shown and there are none. */
  async options(answer) {
    const { options, error } = await answer;
    if (error) this.error(explain("Loading the options", error));
    return options ?? [];
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
    const dismiss = el("button", {
      type: "button", class: "icon", "aria-label": "Dismiss", onclick: () => this.clear(),
    }, "✕");
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
