// The console: who acts, which place is open, and keeping what is drawn in step with the stand-in.

import { ChangeStream, getState, loadOptions, openHome, say, sendAction } from "./api.js";
import { Composer, asCommand, asMessage } from "./composer.js";
import { el } from "./dom.js";
import { MessageList, inChannel, inThread } from "./messages.js";
import { ModalStack } from "./modal.js";
import { paintDate } from "./mrkdwn.js";
import { Notices } from "./notices.js";
import { Sidebar } from "./sidebar.js";
import { BlockSurface } from "./surface.js";
import { knownZone } from "./zones.js";

const byId = (id) => document.getElementById(id);
const CLOCK_TICK_MS = 20_000;
/** Who a tab without an address acts as: the first person of the stand-in's workspace. */
const FIRST_USER = "U0ALICE";

/** The tab's address: #user=U0ALICE&channel=C0GPU, or &app=home. */
function readAddress() {
  const fields = new URLSearchParams(location.hash.slice(1));
  return { user: fields.get("user") ?? "", channel: fields.get("channel"), app: fields.get("app") };
}

function writeAddress(user, place) {
  const fields = new URLSearchParams({ user });
  if (place.home) fields.set("app", "home");
  else if (place.channel) fields.set("channel", place.channel);
  history.replaceState(null, "", `#${fields}`);
}

class Console {
  #state = null;
  #user = "";
  #place = { home: false, channel: null };
  #thread = null;
  #stream = null;
  #loading = null;
  #again = false;
  #drafts = new Map();

  constructor() {
    const refresh = () => this.refresh();
    this.notices = new Notices(byId("notice-host"));
    this.sidebar = new Sidebar({
      openChannel: (id) => this.goTo({ home: false, channel: id }),
      openApp: () => this.goTo({ home: true, channel: null }),
    });
    const common = { notices: this.notices, refresh };
    this.log = new MessageList(byId("log"), { ...common, openThread: (ts) => this.openThread(ts) });
    this.threadLog = new MessageList(byId("thread-log"), { ...common, openThread: null });
    this.modals = new ModalStack(byId("modal"), this.notices, refresh);
    this.composer = new Composer(byId("composer-host"), {
      inputId: "composer-text", testId: "composer", sendTestId: "send", label: "Message",
      send: (text) => this.#send(text, null),
    });
    this.threadComposer = new Composer(byId("thread-composer-host"), {
      inputId: "thread-composer-text", testId: "thread-composer", sendTestId: "thread-send",
      label: "Reply", send: (text) => this.#send(text, this.#thread),
    });
  }

