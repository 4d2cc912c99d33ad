// The stand-in's console API: one function per endpoint, and the stream that says "look again".

async function post(path, body) {
  try {
    const response = await fetch(`/console/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json().catch(() => null);
    if (answer && typeof answer === "object") {
      return response.ok ? answer : { ok: false, error: answer.error ?? `HTTP ${response.status}` };
    }
    return { ok: false, error: `HTTP ${response.status}` };
  } catch {
    return { ok: false, error: "stand_in_unreachable" };
  }
}

/** Everything `user` can see; null if there is no such user. Throws if there is no answer. */
export async function getState(user) {
  const response = await fetch(`/console/state?user=${encodeURIComponent(user)}`);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`state: HTTP ${response.status}`);
  return response.json();
}

export const say = (body) => post("say", body);
export const sendAction = (body) => post("action", body);
export const submitView = (body) => post("submit", body);
export const closeView = (body) => post("close", body);
export const openHome = (user) => post("home", { user });
export const loadOptions = (body) => post("options", body);

const REOPEN_AFTER_MS = 1000;
const HIDDEN_GRACE_MS = 5000;

/**
 * The stream of changes for one user. A tab that stays hidden lets go of its connection: a browser
 * opens only six per host, and a person with a tab per Slack user would otherwise run out of them.
 */
export class ChangeStream {
  #user;
  #source = null;
  #timer = 0;
  #onChange;
  #onConnected;

  constructor(user, onChange, onConnected) {
    this.#user = user;
    this.#onChange = onChange;
    this.#onConnected = onConnected;
    this.visibility = () => this.#visibilityChanged();
    document.addEventListener("visibilitychange", this.visibility);
    this.#open();
  }

  close() {
    document.removeEventListener("visibilitychange", this.visibility);
    this.#drop();
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    this.#drop();
    const source = new EventSource(`/console/events?user=${encodeURIComponent(this.#user)}`);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#onConnected(true);
      this.#onChange();
    });
    source.addEventListener("changed", () => this.#onChange());
    source.addEventListener("error", () => {
      this.#onConnected(false);
      // The browser reconnects by itself after a dropped connection, but not after an HTTP error.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#open(), REOPEN_AFTER_MS);
      }
    });
  }

  #visibilityChanged() {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(() => this.#drop(), HIDDEN_GRACE_MS);
    else if (!this.#source || this.#source.readyState === EventSource.CLOSED) this.#open();
  }
}
