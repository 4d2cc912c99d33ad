// A bar in words: on itself, in the tooltip and for screen readers.

import { fullWords, windowWords } from "../zoned.js";

const STATES = {
  pending: "waits for approval", offered: "offered to somebody who waits", booked: "booked",
  active: "active", releasing: "being released", ended: "over", cancelled: "cancelled",
};

export function runWords(bar) {
  if (bar.run_id === null) return "";
  const epochs = bar.epochs ? `, epoch ${bar.epoch} of ${bar.epochs}` : "";
  const underWay = ["starting", "running", "stopping", "retrying"].includes(bar.run_state);
  return `${bar.model || "training"} ${bar.run_state}${underWay ? epochs : ""}`;
}

export function titleOf(bar) {
  if (bar.kind === "maintenance") return bar.note ? `Maintenance: ${bar.note}` : "Maintenance";
  return [`R${bar.reservation_id}`, bar.holder_name, bar.note || bar.model].filter(Boolean).join(" · ");
}

/** Return everything about a bar, a line each; said once, since writing times is slow. */
export function factsOf(bar, model) {
  bar.facts ??= written(bar, model);
  return bar.facts;
}

function written(bar, model) {
  const names = bar.gpus.map((gpu) => model.nameOf(gpu));
  const gpus = names.length > 4 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  return [
    titleOf(bar),
    bar.kind === "maintenance" ? null : `${bar.team_name} · ${bar.priority.toUpperCase()}${bar.preemptible ? ", preemptible" : ""}`,
    windowWords(bar.start, bar.end),
    `${bar.gpus.length === 1 ? "1 GPU" : `${bar.gpus.length} GPUs`}: ${gpus}`,
    [STATES[bar.state] ?? bar.state, runWords(bar)].filter(Boolean).join(" · "),
    bar.preemptedAt ? `makes room at ${fullWords(bar.preemptedAt)}` : null,
    bar.bookedUntil ? `was booked until ${fullWords(bar.bookedUntil)} and goes on` : null,
  ].filter(Boolean);
}
