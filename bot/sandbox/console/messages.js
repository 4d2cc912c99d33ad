// Messages: the list of a channel and the list of a thread.

import { loadOptions, sendAction } from "./api.js";
import { arrange, el } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";
import { fileNode } from "./render_blocks.js";
import { BlockSurface } from "./surface.js";
import { dayTitle, daysFromToday, fullText, timeText } from "./zones.js";

const TOGETHER_S = 300;
const NEAR_END_PX = 80;

/** A calm, steady colour for a person: the hue of their id. */
function hueOf(id) {
  let hash = 7;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) % 9973;
  return (hash * 47) % 360;
}

export function avatar(user) {
  const letters = (user.real_name || user.name).split(/\s+/).map((word) => word[0]).slice(0, 2).join("");
  const node = el("span", { class: user.is_bot ? "avatar avatar-app" : "avatar", "aria-hidden": "true" },
    letters.toUpperCase());
  node.style.setProperty("--hue", String(hueOf(user.id)));
  return node;
}

const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

/** What the channel itself shows: no replies, unless they were also sent to the channel. */
export function inChannel(messages) {
  return messages.filter((m) => !isReply(m) || m.reply_broadcast || m.subtype === "thread_broadcast");
}

export function inThread(messages, ts) {
  return messages.filter((m) => m.ts === ts || m.thread_ts === ts);
}

export function replyCount(messages, ts) {
  return messages.filter((m) => isReply(m) && m.thread_ts === ts && !m.ephemeral).length;
}

function startsAnew(message, before, ctx) {
  if (!before || before.user !== message.user || message.ephemeral || before.ephemeral) return true;
  if (message.reply_broadcast || before.ts === message.thread_ts) return true;
  const far = Number(message.ts) - Number(before.ts) > TOGETHER_S;
  return far || daysFromToday(message.ts * 1000, before.ts * 1000, ctx.tz) !== 0;
}

export class MessageList {
  #entries = new Map();
  #drawn = [];

  /**
   * `openThread(ts)` or null inside a thread; `refresh()` resolves when the newest state was drawn.
   */
  constructor(root, { notices, refresh, openThread }) {
    Object.assign(this, { root, notices, refresh, openThread, atEnd: true });
    root.addEventListener("scroll", () => {
      this.atEnd = root.scrollHeight - root.scrollTop - root.clientHeight < NEAR_END_PX;
    });
    // Who reads the newest message goes on reading it when a picture arrives or the window shrinks.
    root.addEventListener("load", () => this.#stay(), true);
    new ResizeObserver(() => this.#stay()).observe(root);
  }

  #stay() {
    if (this.atEnd) this.root.scrollTop = this.root.scrollHeight;
  }

  /** Forget everything that was drawn and entered, for another channel, thread or person. */
  reset() {
    this.#entries.clear();
    this.#drawn = [];
    this.atEnd = true;
    this.root.replaceChildren();
  }

  /** Draw `messages` of a channel; `all` are the channel's messages, to count replies in. */
  update(messages, all, channelId, ctx) {
    const entries = new Map();
    const nodes = [];
    let before = null;
    for (const message of messages) {
      const key = `${message.ts}${message.ephemeral ? " ephemeral" : ""}`;
      const anew = startsAnew(message, before, ctx);
      const entry = this.#entries.get(key) ?? this.#make(message, channelId);
      const replies = this.openThread ? replyCount(all, message.ts) : 0;
      this.#paint(entry, message, { anew, replies }, ctx);
      if (!before || daysFromToday(message.ts * 1000, before.ts * 1000, ctx.tz) !== 0) {
        nodes.push(this.#dayLine(message, ctx));
      }
      nodes.push(entry.node);
      entries.set(key, entry);
      before = message;
    }
    if (!messages.length) nodes.push(this.#nothing());
    const grew = nodes.length > this.#drawn.length;
    this.#entries = entries;
    this.#drawn = nodes;
    arrange(this.root, nodes);
    if (grew && messages.at(-1)?.user === ctx.me.id) this.atEnd = true;
    this.#stay();
  }

  #nothing() {
    this.empty ??= el("p", { class: "nothing" }, "Nothing here yet. Type a message, or / for commands.");
    return this.empty;
  }

  #dayLine(message, ctx) {
    const title = dayTitle(message.ts * 1000, ctx.nowMs(), ctx.tz);
    const key = `day ${title}`;
    const old = this.#drawn.find((node) => node.dataset?.key === key);
    return old ?? el("p", { class: "day", "data-key": key }, el("span", {}, title));
  }

  #make(message, channelId) {
    const entry = { signature: null, node: null, parts: null };
    const container = { type: "message", channel: channelId, ts: message.ts };
    entry.surface = new BlockSurface({
      dispatch: async (action, state) => {
        const answer = sendAction({ user: this.user, container, action, state });
        await this.notices.track(answer, "That");
        await this.refresh();
      },
      loadOptions: (blockId, actionId, value) =>
        this.notices.options(loadOptions({
          user: this.user, value, action_id: actionId, block_id: blockId, container,
        })),
    });
    entry.text = el("div", { class: "text block" });
    entry.files = el("div", { class: "files" });
    entry.head = el("header", { class: "message-head" });
    entry.foot = el("footer", { class: "message-foot" });
    entry.side = el("div", { class: "message-side" });
    entry.body = el("div", { class: "message-body" }, entry.head);
    entry.node = el("article", {
      class: "message",
      "data-testid": "message",
      "data-ts": message.ts,
      "data-ephemeral": String(Boolean(message.ephemeral)),
    }, entry.side, entry.body);
    return entry;
  }

