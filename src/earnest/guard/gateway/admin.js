"use strict";
// All facts come from /state.json; text is set as text and never as markup.
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const make = (name, props = {}, ...children) => {
  const one = document.createElement(name);
  for (const [key, value] of Object.entries(props)) key === "class" ? (one.className = value) : one.setAttribute(key, value);
  one.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return one;
};
const draw = (name, props, ...children) => {
  const one = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(props)) one.setAttribute(key, value);
  one.append(...children);
  return one;
};
const clock = (at) => new Date(at * 1000).toLocaleTimeString();
const span = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);
const number = (x) => (typeof x === "number" ? Number(x.toPrecision(4)).toString() : "–");
const WORDS = {
  off: "Nothing is judged.",
  shadow: "Decisions are recorded. Every message passes as it came.",
  enforce: "Decisions are applied to new calls.",
  canary: "Decisions are applied for a share of the callers.",
};
let state = null, shown = "";
const open = new Set();

function mark(decision) {
  return decision.enforce ? "acted" : "seen";
}

function timeline(decisions, now) {
  const line = $("line"), width = Math.max(280, line.clientWidth), from = now - 600, x = (at) => ((at - from) / 600) * (width - 16) + 8;
  line.setAttribute("viewBox", `0 0 ${width} 80`);
  const drawn = [draw("line", { x1: 0, x2: width, y1: 56, y2: 56 })];
  for (let minute = 0; minute <= 10; minute += width < 500 ? 5 : 2) {
    const text = draw("text", { x: x(now - minute * 60), y: 74, "text-anchor": minute === 0 ? "end" : minute === 10 ? "start" : "middle" });
    text.textContent = minute ? `−${minute} min` : "now";
    drawn.push(text);
  }
  const stacked = {};
  const recent = decisions.filter((one) => one.at >= from);
  for (const one of recent) {
    const place = Math.round(x(one.at) / 9), level = (stacked[place] = (stacked[place] || 0) + 1), at = x(one.at), y = Math.max(6, 57 - level * 10);
    const kind = mark(one), title = draw("title", {});
    title.textContent = `${clock(one.at)} ${one.rule}: ${one.action}`;
    drawn.push(kind === "acted" ? draw("rect", { x: at - 4, y: y - 4, width: 8, height: 8, class: "m-acted" }, title) : draw("circle", { cx: at, cy: y, r: 4, class: "m-seen" }, title));
  }
  const old = $("line-t");
  old.textContent = `${recent.length} decisions in the last ten minutes, ${recent.filter((one) => one.enforce).length} of them applied`;
  line.replaceChildren(old, ...drawn);
  if (!$("key").childElementCount) {
    $("key").append(
      make("li", {}, draw("svg", { viewBox: "0 0 8 8" }, draw("rect", { width: 8, height: 8, class: "m-acted" })), "applied"),
      make("li", {}, draw("svg", { viewBox: "0 0 8 8" }, draw("circle", { cx: 4, cy: 4, r: 4, class: "m-seen" })), "recorded only"),
    );
  }
}

function evidence(one) {
  const pairs = [
    ["Detector", one.detector],
    ["Score and threshold", `${number(one.score)}, threshold ${number(one.threshold)}`],
    ["Span", `${number(one.start_s)} to ${number(one.end_s)} s of the ${one.side}`],
    ["Rule", `${one.rule}, line ${one.line} of the policy`],
    ["Route", one.route],
    ["Call", one.session],
  ];
  const list = make("dl", { class: "evidence" }, ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  if (one.fingerprint) list.append(make("div", {}, make("dt", {}, `Fingerprint of ${one.fingerprint.n_bytes} bytes`), make("dd", { class: "long" }, one.fingerprint.hmac)));
  return list;
}

function decisions(list) {
  const latest = list.slice(-12).reverse(), key = JSON.stringify(latest.map((one) => [one.at, one.rule]));
  if (key === shown) return;
  shown = key;
  $("decisions").replaceChildren(
    ...(latest.length ? [] : [make("p", { class: "empty" }, "No decision yet.")]),
    ...latest.map((one) => {
      const id = `${one.at}${one.rule}${one.session}`, kind = mark(one);
      const box = make("details", {}, make("summary", {}, make("span", { class: "when" }, clock(one.at)), make("b", {}, one.rule), ` ${one.action} · ${one.side} `, make("span", { class: `tag ${kind}` }, kind === "acted" ? "applied" : "recorded")), evidence(one));
      box.open = open.has(id);
      box.addEventListener("toggle", () => (box.open ? open.add(id) : open.delete(id)));
      return box;
    }),
  );
}

function table(into, head, rows, empty) {
  if (!rows.length) return into.replaceChildren(make("caption", { class: "empty" }, empty));
  into.replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, at) => (at ? make("td", {}, cell) : make("th", { scope: "row" }, cell)))))),
  );
}

