// Asks Berth's own HTTP API as the person who is signed in.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const zone = meta("berth-zone") || "UTC";
const csrf = meta("berth-csrf");
const API = "/api/v1";

/**
 * Ask for something, or for a change.
 * Resolves to {ok, status, body}; status 0 means that Berth did not answer.
 */
export async function ask(path, { method = "GET", body, signal, key } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Berth-CSRF"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(API + path, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, status: 0, body: { sentence: "Berth does not answer right now. Try again in a moment." } };
  }
  if (answer.status === 401) {
    const here = location.pathname + location.search;
    location.assign(`/sign-in?next=${encodeURIComponent(here)}`);
  }
  let told = {};
  try {
    told = await answer.json();
  } catch {
    told = { sentence: "Berth's answer cannot be read. Load the page again." };
  }
  return { ok: answer.ok, status: answer.status, body: told };
}

/** Return a name for one asking: sent twice with it, a change happens once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
