// Asks for status.json each second and draws what it says.

const EVERY_MS = 1000;
const PATIENCE_MS = 4000;
const STALE_S = 5;
const SHOWN_CHANGES = 8;
// Units of what is counted over a period; hours and runs are counted since they began.
const COUNTED = ["percent", "ms"];

// --- The page's parts ---

function showHead(status, endpoint) {
  put(byId("where"), [text(status.project), text(status.stack)].filter(Boolean).join(" / ") || "mlcloud");
  put(byId("title"), text(status.title) || text(status.stack) || "mlcloud");
  state(byId("state"), text(endpoint.state) || "unknown");
  put(byId("url"), text(endpoint.url) || "no endpoint yet");
  show(byId("copy"), Boolean(text(endpoint.url)));
  const ready = number(endpoint.ready) === null ? "" : `${count(endpoint.ready)} of ${plural(number(endpoint.replicas) ?? 0, "server")} ready`;
  put(byId("detail"), [ready, text(endpoint.detail)].filter(Boolean).join(". "));
}

function showFigures(endpoint, series, alarms) {
  for (const chart of charts) {
    const watcher = alarms.find((alarm) => alarm.metric === chart.words.watched && alarm.comparison !== "below");
    const unit = chart.words.watched === "saturation_percent" ? (number(endpoint.capacity) ?? NaN) / 100 : 1;
    chart.take(series, watcher ? number(watcher.threshold * unit) : null);
  }
  put(part(byId("tile-requests"), "now"), amount(endpoint.requests_per_s));
  put(part(byId("tile-errors"), "now"), amount(endpoint.error_percent));
  const [[p50, unit50], [p99, unit99]] = [latency(endpoint.p50_ms), latency(endpoint.p99_ms)];
  put(part(byId("tile-latency"), "now"), p50);
  put(part(byId("tile-latency"), "now-unit"), unit50);
  put(part(byId("tile-latency"), "second"), p99);
  put(part(byId("tile-latency"), "second-unit"), unit99);
  const capacity = number(endpoint.capacity), busy = number(endpoint.in_flight);
  put(part(byId("tile-capacity"), "now"), count(busy));
  put(part(byId("tile-capacity"), "of"), capacity ? `of ${count(capacity)}, ${amount((100 * (busy ?? 0)) / capacity)} % used` : "requests");
}

function showAlarms(alarms) {
  const open = alarms.filter((alarm) => alarm.state === "alarm");
  const blind = alarms.filter((alarm) => alarm.state === "no-data").length;
  mark(byId("alarms"), "data-open", open.length);
  mark(byId("alarms"), "data-known", alarms.length);
  mark(byId("alarms-icon"), "href", open.length ? "#i-alarm" : alarms.length ? "#i-ok" : "#i-none");
  put(byId("alarms-what"), open.length ? `${plural(open.length, "open alarm")}` : alarms.length ? "No open alarms" : "No alarms");
  put(byId("alarms-rest"), alarms.length ? `${plural(alarms.length, "rule")} watched${blind ? `, ${count(blind)} without data` : ""}` : "nothing is watched");
  each(byId("alarms-open"), open, (alarm) => text(alarm.name), () => make("li", {},
    make("strong", { "data-part": "name" }), make("span", { class: "measure", "data-part": "measure" }),
    make("span", { class: "more", "data-part": "more" }), make("span", { class: "since", "data-part": "since" })),
  (node, alarm) => {
    put(part(node, "name"), text(alarm.name));
    put(part(node, "measure"), `${measure(alarm.value, alarm.unit)}, limit ${measure(alarm.threshold, alarm.unit)}`);
    const ill = Object.entries(record(alarm.versions)).filter(([, one]) => record(one).state === "alarm");
    const versions = ill.length ? `Version ${ill.map(([label, one]) => `${label}: ${measure(one.value, alarm.unit)}`).join(", ")}.` : "";
    put(part(node, "more"), [text(alarm.description), versions].filter(Boolean).join(" "));
    put(part(node, "since"), number(alarm.since) === null ? "" : `for ${span(now() - alarm.since)}, since ${at(alarm.since)}`);
  });
}