  #paint(entry, message, { anew, replies }, ctx) {
    this.user = ctx.me.id;
    const signature = JSON.stringify([message, anew, replies, ctx.key]);
    if (signature === entry.signature) return;
    entry.signature = signature;
    const author = this.#author(message, ctx);
    entry.node.classList.toggle("continued", !anew);
    entry.node.classList.toggle("ephemeral", Boolean(message.ephemeral));
    entry.node.setAttribute("aria-label", `${author.name}, ${timeText(message.ts * 1000, ctx.tz)}`);
    this.#paintHead(entry, message, author, anew, ctx);
    const blocks = message.blocks ?? [];
    const shown = blocks.length ? entry.surface.node : entry.text;
    if (blocks.length) entry.surface.update(blocks, ctx, message.files);
    else entry.text.replaceChildren(...mrkdwn(message.text ?? "", ctx));
    entry.files.replaceChildren(...(message.files ?? []).map(fileNode));
    this.#paintFoot(entry, message, replies);
    const parts = [entry.head, shown, message.files?.length && entry.files, entry.foot];
    arrange(entry.body, parts.filter(Boolean));
  }

  #author(message, ctx) {
    const user = ctx.users[message.user];
    const name = message.username || user?.name || message.user || "app";
    return { id: message.user ?? "app", is_bot: Boolean(message.bot_id), ...user, name };
  }

  #paintHead(entry, message, author, anew, ctx) {
    const ms = message.ts * 1000;
    const time = el("time", { datetime: new Date(ms).toISOString(), title: fullText(ms, ctx.tz) },
      timeText(ms, ctx.tz));
    const short = timeText(ms, ctx.tz).replace(/ [AP]M$/, "");
    entry.side.replaceChildren(anew ? avatar(author) : el("span", { class: "side-time" }, short));
    const byPerson = message.edited && !author.is_bot;
    entry.head.replaceChildren(...[
      el("strong", { class: "author" }, author.real_name || author.name),
      author.is_bot && el("span", { class: "badge" }, "APP"),
      time,
      byPerson && el("span", { class: "hint" }, "(edited)"),
      message.ephemeral && el("span", { class: "only-you" }, "Only visible to you"),
      message.reply_broadcast && el("span", { class: "hint" }, "replied to a thread"),
    ].filter(Boolean));
  }

  #paintFoot(entry, message, replies) {
    const threadTs = message.thread_ts ?? message.ts;
    if (!this.openThread || message.ephemeral) return entry.foot.replaceChildren();
    const label = message.reply_broadcast ? "View thread"
      : replies ? `${replies} ${replies === 1 ? "reply" : "replies"}` : "Reply in thread";
    const old = entry.foot.firstChild;
    const button = old ?? el("button", {
      type: "button",
      "data-testid": "thread-open",
      onclick: () => this.openThread(threadTs),
    });
    button.textContent = label;
    button.className = replies || message.reply_broadcast ? "thread-link" : "thread-link on-demand";
    if (!old) entry.foot.append(button);
    return undefined;
  }
}

