// The list of channels, direct messages and apps, with unread marks.

import { arrange, el } from "./dom.js";

const SEEN_KEY = (user) => `seen ${user}`;

function loadSeen(user) {
  try {
    return JSON.parse(sessionStorage.getItem(SEEN_KEY(user))) ?? {};
  } catch {
    return {};
  }
}

export class Sidebar {
  #seen = {};
  #user = null;
  #items = new Map();

  constructor({ openChannel, openApp }) {
    Object.assign(this, { openChannel, openApp, unread: 0 });
  }

  /** The name of a channel; a direct message is called after the other one. */
  nameOf(channel, state) {
    if (!channel.is_im) return channel.name;
    const bot = Object.values(state.users).find((user) => user.is_bot);
    const other = !channel.user || channel.user === state.me.id ? bot : state.users[channel.user];
    return other?.name ?? channel.name ?? channel.id;
  }

  update(state, place, bot) {
    if (this.#user !== state.me.id) {
      this.#user = state.me.id;
      this.#seen = loadSeen(this.#user);
    }
    this.unread = 0;
    const rows = state.channels.map((channel) => ({ channel, node: this.#row(channel, state, place) }));
    const shown = rows.filter(({ channel }) => !channel.is_archived);
    const nodes = (direct) =>
      shown.filter(({ channel }) => Boolean(channel.is_im) === direct).map(({ node }) => node);
    arrange(document.getElementById("channel-list"), nodes(false));
    arrange(document.getElementById("direct-list"), nodes(true));
    const home = this.#item("app-home", "app-home", () => this.openApp());
    this.#paint(home, { sign: "⌂", name: bot?.real_name || "App", current: place.home, unread: 0 });
    arrange(document.getElementById("app-list"), [home]);
  }

  #row(channel, state, place) {
    const name = this.nameOf(channel, state);
    const messages = state.messages[channel.id] ?? [];
    const current = !place.home && place.channel === channel.id;
    if (current && messages.length && !document.hidden) this.#markSeen(channel.id, messages.at(-1).ts);
    const seen = Number(this.#seen[channel.id] ?? 0);
    const unread = messages.filter((m) => Number(m.ts) > seen && m.user !== state.me.id).length;
    this.unread += unread;
    const node = this.#item(channel.id, `channel-${name}`, () => this.openChannel(channel.id));
    this.#paint(node, { sign: channel.is_im ? "●" : "#", name, current, unread });
    return node;
  }

  #markSeen(channelId, ts) {
    if (this.#seen[channelId] === ts) return;
    this.#seen[channelId] = ts;
    sessionStorage.setItem(SEEN_KEY(this.#user), JSON.stringify(this.#seen));
  }

  #item(key, testId, open) {
    if (!this.#items.has(key)) {
      const button = el("button", { type: "button", "data-testid": testId, onclick: open });
      this.#items.set(key, el("li", {}, button));
    }
    return this.#items.get(key);
  }

  #paint(item, { sign, name, current, unread }) {
    const button = item.firstChild;
    const signature = JSON.stringify([sign, name, current, unread]);
    if (button.dataset.signature === signature) return;
    button.dataset.signature = signature;
    button.dataset.unread = String(unread);
    button.classList.toggle("unread", unread > 0);
    if (current) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
    button.replaceChildren(
      el("span", { class: "sign", "aria-hidden": "true" }, sign),
      el("span", { class: "name" }, name),
      unread ? el("span", { class: "count" }, String(unread), el("span", { class: "sr" }, " unread")) : "",
    );
  }
}