  start() {
    byId("acting-user").addEventListener("change", (event) => this.actAs(event.target.value));
    byId("thread-close").addEventListener("click", () => this.openThread(null));
    byId("thread").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.openThread(null);
    });
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.composer.focus();
    });
    addEventListener("hashchange", () => this.#followAddress());
    setInterval(() => this.#tick(), CLOCK_TICK_MS);
    const { user, channel, app } = readAddress();
    this.#place = { home: app === "home", channel };
    this.actAs(user || FIRST_USER);
  }

  #homeSurface() {
    return new BlockSurface({
      dispatch: async (action, state) => {
        const container = { type: "view", view_id: this.#state.home.id };
        const answer = sendAction({ user: this.#user, container, action, state });
        await this.notices.track(answer, "That");
        await this.refresh();
      },
      loadOptions: (blockId, actionId, value) =>
        this.notices.options(loadOptions({
          user: this.#user, value, action_id: actionId, block_id: blockId,
          view_id: this.#state.home.id,
        })),
    });
  }

  #followAddress() {
    const { user, channel, app } = readAddress();
    if (user && user !== this.#user) {
      this.#place = { home: app === "home", channel };
      this.actAs(user);
    } else if (app === "home" || channel) {
      this.goTo({ home: app === "home", channel });
    }
  }

  /** Become another person: nothing typed or drawn for the last one may stay behind. */
  actAs(user) {
    this.#user = user;
    this.#state = null;
    this.#thread = null;
    this.#loading = null;
    this.#drafts.clear();
    this.notices.clear();
    this.log.reset();
    this.threadLog.reset();
    this.composer.text = "";
    this.#stream?.close();
    this.#connected(null);
    const onChange = () => this.refresh();
    this.#stream = new ChangeStream(user, onChange, (ok) => this.#connected(ok));
    this.home = this.#homeSurface();
    byId("home").replaceChildren(this.home.node);
    this.refresh().then(() => this.#place.home && this.#callHome());
  }

  goTo(place) {
    this.#drafts.set(this.#place.channel, this.composer.text);
    this.#place = place;
    this.#thread = null;
    this.notices.clear();
    this.log.reset();
    this.composer.text = this.#drafts.get(place.channel) ?? "";
    this.#draw();
    if (place.home) this.#callHome();
    else this.composer.focus();
  }

  openThread(ts) {
    const opener = this.#thread;
    this.#thread = ts;
    this.threadLog.reset();
    this.threadComposer.text = "";
    this.#draw();
    if (ts) this.threadComposer.focus();
    else if (opener) {
      const parent = `[data-ts="${CSS.escape(opener)}"]`;
      const message = byId("log").querySelector(`${parent} [data-testid=thread-open]`);
      (message ?? byId("log")).focus();
    }
  }

  async #callHome() {
    await this.notices.track(openHome(this.#user), "Opening the home");
    await this.refresh();
  }

  async #send(text, threadTs) {
    const channel = this.#place.channel;
    const command = /^\/\S*/.exec(text)?.[0];
    if (command && threadTs) {
      this.notices.error(`${command} is not supported in threads. Sorry!`);
      return;
    }
    const known = this.#state.commands?.find((one) => one.command === command);
    const sent = command ? asCommand(text, this.#ctx(), known) : asMessage(text, this.#ctx());
    const body = { user: this.#user, channel, text: sent };
    if (threadTs) body.thread_ts = threadTs;
    await this.notices.track(say(body), command ?? "Sending");
    await this.refresh();
  }

  /** Fetch and draw; resolves once a state was drawn that is newer than this call. */
  refresh() {
    if (this.#loading) {
      this.#again = true;
      return this.#loading;
    }
    const user = this.#user;
    const loading = this.#load(user).finally(() => {
      if (this.#loading === loading) this.#loading = null;
    });
    this.#loading = loading;
    return loading;
  }

  async #load(user) {
    do {
      this.#again = false;
      let state;
      try {
        state = await getState(user);
      } catch {
        if (user === this.#user) this.#connected(false);
        return;
      }
      if (user !== this.#user) return;
      if (!state) {
        if (user === FIRST_USER) this.#connected(false);
        else this.actAs(FIRST_USER);
        return;
      }
      this.#state = state;
      this.#draw();
    } while (this.#again);
  }

  #connected(ok) {
    this.online = ok;
    this.#drawConnection();
  }

  #drawConnection() {
    const app = this.notices.appName;
    const [kind, text] = this.online === false
      ? ["down", "Disconnected – trying again…"]
      : this.#state?.bot_connected === false ? ["app-down", `${app} is not connected`] : ["up", ""];
    const node = byId("connection");
    node.dataset.kind = kind;
    if (node.textContent !== text) node.textContent = text;
  }

  /** What the drawn things need to know of the world; `key` changes when they must be redrawn. */
  #ctx() {
    const { users, channels, me } = this.#state;
    const names = Object.values(users).map((u) => [u.id, u.name, u.real_name, u.deleted]);
    const tz = knownZone(me.tz);
    return {
      users,
      channels: Object.fromEntries(channels.map((channel) => [channel.id, channel])),
      me,
      tz,
      nowMs: () => Date.now(),
      channelId: this.#place.channel,
      key: JSON.stringify([names, channels.map((c) => [c.id, c.name]), me.id, tz]),
    };
  }

  #draw() {
    const state = this.#state;
    if (!state) return;
    const bot = Object.values(state.users).find((user) => user.is_bot);
    this.notices.appName = bot?.real_name || "Berth";
    if (!this.#place.home && !state.channels.some(({ id }) => id === this.#place.channel)) {
      this.#place = { home: false, channel: state.channels[0]?.id ?? null };
    }
    writeAddress(this.#user, this.#place);
    const ctx = this.#ctx();
    this.#drawUsers(state);
    this.#drawConnection();
    byId("team-name").textContent = state.team?.name ?? "";
    this.sidebar.update(state, this.#place, bot);
    if (this.#place.home) this.#drawHome(state, bot, ctx);
    else this.#drawChannel(state, ctx);
    this.#drawThread(state, ctx);
    this.modals.render(state.views ?? [], ctx);
    const unread = this.sidebar.unread;
    const name = state.me.real_name || state.me.name;
    document.title = `${unread ? `(${unread}) ` : ""}${name} – ${this.notices.appName}`;
  }

  #drawUsers(state) {
    const people = Object.values(state.users).filter((user) => !user.is_bot && !user.deleted);
    const signature = JSON.stringify(people.map((user) => [user.id, user.name, user.tz]));
    const select = byId("acting-user");
    if (select.dataset.signature !== signature) {
      select.dataset.signature = signature;
      select.replaceChildren(...people.map((user) =>
        el("option", { value: user.id }, `${user.real_name || user.name} · ${user.tz}`)));
    }
    select.value = this.#user;
  }

  #drawHome(state, bot, ctx) {
    this.#title(bot?.real_name || "App", "App Home");
    for (const id of ["log", "composer-host"]) byId(id).hidden = true;
    byId("home").hidden = false;
    const { home } = state;
    const text = { type: "plain_text", text: "This app has not published a home yet." };
    const nothing = { type: "section", text };
    this.home.update(home?.blocks ?? [nothing], { ...ctx, channelId: null });
  }

  #drawChannel(state, ctx) {
    const channel = ctx.channels[this.#place.channel];
    if (!channel) return;
    const name = this.sidebar.nameOf(channel, state);
    const title = channel.is_im ? name : `# ${name}`;
    this.#title(title, channel.is_archived ? "Archived" : "");
    byId("home").hidden = true;
    for (const id of ["log", "composer-host"]) byId(id).hidden = false;
    const all = state.messages[channel.id] ?? [];
    this.log.update(inChannel(all), all, channel.id, ctx);
    this.composer.update(ctx, state.commands ?? [], `Message ${channel.is_im ? name : `#${name}`}`);
  }

  #drawThread(state, ctx) {
    const panel = byId("thread");
    panel.hidden = !this.#thread || this.#place.home;
    document.body.classList.toggle("with-thread", !panel.hidden);
    if (panel.hidden) return;
    const all = state.messages[this.#place.channel] ?? [];
    this.threadLog.update(inThread(all, this.#thread), all, this.#place.channel, ctx);
    this.threadComposer.update(ctx, [], "Reply…");
  }

  #title(title, note) {
    byId("place-title").textContent = title;
    byId("place-note").textContent = note;
  }

  #tick() {
    if (!this.#state) return;
    const ctx = this.#ctx();
    for (const node of document.querySelectorAll("time[data-format]")) paintDate(node, ctx);
  }
}

new Console().start();
