// The past minutes of the status page's figures. One instant is pointed at in all charts, by pointer or by keys.

const WIDTH = 100, HEIGHT = 40;
// A limit this far above what was measured would press all of it to the ground: it is left out.
const FARTHEST_LIMIT = 3;

const charts = [];
let cursor = null;

class Chart {
  constructor(id, name, lines, words) {
    this.values = lines.map(() => []);
    this.length = this.from = 0;
    this.step = 1;
    this.tile = byId(id);
    this.name = name;
    this.lines = lines;
    this.words = words;
    this.host = this.tile.querySelector(".chart");
    this.svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.area = draw("path", { class: "area" });
    this.limit = draw("path", { class: "limit" });
    this.limitWords = make("span", { class: "limit" });
    this.ruler = draw("path", { class: "ruler" });
    this.paths = lines.map((line) => draw("path", { class: line.kind ?? "" }));
    this.dots = lines.map((line) => draw("path", { class: `dot ${line.kind ?? ""}` }));
    this.svg.append(this.area, this.limit, this.ruler, ...this.paths, ...this.dots);
    this.host.append(this.svg, this.limitWords);
    const spoken = { role: "slider", tabindex: "0", "aria-label": `${name}, past minutes`, "aria-valuemin": "0" };
    for (const [key, value] of Object.entries(spoken)) mark(this.host, key, value);
    this.say();
    for (const event of ["pointermove", "pointerdown"]) this.host.addEventListener(event, (pointer) => this.point(pointer));
    this.host.addEventListener("pointerleave", () => moveCursor(null));
    this.host.addEventListener("blur", () => moveCursor(null));
    this.host.addEventListener("focus", () => this.say());
    this.host.addEventListener("keydown", (event) => this.key(event));
    charts.push(this);
  }
  // Take the series, and the limit that an alarm sets to them, if any.
  take(series, limit) {
    this.step = number(series.step_s) ?? 1;
    this.from = number(series.from) ?? 0;
    this.values = this.lines.map((line) => list(line.of(series)).map(number));
    this.length = Math.max(0, ...this.values.map((values) => values.length));
    const peak = Math.max(0, ...this.values.flat().filter((value) => value !== null));
    this.peak = peak;
    const near = limit !== null && limit > 0 && limit <= FARTHEST_LIMIT * Math.max(peak, this.words.least);
    this.top = Math.max(peak * 1.08, this.words.least, near ? limit * 1.4 : 0);
    mark(this.limit, "d", near ? `M0 ${this.y(limit).toFixed(2)}H${WIDTH}` : "");
    put(this.limitWords, near ? `limit ${measure(limit, this.words.unit)}` : "");
    const height = near ? `${((100 * limit) / this.top).toFixed(1)}%` : "";
    if (this.limitWords.style.bottom !== height) this.limitWords.style.bottom = height;
    this.paths.forEach((path, index) => mark(path, "d", this.line(this.values[index])));
    mark(this.area, "d", this.filled(this.values[0]));
    this.pointAt();
  }
  x(index) { return this.length < 2 ? WIDTH : (index / (this.length - 1)) * WIDTH; }
  y(value) { return HEIGHT - (value / this.top) * HEIGHT; }
  line(values) {
    let path = "", pen = false;
    values.forEach((value, index) => {
      if (value !== null) path += `${pen ? "L" : "M"}${this.x(index).toFixed(2)} ${this.y(value).toFixed(2)}`;
      // A value without neighbours is a dot.
      if (value !== null && !pen && (values[index + 1] ?? null) === null) path += "h0";
      pen = value !== null;
    });
    return path;
  }
  filled(values) {
    let path = "", begin = null;
    for (let index = 0; index <= values.length; index += 1) {
      const value = values[index] ?? null;
      if (value !== null && begin === null) { begin = index; path += `M${this.x(index).toFixed(2)} ${HEIGHT}`; }
      if (value !== null) path += `L${this.x(index).toFixed(2)} ${this.y(value).toFixed(2)}`;
      else if (begin !== null) { path += `L${this.x(index - 1).toFixed(2)} ${HEIGHT}Z`; begin = null; }
    }
    return path;
  }
  point(event) {
    const box = this.host.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    moveCursor(this.length ? Math.round(share * (this.length - 1)) : null);
  }
  key(event) {
    const last = this.length - 1;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") moveCursor(null);
    else if (event.key in steps && last >= 0) moveCursor(Math.min(last, Math.max(0, (cursor ?? last) + steps[event.key])));
    else return;
    event.preventDefault();
    this.say();
  }
  atCursor() { return cursor === null ? null : Math.min(cursor, this.length - 1); }
  read(index) { return this.words.read(this.values.map((values) => values[index] ?? null)); }
  say() {
    const index = this.atCursor() ?? this.length - 1;
    mark(this.host, "aria-valuemax", Math.max(0, this.length - 1));
    mark(this.host, "aria-valuenow", Math.max(0, index));
    mark(this.host, "aria-valuetext", index < 0 ? "nothing yet" : `${at(this.from + index * this.step)}: ${this.read(index)}`);
  }
  pointAt() {
    const index = this.atCursor();
    const pointed = index !== null && index >= 0;
    if (pointed) this.tile.dataset.cursor = index; else delete this.tile.dataset.cursor;
    mark(this.ruler, "d", pointed ? `M${this.x(index).toFixed(2)} 0V${HEIGHT}` : "");
    this.dots.forEach((dot, line) => {
      const value = this.values[line][pointed ? index : this.length - 1] ?? null;
      mark(dot, "d", value === null ? "" : `M${this.x(pointed ? index : this.length - 1).toFixed(2)} ${this.y(value).toFixed(2)}h0`);
    });
    const seconds = this.length * this.step;
    put(part(this.tile, "when"), pointed ? at(this.from + index * this.step) : this.length > 1 ? `last ${span(seconds)}` : "nothing yet");
    put(part(this.tile, "then"), pointed ? this.read(index) : this.length > 1 ? `peak ${this.words.peak(this.peak)}` : "\u00a0");
  }
}
function moveCursor(index) {
  if (index === cursor) return;
  cursor = index;
  for (const chart of charts) chart.pointAt();
}
const milliseconds = (value) => latency(value).join(" ");
const shareOfErrors = (series) => list(series.errors_per_s).map((errors, index) => {
  const requests = number(list(series.requests_per_s)[index]);
  return number(errors) === null || requests === null ? null : requests > 0 ? Math.min(100, (100 * errors) / requests) : errors > 0 ? 100 : null;
});
new Chart("tile-requests", "Requests", [{ of: (s) => s.requests_per_s }],
  { least: 1, peak: (v) => `${amount(v)} /s`, read: ([v]) => `${amount(v)} /s` });
new Chart("tile-errors", "Server errors", [{ of: shareOfErrors, kind: "errors" }],
  { least: 5, watched: "server_error_percent", unit: "percent", peak: (v) => `${amount(v)} %`, read: ([v]) => `${amount(v)} %` });
new Chart("tile-latency", "Latency", [{ of: (s) => s.p50_ms, kind: "p50" }, { of: (s) => s.p99_ms, kind: "p99" }],
  { least: 1, watched: "latency_p99_ms", unit: "ms", peak: milliseconds, read: ([p50, p99]) => `${milliseconds(p50)}, p99 ${milliseconds(p99)}` });
new Chart("tile-capacity", "Requests in flight", [{ of: (s) => s.in_flight }],
  { least: 4, watched: "saturation_percent", peak: count, read: ([v]) => count(v) });
