// Wall clock times in the reader's own zone, as Slack knows it; instants are milliseconds.

import { zone } from "./api.js";

const HOUR = 3600e3;
const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: zone, hourCycle: "h23",
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
});
const offsets = new Map();

/** Return how far the zone's clocks are ahead of UTC at an instant. */
function offsetAt(ms) {
  const hour = Math.floor(ms / HOUR);
  if (!offsets.has(hour)) {
    const at = {};
    for (const { type, value } of clock.formatToParts(hour * HOUR)) at[type] = Number(value);
    offsets.set(hour, Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute) - hour * HOUR);
  }
  return offsets.get(hour);
}

/** Return the instant at which the zone's clocks show a time; `asUtc` is that time as if in UTC. */
function instantOf(asUtc) {
  const first = asUtc - offsetAt(asUtc);
  return asUtc - offsetAt(first);
}

export const wall = (ms) => new Date(ms + offsetAt(ms));

/** Return the midnight that begins the day of an instant, or of one some days later. */
export function midnight(ms, daysLater = 0) {
  const at = wall(ms);
  return instantOf(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + daysLater));
}

export const toInput = (ms) => wall(ms).toISOString().slice(0, 16);
export const toDateInput = (ms) => wall(ms).toISOString().slice(0, 10);
export const fromInput = (text) => (text ? instantOf(Date.parse(`${text.slice(0, 16)}Z`)) : NaN);
export const fromDateInput = (text) => fromInput(text && `${text}T00:00`);

const words = (options) => {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  return (ms) => format.format(ms);
};
export const dayWords = words({ weekday: "short", day: "numeric", month: "short" });
export const monthWords = words({ day: "numeric", month: "short" });
export const timeWords = words({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const fullWords = words({
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** Return a window in words: the day once where both ends are on it. */
export function windowWords(start, end) {
  const sameDay = toDateInput(start) === toDateInput(end);
  return `${fullWords(start)} to ${sameDay ? timeWords(end) : fullWords(end)}`;
}

/** Return a length in words. */
export function lengthWords(ms) {
  const minutes = Math.round(ms / 60e3);
  const parts = [[Math.floor(minutes / 1440), "d"], [Math.floor((minutes % 1440) / 60), "h"], [minutes % 60, "min"]];
  return parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ") || "0 min";
}