function showRules(alarms) {
  const order = { alarm: 0, "no-data": 1, ok: 2 };
  const sorted = [...alarms].sort((a, b) => (order[a.state] ?? 1) - (order[b.state] ?? 1));
  show(byId("rules-empty"), !alarms.length);
  show(byId("rules").parentNode, alarms.length > 0);
  each(byId("rules"), sorted, (alarm) => text(alarm.name), () => row([["name"], ["state", "State"], ["now", "Now", "n"], ["opens", "Opens", "n"], ["since", "Since"]]),
    (node, alarm) => {
      put(part(node, "name"), text(alarm.name));
      mark(part(node, "name"), "title", text(alarm.description));
      state(part(node, "state"), alarm.state);
      put(part(node, "now"), measure(alarm.value, alarm.unit));
      put(part(node, "opens"), `${bound(alarm)}${number(alarm.period_s) !== null && COUNTED.includes(alarm.unit) ? ` over ${span(alarm.period_s)}` : ""}`);
      put(part(node, "since"), number(alarm.since) === null ? NONE : `${at(alarm.since)}`);
    });
}

function showTraffic(versions) {
  const live = versions.filter((one) => (number(one.weight) ?? 0) > 0 || list(one.servers).length)
    .sort((a, b) => (number(b.weight) ?? 0) - (number(a.weight) ?? 0));
  show(byId("live-empty"), !live.length);
  show(byId("live").parentNode, live.length > 0);
  show(byId("shares"), live.length > 0);
  // A version keeps its colour while it lives, whatever the weights do.
  const order = new Map(live.map((one) => one.label).sort().map((label, index) => [label, Math.min(index, 2)]));
  each(byId("shares"), live, (one) => text(one.label), () => make("div"), (node, one) => {
    mark(node, "data-order", order.get(one.label));
    const width = `${Math.max(0, Math.min(100, number(one.weight) ?? 0))}%`;
    if (node.style.width !== width) node.style.width = width;
  });
  each(byId("live"), live, (one) => text(one.label), () => {
    const node = row([["version"], ["traffic", "Traffic", "n"], ["rate", "Requests", "n"], ["errors", "Errors", "n"], ["p50", "p50", "n"], ["p99", "p99", "n"], ["servers", "Servers ready", "n"]]);
    part(node, "version").append(make("span", { class: "swatch", "aria-hidden": "true" }), make("span", { "data-part": "label" }), make("small", { "data-part": "stage" }));
    return node;
  }, (node, one) => {
    const servers = list(one.servers).map(record);
    mark(node.querySelector(".swatch"), "data-order", order.get(one.label));
    put(part(node, "label"), text(one.label));
    put(part(node, "stage"), text(one.stage) ? ` ${text(one.stage)}` : "");
    put(part(node, "traffic"), `${amount(one.weight)} %`);
    put(part(node, "rate"), `${amount(one.requests_per_s)} /s`);
    put(part(node, "errors"), number(one.requests) ? `${amount((100 * (number(one.errors) ?? 0)) / one.requests)} %` : NONE);
    mark(part(node, "errors"), "title", `${count(one.errors)} of ${plural(number(one.requests) ?? 0, "request")}`);
    put(part(node, "p50"), milliseconds(one.p50_ms));
    put(part(node, "p99"), milliseconds(one.p99_ms));
    put(part(node, "servers"), `${count(servers.filter((server) => server.ready).length)} of ${count(servers.length)}`);
  });
  const servers = live.flatMap((one) => list(one.servers).map((server) => ({ ...record(server), label: one.label })));
  show(byId("servers-all"), servers.length > 0);
  put(byId("servers-what"), `${count(servers.length)} server process${servers.length === 1 ? "" : "es"}`);
  each(byId("servers"), servers, (server) => text(server.pid), () => row([["pid"], ["version", "Version"], ["state", "State"], ["age", "Runs for", "n"], ["busy", "In flight", "n"]]),
    (node, server) => {
      put(part(node, "pid"), text(server.pid));
      put(part(node, "version"), text(server.label));
      state(part(node, "state"), server.ready ? "ready" : "not-ready");
      put(part(node, "age"), number(server.began) === null ? NONE : span(now() - server.began));
      put(part(node, "busy"), count(server.in_flight));
    });
}

