// Between instants and pixels, and where the lines stand.

import { dayWords, midnight, monthWords, timeWords, wall } from "../zoned.js";

const HOUR = 3600e3;
const LEAST_LABEL_PX = 46;
export const ZOOMS = {
  day: { label: "Day", span: 24 * HOUR, every: 2 },
  "3days": { label: "3 days", span: 72 * HOUR, every: 6 },
  week: { label: "Week", span: 168 * HOUR, every: 12 },
  "2weeks": { label: "2 weeks", span: 336 * HOUR, every: 0 },
  month: { label: "Month", span: 720 * HOUR, every: 0 },
};
export const ZOOM_NAMES = Object.keys(ZOOMS);

export class Scale {
  constructor(start, end, zoom, viewport) {
    this.start = start;
    this.end = end;
    this.zoom = zoom;
    this.perMs = Math.max(viewport, 200) / ZOOMS[zoom].span;
  }

  get width() {
    return Math.ceil((this.end - this.start) * this.perMs);
  }

  x(ms) {
    return (ms - this.start) * this.perMs;
  }

  at(x) {
    return this.start + x / this.perMs;
  }

  /** Return the lines of a part of the timeline: {at, label, day}. */
  ticks(from, to) {
    const lines = [];
    const every = this.#every();
    for (let day = midnight(Math.max(from, this.start)); day < Math.min(to, this.end); day = midnight(day, 1)) {
      const weekend = [0, 6].includes(wall(day).getUTCDay());
      lines.push({ at: day, label: this.#dayLabel(day), day: true, weekend, until: midnight(day, 1) });
      if (!every) continue;
      for (let hour = every; hour < 24; hour += every) {
        const at = day + hour * HOUR;
        if (at < midnight(day, 1)) lines.push({ at, label: timeWords(at), day: false });
      }
    }
    return lines;
  }

  /** Return after how many hours a line stands: as often as the labels have room, or never. */
  #every() {
    const steps = [1, 2, 3, 4, 6, 12].filter((hours) => hours >= ZOOMS[this.zoom].every);
    return ZOOMS[this.zoom].every && (steps.find((hours) => hours * HOUR * this.perMs >= LEAST_LABEL_PX) ?? 0);
  }

  #dayLabel(day) {
    if (this.zoom !== "month") return dayWords(day);
    const date = wall(day).getUTCDate();
    return date === 1 ? monthWords(day) : String(date);
  }
}
