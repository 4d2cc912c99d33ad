// Wall clock and calendar in the acting user's time zone, and Slack's date tokens.
// Formats: https://docs.slack.dev/messaging/formatting-message-text/#date-formatting

const DAY_MS = 86_400_000;
const formatters = new Map();

function formatter(tz, options) {
  const key = `${tz} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) {
    formatters.set(key, new Intl.DateTimeFormat("en-US", { timeZone: tz, ...options }));
  }
  return formatters.get(key);
}

/** `tz` if the browser knows it, else UTC. */
export function knownZone(tz) {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: tz }).resolvedOptions().timeZone && tz;
  } catch {
    return "UTC";
  }
}

/** {year, month, day, hour, minute, second} of an instant (ms) on the wall in `tz`. */
export function wallParts(ms, tz) {
  const format = formatter(tz, {
    year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23",
  });
  const parts = {};
  for (const { type, value } of format.formatToParts(ms)) parts[type] = Number(value);
  return parts;
}

function wallAsUtcMs(ms, tz) {
  const p = wallParts(ms, tz);
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second);
}

const two = (n) => String(n).padStart(2, "0");

/** Unix seconds -> the value of an <input type=datetime-local> in `tz`. */
export function toWall(unixS, tz) {
  const p = wallParts(unixS * 1000, tz);
  return `${String(p.year).padStart(4, "0")}-${two(p.month)}-${two(p.day)}T${two(p.hour)}:${two(p.minute)}`;
}

/**
 * The value of an <input type=datetime-local>, read as wall time in `tz` -> unix seconds, or null.
 * A time that happens twice means the first one; one that a clock change skips means the same
 * distance after the change.
 */
export function fromWall(text, tz) {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(text ?? "");
  if (!match) return null;
  const [year, month, day, hour, minute] = match.slice(1).map(Number);
  const wall = Date.UTC(year, month - 1, day, hour, minute);
  const offset = (ms) => wallAsUtcMs(ms, tz) - ms;
  const before = wall - offset(wall - DAY_MS);
  const after = wall - offset(wall + DAY_MS);
  const exact = [before, after].filter((ms) => wallAsUtcMs(ms, tz) === wall);
  return (exact.length ? Math.min(...exact) : before) / 1000;
}

/** "6:39 AM"; Slack's own example format. Newer ICU data puts a narrow no-break space in it. */
export function timeText(ms, tz, seconds = false) {
  const options = { hour: "numeric", minute: "2-digit", hour12: true };
  if (seconds) options.second = "2-digit";
  return formatter(tz, options).format(ms).replace(/[\u202f\u00a0]/g, " ");
}

/** Whole days from today to the instant's day, on the calendar of `tz`. */
export function daysFromToday(ms, nowMs, tz) {
  const day = (at) => {
    const p = wallParts(at, tz);
    return Date.UTC(p.year, p.month - 1, p.day);
  };
  return Math.round((day(ms) - day(nowMs)) / DAY_MS);
}

function ordinal(day) {
  if (day % 100 >= 11 && day % 100 <= 13) return `${day}th`;
  return `${day}${["th", "st", "nd", "rd"][day % 10] ?? "th"}`;
}

function longDate(ms, tz, weekday) {
  const p = wallParts(ms, tz);
  const month = formatter(tz, { month: "long" }).format(ms);
  const name = weekday ? `${formatter(tz, { weekday: "long" }).format(ms)}, ` : "";
  return `${name}${month} ${ordinal(p.day)}, ${p.year}`;
}

function shortDate(ms, tz) {
  return formatter(tz, { month: "short", day: "numeric", year: "numeric" }).format(ms);
}

function numericDate(ms, tz) {
  return toWall(ms / 1000, tz).slice(0, 10);
}

const NEAR_DAYS = new Map([[-1, "yesterday"], [0, "today"], [1, "tomorrow"]]);

function pretty(ms, nowMs, tz, otherwise) {
  return NEAR_DAYS.get(daysFromToday(ms, nowMs, tz)) ?? otherwise;
}

const AGO_STEPS = [
  ["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60],
];

/** "3 minutes ago", "in 2 hours", "just now". */
export function agoText(ms, nowMs) {
  const deltaS = Math.round((ms - nowMs) / 1000);
  for (const [unit, lengthS] of AGO_STEPS) {
    const count = Math.floor(Math.abs(deltaS) / lengthS);
    if (count === 0) continue;
    const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
    return deltaS < 0 ? `${words} ago` : `in ${words}`;
  }
  return deltaS > 0 ? "in less than a minute" : "just now";
}

const TOKENS = {
  date_num: numericDate,
  date: (ms, tz) => longDate(ms, tz, false),
  date_short: shortDate,
  date_long: (ms, tz) => longDate(ms, tz, true),
  date_pretty: (ms, tz, now) => pretty(ms, now, tz, longDate(ms, tz, false)),
  date_short_pretty: (ms, tz, now) => pretty(ms, now, tz, shortDate(ms, tz)),
  date_long_pretty: (ms, tz, now) => pretty(ms, now, tz, longDate(ms, tz, true)),
  time: (ms, tz) => timeText(ms, tz),
  time_secs: (ms, tz) => timeText(ms, tz, true),
  ago: (ms, tz, now) => agoText(ms, now),
};

/** Fill Slack's date tokens for an instant in unix seconds; an unknown token stays as it is. */
export function formatTokens(format, unixS, tz, nowMs) {
  return format.replace(/\{(\w+)\}/g, (all, name) =>
    Object.hasOwn(TOKENS, name) ? TOKENS[name](unixS * 1000, tz, nowMs) : all,
  );
}

/** "Tuesday, November 24th, 2026 at 9:00 AM": for tooltips. */
export function fullText(ms, tz) {
  return `${longDate(ms, tz, true)} at ${timeText(ms, tz)} (${tz})`;
}

/** The heading over a day's messages. */
export function dayTitle(ms, nowMs, tz) {
  const text = pretty(ms, nowMs, tz, longDate(ms, tz, true));
  return text[0].toUpperCase() + text.slice(1);
}
