// The timeline: reads the address, loads, draws, and stays up to date.

import { ask } from "../api.js";
import { el } from "../dom.js";
import { fromDateInput, midnight, toDateInput } from "../zoned.js";
import { Dialogs } from "./dialogs.js";
import { Keyboard } from "./keyboard.js";
import { Model } from "./model.js";
import { Pointer } from "./pointer.js";
import { ZOOMS, ZOOM_NAMES } from "./scale.js";
import { Tooltip } from "./tooltip.js";
import { View } from "./view.js";

const DAY = 24 * 3600e3;
const SPAN_DAYS = 31;
const LONG_POLL_S = 20;
const REFRESH_MS = 60e3;
const PAUSE_MS = 5e3;

const byId = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
const model = new Model();
const view = new View(byId("timeline"), model);
const toast = byId("said");
let from = null;

const dialogs = new Dialogs(byId("dialog"), model, async (reservation, words) => {
  view.selected = reservation.id;
  say(words);
  await load();
  const index = view.indexOf(reservation.id);
  const bar = model.byNumber.get(reservation.id);
  if (index >= 0 && bar) view.reveal(index, bar.start, bar.end);
});
const does = {
  open: (bar) => dialogs.open(bar),
  book: (rows, window) => (model.mayBook ? dialogs.book(rows, window) : say("Your role is viewer: you may look, not book.")),
  move: (bar, start) => dialogs.move(bar, start),
  resize: (bar, end) => dialogs.resize(bar, end),
  fold(name) {
    if (!model.collapsed.delete(name)) model.collapsed.add(name);
    lay();
  },
  zoom(step) {
    const next = ZOOM_NAMES[ZOOM_NAMES.indexOf(view.zoom) + step];
    if (next) setZoom(next);
  },
};
const keyboard = new Keyboard(view, model, does);
new Pointer(view, model, does);
new Tooltip(view, model);

function say(words) {
  toast.textContent = words;
}

function lay() {
  model.layOut();
  view.rebuild();
  keyboard.refresh();
  byId("empty").hidden = model.rows.length > 0;
}

async function load() {
  const start = from ?? midnight(Date.now(), -1);
  const query = new URLSearchParams({
    start: new Date(start).toISOString(), end: new Date(start + SPAN_DAYS * DAY).toISOString(),
  });
  const answer = await ask(`/timeline?${query}`);
  if (!answer.ok) {
    say(answer.body.sentence ?? "The timeline cannot be loaded.");
    return false;
  }
  model.take(answer.body);
  offer("team", [...model.teams.keys()]);
  offer("host", model.hosts.map((host) => host.name));
  offer("model", model.gpuModels());
  drawLegend();
  lay();
  document.documentElement.dataset.revision = model.revision;
  return true;
}

function offer(name, values) {
  const choice = byId(`filter-${name}`);
  const chosen = model.filters[name];
  const known = [...choice.options].slice(1).map((option) => option.value);
  if (known.join("\n") !== values.join("\n")) {
    choice.replaceChildren(choice.options[0], ...values.map((value) => el("option", { value }, value)));
  }
  choice.value = values.includes(chosen) ? chosen : "";
  model.filters[name] = choice.value;
}

function drawLegend() {
  byId("legend").replaceChildren(...[...model.teams.values()].map((team) => {
    const swatch = el("i", { class: `tl-swatch tl-pattern-${team.pattern}`, "aria-hidden": "true" });
    swatch.style.setProperty("--team", team.colour);
    swatch.style.setProperty("--team-ink", team.ink);
    return el("li", {}, swatch, team.name);
  }));
}

function setZoom(name) {
  const middle = view.scale?.at(view.scroller.scrollLeft + view.viewport / 2);
  view.zoom = name;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.setAttribute("aria-pressed", String(button.dataset.zoom === name));
  }
  view.rebuild(middle);
  keyboard.refresh();
  remember();
}

function remember() {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries(model.filters)) if (value) told.set(name, value);
  if (view.zoom !== "week") told.set("zoom", view.zoom);
  if (from !== null) told.set("from", toDateInput(from));
  if (view.selected) told.set("r", view.selected);
  history.replaceState(null, "", told.size ? `?${told}` : location.pathname);
}

function listen() {
  for (const name of ["team", "host", "model", "priority"]) {
    byId(`filter-${name}`).addEventListener("change", (event) => {
      model.filters[name] = event.target.value;
      lay();
      remember();
    });
  }
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => setZoom(button.dataset.zoom));
  }
  byId("today").addEventListener("click", async () => {
    if (from !== null) {
      from = null;
      await load();
    }
    view.goTo(model.currentTime);
    remember();
  });
  byId("earlier").addEventListener("click", () => view.goTo(view.scale.at(view.scroller.scrollLeft) - ZOOMS[view.zoom].span, 0));
  byId("later").addEventListener("click", () => view.goTo(view.scale.at(view.scroller.scrollLeft) + ZOOMS[view.zoom].span, 0));
  byId("from").addEventListener("change", async (event) => {
    const chosen = fromDateInput(event.target.value);
    if (Number.isNaN(chosen)) return;
    from = chosen;
    await load();
    view.goTo(chosen, 0);
    remember();
  });
}

/** Load again whenever something has changed, for as long as somebody looks. */
async function stayUpToDate() {
  let loadedAt = Date.now();
  for (;;) {
    if (document.hidden) {
      await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    }
    const query = new URLSearchParams({ known: model.revision, timeout_s: LONG_POLL_S });
    const answer = await ask(`/timeline/revision?${query}`);
    if (!answer.ok) await new Promise((later) => setTimeout(later, PAUSE_MS));
    const news = answer.ok && answer.body.revision !== model.revision;
    if (news || Date.now() - loadedAt > REFRESH_MS) {
      await load();
      loadedAt = Date.now();
    }
    view.moveNow();
  }
}

function readAddress() {
  for (const name of Object.keys(model.filters)) model.filters[name] = address.get(name) ?? "";
  byId("filter-priority").value = model.filters.priority;
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const zoom = address.get("zoom") ?? (narrow ? "day" : "week");
  view.zoom = zoom in ZOOMS ? zoom : "week";
  view.selected = Number(address.get("r")) || null;
  const date = fromDateInput(address.get("from"));
  if (!Number.isNaN(date)) from = date;
}

readAddress();
listen();
setZoom(view.zoom);
if (await load()) {
  byId("from").value = toDateInput(model.start);
  view.goTo(from ?? model.currentTime);
  const wanted = view.selected && model.byNumber.get(view.selected);
  if (wanted) keyboard.focusOn(view.selected);
  else if (view.selected) say(`R${view.selected} is not in these days.`);
  document.documentElement.dataset.ready = "yes";
}
stayUpToDate();
setInterval(() => view.moveNow(), 30e3);