function latency(bins) {
  const total = bins.reduce((sum, [, n]) => sum + n, 0);
  if (!total) return $("latency").replaceChildren(make("p", { class: "empty" }, "No message yet."));
  const last = bins.findLastIndex(([, n]) => n > 0), rows = [];
  let below = 0;
  for (const [edge, n] of bins.slice(0, Math.max(last, 3) + 1)) {
    const bar = draw("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, draw("rect", { width: (100 * n) / total, height: 8 }));
    rows.push(make("span", {}, edge === null ? `over ${below} ms` : `to ${number(edge * 1000)} ms`), bar, make("span", {}, `${((100 * n) / total).toFixed(1)} %`));
    if (edge !== null) below = edge * 1000;
  }
  $("latency").replaceChildren(make("div", { class: "bars" }, ...rows), make("p", { class: "fine" }, `${total} messages`));
}

function show(now) {
  state = now;
  $("mode").textContent = now.mode;
  document.querySelector(".mode").classList.toggle("enforce", now.mode === "enforce" || now.mode === "canary");
  $("mode-words").textContent = WORDS[now.mode] + (now.mode === "canary" ? ` Share: ${now.canary_share * 100} %.` : "");
  $("degraded").hidden = !now.degraded.length;
  $("degraded").textContent = now.degraded.length ? `Started with --allow-degraded. ${now.degraded.join("; ")}` : "";
  const target = now.mode === "shadow" ? "enforce" : "shadow";
  $("to").textContent = target === "enforce" ? "Enforce for new calls" : "Back to shadow, at once for all calls";
  $("to").dataset.mode = target;
  $("to").disabled = now.mode === "off";
  for (const one of document.querySelectorAll(".token")) one.hidden = !now.needs_token;
  $("health").textContent = now.draining ? "Draining: no new calls" : now.ready ? "Ready" : "Not ready";
  $("health").className = now.ready ? "" : "warn";
  const tiles = [
    ["Calls now", now.n_calls],
    ["Decisions kept", now.decisions.length],
    ["Detectors", now.detectors.running ? "running" : "down"],
    ["Detectors restarted", now.detectors.restarts],
    ["Audit", !now.audit.folder ? "none kept" : now.audit.failing ? "failing" : "written"],
    ["Running for", span(now.now - now.started)],
  ];
  $("tiles").replaceChildren(...tiles.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  timeline(now.decisions, now.now);
  decisions(now.decisions);
  table($("calls"), ["Call", "Route", "For", "Mode", "Caller heard", "Agent heard", "Decisions", "Flagged by"],
    now.calls.map((one) => [one.name, one.route, span(one.seconds), one.enforce ? "enforce" : "shadow", `${one.heard_s.caller} s`, `${one.heard_s.agent} s`, one.counts.decisions || 0, one.flagged.join(", ") || "–"]), "No call under way.");
  latency(now.latency);
  table($("table"), ["Rule", "Action", "Hears", "Asked", "If not judged", ...now.routes],
    now.table.map((row) => [row.rule, row.action, row.hears, row.asked || "–", row.on_failure, ...now.routes.map((route) => make("span", { class: `s-${row.routes[route].split(" ")[0]}` }, row.routes[route]))]), "No rule.");
  $("switches").replaceChildren(...(now.switches.length ? now.switches.map((one) => make("li", {}, `${clock(one.at)}: ${one.from} to ${one.to}${one.why ? `, because: ${one.why}` : ""}; ${one.calls} calls were under way`)) : [make("li", {}, "None since the start.")]));
  $("versions").textContent = `earnest ${now.versions.earnest}, policy ${now.policy} (${now.policy_mode} in the file), Python ${now.versions.python}, aiohttp ${now.versions.aiohttp}. Routes: ${now.routes.join(", ")}.`;
}

async function refresh() {
  try {
    const reply = await fetch("/state.json", { cache: "no-store" });
    if (!reply.ok) throw new Error(reply.status);
    show(await reply.json());
  } catch {
    $("health").textContent = "The gateway does not answer";
    $("health").className = "warn";
  }
  setTimeout(refresh, document.hidden ? 10000 : 1500);
}

$("switch").addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { "Content-Type": "application/json" };
  if ($("token").value) headers.Authorization = `Bearer ${$("token").value}`;
  const reply = await fetch("/mode", { method: "POST", headers, body: JSON.stringify({ mode: $("to").dataset.mode, why: $("why").value }) });
  const made = await reply.json();
  $("said").textContent = reply.ok ? `Switched to ${made.mode}.` : made.error;
  if (reply.ok) $("why").value = "";
  const now = await fetch("/state.json");
  if (now.ok) show(await now.json());
});
refresh();
