// What is drawn: tracks in order, bars by GPU. Knows nothing of the screen.

const OVER = new Set(["ended", "cancelled"]);

/** Return whether black or white is read better on a colour such as #0072b2. */
export function inkOn(colour) {
  const channel = (at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return luminance > 0.179 ? "#000000" : "#ffffff";
}

export class Model {
  constructor() {
    this.filters = { team: "", host: "", model: "", priority: "" };
    this.collapsed = new Set();
    this.rows = [];
    this.bars = new Map();
    this.byNumber = new Map();
    this.hosts = [];
    this.names = new Map();
    this.teams = new Map();
    this.revision = "";
  }

  /** Take what the API answered. */
  take(answer) {
    this.revision = answer.revision;
    this.now = Date.parse(answer.now);
    this.clockAhead = this.now - Date.now();
    this.start = Date.parse(answer.starts_at);
    this.end = Date.parse(answer.ends_at);
    this.slot = answer.slot_s * 1000;
    this.longest = answer.longest_s * 1000;
    this.lastStart = Date.parse(answer.last_start);
    this.mayBook = answer.may_book;
    this.hosts = answer.hosts;
    this.names = new Map(answer.hosts.flatMap((host) => host.gpus.map((gpu) => [gpu.id, gpu.name])));
    this.teams = new Map(answer.teams.map((team, place) => [
      team.name,
      { ...team, ink: inkOn(team.colour), pattern: place % 5 },
    ]));
    this.bars = new Map();
    this.byNumber = new Map();
    for (const told of answer.bars) this.#takeBar(told);
    for (const list of this.bars.values()) list.sort((one, other) => one.start - other.start);
    this.layOut();
  }

  #takeBar(told) {
    const bar = {
      ...told,
      start: Date.parse(told.starts_at),
      end: Date.parse(told.ends_at),
      preemptedAt: told.preempted_at ? Date.parse(told.preempted_at) : null,
      bookedUntil: told.booked_until ? Date.parse(told.booked_until) : null,
      team: this.teams.get(told.team_name) ?? { name: told.team_name, colour: "#7f7f7f", ink: "#000000", pattern: 0 },
      over: OVER.has(told.state),
    };
    bar.movable = bar.may_change && bar.kind === "work" && (bar.state === "booked" || bar.state === "active");
    this.byNumber.set(bar.reservation_id, bar);
    for (const gpu of bar.gpus) {
      if (!this.bars.has(gpu)) this.bars.set(gpu, []);
      this.bars.get(gpu).push(bar);
    }
  }

  /** Put the tracks into order, by the filters and by what is folded up. */
  layOut() {
    const { host, model } = this.filters;
    this.rows = [];
    for (const each of this.hosts) {
      if (host && each.name !== host) continue;
      const gpus = each.gpus.filter((gpu) => !model || gpu.model === model);
      if (!gpus.length) continue;
      this.rows.push({ kind: "host", host: each, count: gpus.length });
      if (this.collapsed.has(each.name)) continue;
      for (const gpu of gpus) this.rows.push({ kind: "gpu", host: each, gpu });
    }
  }

  get currentTime() {
    return Date.now() + this.clockAhead;
  }

  /** Tell whether a bar is among those that the filters ask for. */
  wanted(bar) {
    const { team, priority } = this.filters;
    return (!team || bar.team_name === team) && (!priority || bar.priority === priority);
  }

  barsOf(row) {
    return row.kind === "gpu" ? this.bars.get(row.gpu.id) ?? [] : [];
  }

  /** Return the bars of a track that touch a window. */
  barsIn(row, start, end) {
    return this.barsOf(row).filter((bar) => bar.start < end && bar.end > start);
  }

  /** Return the first whole slots from an instant on in which a GPU is free. */
  nextFree(row, from) {
    let start = this.slotStart(Math.max(from, this.currentTime));
    for (const bar of this.barsOf(row)) {
      if (bar.over || bar.end <= start) continue;
      if (bar.start >= this.leastEnd(start)) break;
      start = this.slotEnd(bar.end);
    }
    return { start, end: this.leastEnd(start) };
  }

  /** Return the soonest end of a booking: a whole slot, beside what is left of the one that runs. */
  leastEnd(start) {
    return this.slotEnd(Math.max(start, this.currentTime) + this.slot);
  }

  slotStart(ms) {
    return Math.floor(ms / this.slot) * this.slot;
  }

  slotEnd(ms) {
    return Math.ceil(ms / this.slot) * this.slot;
  }

  nameOf(gpuId) {
    return this.names.get(gpuId) ?? `GPU ${gpuId}`;
  }

  gpuModels() {
    return [...new Set(this.hosts.flatMap((host) => host.gpus.map((gpu) => gpu.model)))].sort();
  }
}