// Only a path of this page's own becomes a link: no other site, no other scheme.
function reportPath(value) { return typeof value === "string" && /^\/reports\/(?!\.)[^/\\?#]+$/.test(value) ? value : null; }
function link(node, path, words) {
  const there = node.querySelector("a");
  if (path === null) { if (there || !node.textContent) put(node, NONE); }
  else if (!there || there.getAttribute("href") !== path) node.replaceChildren(make("a", { href: path }, words));
  node.classList.toggle("blank", path === null);
}

function showModels(versions, training) {
  const sorted = [...versions].sort((a, b) => (number(b.created) ?? 0) - (number(a.created) ?? 0));
  show(byId("models-empty"), !versions.length);
  show(byId("models").parentNode, versions.length > 0);
  each(byId("models"), sorted, (one) => `${text(one.label)} ${text(one.sha256)}`, (one) => {
    const node = row([["version"], ["stage", "Stage"], ["made", "Made"], ["metrics", "Metrics", "wide"], ["from", "From"], ["report", "Report"]]);
    part(node, "version").append(text(one.label));
    if (text(one.sha256) && !text(one.sha256).startsWith(text(one.label))) part(node, "version").append(make("small", {}, ` ${text(one.sha256).slice(0, 12)}`));
    part(node, "made").append(time(one.created));
    mark(part(node, "version"), "title", `SHA-256 ${text(one.sha256)}`);
    return node;
  }, (node, one) => {
    put(part(node, "stage"), text(one.stage) || NONE);
    const metrics = Object.entries(record(one.metrics)).map(([name, value]) => `${name} ${number(value) === null ? text(value) || NONE : short.format(value)}`);
    put(part(node, "metrics"), metrics.join(", ") || NONE);
    showLineage(part(node, "from"), record(one.lineage));
    link(part(node, "report"), reportPath(one.report), "Report");
    const anchor = node.querySelector("a");
    if (anchor) mark(anchor, "aria-label", `Report of version ${text(one.label)}`);
  });
  const run = record(training), known = Boolean(text(run.run));
  show(byId("training"), known);
  if (!known) return;
  const failed = /fail|error/i.test(text(run.status));
  const since = number(run.since) === null ? "" : `, since ${at(run.since)}`;
  const words = `Training run ${text(run.run)}: ${text(run.status)}${since}. `;
  const node = byId("training"), path = reportPath(run.report);
  if (node.dataset.words === `${words}${path}`) return;
  node.dataset.words = `${words}${path}`;
  mark(node, "data-kind", failed ? "alarm" : "plain");
  node.replaceChildren(...(failed ? [icon("alarm"), " "] : []), words, ...(path === null ? [] : [make("a", { href: path }, "Report of the run")]));
}

function showLineage(node, lineage) {
  const entries = Object.entries(lineage).filter(([, value]) => text(value));
  const whole_text = JSON.stringify(entries);
  if (node.dataset.known === whole_text) return;
  node.dataset.known = whole_text;
  node.classList.toggle("blank", !entries.length);
  if (!entries.length) { node.replaceChildren(NONE); return; }
  const terms = entries.flatMap(([name, value]) => [make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, text(value))]);
  node.replaceChildren(make("details", {}, make("summary", {}, "Lineage"), make("dl", {}, ...terms)));
}

function showHistory(history, units) {
  const words = (change) => {
    const action = record(change.action);
    const done = text(action.kind) ? ` ${action.ok ? "Told by" : "Could not be told by"} ${text(action.kind)}${text(action.detail) ? `: ${text(action.detail)}` : ""}.` : "";
    const value = number(change.value) === null ? "" : ` at ${measure(change.value, units.get(change.name))}`;
    const became = change.to === "alarm" ? "opened" : change.from === "alarm" ? "closed" : `is now ${KINDS[change.to]?.[2].toLowerCase() ?? text(change.to)}`;
    return ` ${became}${value}.${done}`;
  };
  const create = (change) => {
    const [kind, shape] = KINDS[change.to] ?? ["none", "none"];
    const sign = make("span", { "data-kind": kind }, icon(shape), " ");
    return make("li", {}, time(change.at), make("p", {}, sign, make("strong", {}, text(change.name)), words(change)));
  };
  const key = (change) => `${text(change.at)} ${text(change.name)} ${text(change.to)} ${JSON.stringify(change.action ?? null)}`;
  const rest = history.slice(SHOWN_CHANGES);
  each(byId("history"), history.slice(0, SHOWN_CHANGES), key, create, () => {});
  each(byId("history-rest"), rest, key, create, () => {});
  show(byId("history-empty"), !history.length);
  show(byId("history-more"), rest.length > 0);
  put(byId("history-what"), `${plural(rest.length, "earlier change")}`);
}

// --- What stands out from afar, and what is read aloud ---

const SIGNS = {
  ok: ["#17713f", "<circle cx='8' cy='8' r='7'/>"], alarm: ["#b3201c", "<path d='M8 1 15.5 15H.5Z'/>"],
  stale: ["#8a5300", "<path d='M8 1.5a6.5 6.5 0 1 0 .01 0ZM8 4.5a3.5 3.5 0 1 1-.01 0Z' fill-rule='evenodd'/>"],
};
function showTab(kind, prefix) {
  const [colour, shape] = SIGNS[kind];
  const picture = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="${SVG}" viewBox="0 0 16 16" fill="${colour}">${shape}</svg>`)}`;
  mark(document.querySelector("link[rel=icon]"), "href", picture);
  const title = `${prefix}${byId("title").textContent}`;
  if (document.title !== title) document.title = title;
}
let before = null;
function announce(status, alarms, endpoint) {
  const open = new Map(alarms.filter((alarm) => alarm.state === "alarm").map((alarm) => [text(alarm.name), alarm]));
  const after = { open, state: text(endpoint.state) };
  if (before !== null) {
    const said = [];
    for (const [name, alarm] of open) if (!before.open.has(name)) said.push(`Alarm opened: ${name}, ${measure(alarm.value, alarm.unit)}.`);
    for (const name of before.open.keys()) if (!open.has(name)) said.push(`Alarm closed: ${name}.`);
    if (after.state !== before.state) said.push(`Endpoint: ${KINDS[after.state]?.[2] ?? after.state}.`);
    if (said.length) put(byId("announce"), said.join(" "));
  }
  before = after;
}

// --- Asking, and knowing how old the answer is ---

let shown = null;         // the last status
let heard = 0;            // when it came, on this page's own clock
let age = 0;              // how old it was then, in seconds, on the clock of who answered
let ahead = 0;            // seconds by which that clock is ahead of this browser's
let failure = "";

function now() { return Date.now() / 1000 + ahead; }

function showFreshness() {
  const old = shown === null ? Infinity : age + (performance.now() - heard) / 1000;
  let kind = "live", what = "Live", why = shown === null ? "" : `measured at ${at(shown.written)}`;
  if (shown === null) {
    kind = failure ? "stale" : "waiting";
    [what, why] = failure ? ["No answer", failure] : ["Waiting", "for the monitor's first answer"];
  } else if (old > STALE_S) {
    kind = "stale";
    what = `Stale since ${at(shown.written)} (${span(old)})`;
    why = failure || "The monitor has stopped measuring";
  }
  if (document.body.dataset.freshness !== kind) {
    const first = document.body.dataset.freshness === "waiting";
    document.body.dataset.freshness = kind;
    if (kind === "stale") put(byId("announce"), `${what}. ${why}.`);
    else if (!first) put(byId("announce"), "Live again.");
  }
  put(byId("fresh-what"), what);
  put(byId("fresh-why"), why);
  const open = Number(byId("alarms").dataset.open);
  const down = byId("state").dataset.state === "down";
  if (kind === "stale") showTab("stale", "Stale: ");
  else if (shown !== null) showTab(open || down ? "alarm" : "ok", open ? `(${open}) ` : down ? "Down: " : "");
}

function render(status) {
  const endpoint = record(status.endpoint), versions = list(status.versions).map(record), alarms = list(status.alarms).map(record);
  showHead(status, endpoint);
  showAlarms(alarms);
  showFigures(endpoint, record(status.series), alarms);
  showTraffic(versions);
  showModels(versions, status.training);
  showRules(alarms);
  showHistory(list(status.history).map(record), new Map(alarms.map((alarm) => [alarm.name, alarm.unit])));
  announce(status, alarms, endpoint);
}

async function ask() {
  let answer, status;
  try {
    answer = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) { failure = `The monitor cannot tell: ${(await answer.text()).trim().slice(0, 200)}`; return; }
    status = record(await answer.json());
  } catch {
    failure = "The monitor does not answer";
    return;
  }
  try {
    const date = Date.parse(answer.headers.get("Date") ?? "") / 1000;
    // The header has whole seconds: a difference below 2 s is none.
    const skew = Number.isFinite(date) ? date - Date.now() / 1000 : 0;
    ahead = Math.abs(skew) < 2 ? 0 : skew;
    status.written = number(status.written) ?? now();
    age = Math.max(0, now() - status.written);
    heard = performance.now();
    shown = status;
    render(status);
    failure = "";
  } catch (error) {
    failure = "The page does not understand what the monitor says";
    console.error(error);
  }
}

async function refresh() {
  const begun = performance.now();
  await ask();
  showFreshness();
  setTimeout(refresh, Math.max(100, EVERY_MS - (performance.now() - begun)));
}

byId("copy").addEventListener("click", async (event) => {
  const button = event.currentTarget, words = button.firstChild;
  try { await navigator.clipboard.writeText(byId("url").textContent); words.data = "Copied"; } catch { words.data = "Failed"; }
  setTimeout(() => { words.data = "Copy"; }, 1500);
});
// While an answer is waited for, the age goes on.
setInterval(showFreshness, EVERY_MS);
refresh();
