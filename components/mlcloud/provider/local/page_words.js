"use strict";
// Words, numbers and elements of the status page. Every word of it may come from a stranger (names, labels,
// descriptions): it becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";
const NONE = "–";

const byId = (id) => document.getElementById(id);
const list = (value) => (Array.isArray(value) ? value : []);
const record = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});
const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
const text = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));

// --- Words and numbers ---

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

function amount(value) {
  if (number(value) === null) return NONE;
  if (value === 0) return "0";
  if (value < 0.05) return "<0.1";
  return value < 9.95 ? value.toFixed(1) : grouped.format(value);
}
function count(value) { return number(value) === null ? NONE : grouped.format(value); }
function latency(value) {
  return (number(value) ?? 0) >= 9999.5 ? [amount(value / 1000), "s"] : [amount(value), "ms"];
}
function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
function plural(n, word) { return `${count(n)} ${word}${n === 1 ? "" : "s"}`; }
function at(unix) {
  const date = new Date(unix * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}
const UNITS = { percent: "%", hours: "h" };
function measure(value, unit) {
  if (number(value) === null) return NONE;
  return `${short.format(value)} ${UNITS[text(unit)] ?? text(unit)}`.trim();
}
function bound(alarm) {
  return `${text(alarm.comparison) === "below" ? "<" : ">"} ${measure(alarm.threshold, alarm.unit)}`;
}

// --- Elements, changed only where they differ, so that a reader's place and selection stay ---

function put(node, value) { if (node.textContent !== value) node.textContent = value; }
function mark(node, name, value) { if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value); }
function show(node, shown) { if (node.hidden === shown) node.hidden = !shown; }
function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
function draw(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
function icon(name) {
  const node = draw("svg", { class: "icon", "aria-hidden": "true" });
  node.append(draw("use", { href: `#i-${name}` }));
  return node;
}
function time(unix) {
  return number(unix) === null ? make("span", {}, NONE)
    : make("time", { datetime: new Date(unix * 1000).toISOString(), title: whole.format(new Date(unix * 1000)) }, at(unix));
}
// Make `parent` hold one child for each item, in order, and keep the children of those that stay.
function each(parent, items, key, create, update) {
  const kept = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  const seen = new Map();
  for (const item of items) {
    const base = key(item);
    seen.set(base, (seen.get(base) ?? 0) + 1);
    const name = `${base} ${seen.get(base)}`;
    let node = kept.get(name);
    kept.delete(name);
    if (!node) { node = create(item); node.dataset.key = name; }
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of kept.values()) node.remove();
}
// A row whose cells are named once; on a phone each shows its name.
function row(names) {
  return make("tr", { role: "row" }, ...names.map(([part, label, kind], index) => index === 0
    ? make("th", { role: "rowheader", scope: "row", "data-part": part })
    : make("td", { role: "cell", "data-part": part, "data-label": label, class: kind ?? "" })));
}
function part(node, name) { return node.querySelector(`[data-part="${name}"]`); }

const KINDS = {
  serving: ["ok", "ok", "Serving"], starting: ["moving", "moving", "Starting"],
  "rolling-out": ["moving", "moving", "Rolling out"], down: ["alarm", "down", "Down"],
  ok: ["ok", "ok", "OK"], alarm: ["alarm", "alarm", "Alarm"], "no-data": ["none", "none", "No data"],
  ready: ["ok", "ok", "Ready"], "not-ready": ["moving", "moving", "Not ready"],
};
function state(node, name) {
  const [kind, shape, word] = KINDS[name] ?? ["none", "none", text(name) || "Unknown"];
  if (node.dataset.state === text(name) && node.childElementCount) return;
  node.dataset.state = text(name);
  mark(node, "data-kind", kind);
  node.replaceChildren(icon(shape), make("span", {}, ` ${word}`));
}
