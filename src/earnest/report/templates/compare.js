"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 25, N = data.items.length, K = data.runs.length;
  const at = (id) => document.getElementById(id);
  const SIGNS = { p: ["✓", "passed"], f: ["✗", "failed"], u: ["?", "unscored"], c: ["·", "control"], ".": ["–", "not asked"] };
  const details = { rows: null, texts: null };
  const state = { rows: [...Array(N).keys()], page: 0, row: 0, column: 0, open: null };

  // signs that turn the direction of writing, or control a terminal that the text is copied to, are shown
  const visible = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = visible(text);
    if (name) node.className = name;
    return node;
  };
  const words = (name) => String(name ?? "").replaceAll("_", " ");
  const outcomes = (item) => data.outcomes.map((run) => run[item]);
  const failed = (item) => outcomes(item).filter((one) => one === "f").length;
  const passed = (item) => outcomes(item).filter((one) => one === "p").length;

  // ---- what is shown

  const SHOW = [
    ["all items", () => true],
    ["runs disagree", (item) => failed(item) > 0 && passed(item) > 0],
    ["failed in every run", (item) => failed(item) > 0 && failed(item) === outcomes(item).filter((one) => one !== ".").length],
    ["passed in every run", (item) => passed(item) > 0 && passed(item) === outcomes(item).filter((one) => one !== ".").length],
    ["unscored in a run", (item) => outcomes(item).includes("u")],
    ["not asked in a run", (item) => outcomes(item).includes(".")],
  ];
  data.runs.forEach((name, run) => {
    if (run === data.baseline) return;
    const turned = (from, to) => (item) => data.outcomes[data.baseline][item] === from && data.outcomes[run][item] === to;
    SHOW.push([`passed in the baseline, failed in ${name}`, turned("p", "f")], [`failed in the baseline, passed in ${name}`, turned("f", "p")]);
  });
  const fill = (id, values, label = words) => {
    for (const [value, text] of values) {
      const option = make("option", label(text));
      option.value = value;
      at(id).append(option);
    }
  };
  fill("g-show", SHOW.map(([name], place) => [place, name]), (text) => text);
  fill("g-pillar", [...new Set(data.tasks.map((task) => task[1]))].map((name) => [name, name]));
  fill("g-task", data.tasks.map((task, place) => [place, task[0]]));
  fill("g-arm", data.arms.map((name, place) => [place, name]), (text) => text);

  const haystacks = new Map();
  const haystack = (item) => {
    if (!details.rows) return data.items[item].toLowerCase();
    if (!haystacks.has(item)) {
      const [prompt, truth, , said] = details.rows[item];
      const told = said.flatMap((one) => one ? [details.texts[one[0]], details.texts[one[1]]] : []);
      haystacks.set(item, [data.items[item], details.texts[prompt], details.texts[truth], ...told].join("\n").toLowerCase());
    }
    return haystacks.get(item);
  };
  const ORDER = {
    plan: null,
    fails: (a, b) => failed(b) - failed(a) || a - b,
    split: (a, b) => Math.min(failed(b), passed(b)) - Math.min(failed(a), passed(a)) || a - b,
  };
  const filter = (event) => {
    const [show, pillar, task, arm] = ["show", "pillar", "task", "arm"].map((name) => at("g-" + name).value);
    const text = at("g-text").value.trim().toLowerCase();
    state.rows = [...Array(N).keys()].filter((item) =>
      SHOW[Number(show)][1](item) &&
      (!pillar || data.tasks[data.task[item]][1] === pillar) &&
      (!task || data.task[item] === Number(task)) &&
      (!arm || data.arm[item] === Number(arm)) &&
      columns.every((select, run) => !select.value || data.outcomes[run][item] === select.value) &&
      (!text || haystack(item).includes(text)));
    const order = ORDER[at("g-order").value];
    if (order) state.rows.sort(order);
    if (event) [state.page, state.row, state.open] = [0, 0, null];
    draw();
  };

  // ---- the map: an item a column, a run a strip

  const colour = (name) => getComputedStyle(at("map")).getPropertyValue(name).trim();
  const labels = (width) => Math.min(170, width * 0.22);  // room for the names of the runs
  const drawMap = () => {
    const map = at("map"), ratio = window.devicePixelRatio || 1, strip = 16, gap = 3;
    const whole = map.parentElement.clientWidth, height = K * (strip + gap) + 6, left = labels(whole), width = whole - left;
    [map.width, map.height] = [whole * ratio, height * ratio];
    map.style.height = height + "px";
    const pen = map.getContext("2d");
    pen.scale(ratio, ratio);
    const colours = { p: colour("--pass"), f: colour("--fail"), u: colour("--unsc"), c: colour("--ctrl"), ".": colour("--ctrl") };
    const each = width / Math.max(1, state.rows.length);
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = colour("--soft");
    data.runs.forEach((name, run) => {
      let text = visible(name);
      while (text.length > 3 && pen.measureText(text).width > left - 8) text = text.slice(0, -2) + "…";
      pen.fillText(text, 0, run * (strip + gap) + 12);
    });
    pen.translate(left, 0);
    for (let run = 0; run < K; run++) {
      const row = data.outcomes[run];
      for (let begin = 0, n = state.rows.length; begin < n;) {
        const kind = row[state.rows[begin]];
        let end = begin + 1;
        while (end < n && row[state.rows[end]] === kind) end++;
        pen.fillStyle = colours[kind];
        const low = kind === "f" ? 0 : kind === "p" ? 0 : 0.3;  // unlike colours alone, heights are seen in grey as well
        if (kind !== ".") pen.fillRect(begin * each, run * (strip + gap) + strip * low, (end - begin) * each, kind === "p" ? strip * 0.55 : strip * (1 - low));
        begin = end;
      }
    }
    pen.fillStyle = colour("--ink");
    pen.fillRect(state.page * PAGE * each, height - 3, Math.max(3, Math.min(PAGE, state.rows.length - state.page * PAGE) * each), 3);
    map.setAttribute("aria-label", "Map of the items shown. " + data.runs.map((name, run) => {
      const count = (kind) => state.rows.filter((item) => data.outcomes[run][item] === kind).length;
      return `${name}: ${count("p")} passed, ${count("f")} failed, ${count("u")} unscored`;
    }).join(". "));
  };
  at("map").addEventListener("click", (event) => {
    const left = labels(at("map").clientWidth), share = (event.offsetX - left) / (at("map").clientWidth - left);
    if (share < 0) return;
    const place = Math.min(state.rows.length - 1, Math.floor(state.rows.length * share));
    [state.page, state.row, state.open] = [Math.floor(place / PAGE), place % PAGE, null];
    draw();
    focusCell();
  });

  // ---- the table

  const columns = [];
  const drawHead = () => {
    const line = make("tr");
    const head = make("th", "item");
    head.scope = "col";
    line.append(head);
    data.runs.forEach((name, run) => {
      const cell = make("th", undefined, run === data.baseline ? "base" : "");
      for (const part of name.split(/(?<=[_/])/)) cell.append(visible(part), make("wbr"));
      cell.scope = "col";
      cell.title = visible(data.names[run]);
      if (run === data.baseline) cell.append(make("small", "baseline"));
      const select = make("select");
      select.setAttribute("aria-label", "Outcome in " + visible(name));
      for (const [value, text] of [["", "all"], ["p", "✓ passed"], ["f", "✗ failed"], ["u", "? unscored"], [".", "– not asked"]]) {
        const option = make("option", text);
        option.value = value;
        select.append(option);
      }
      select.addEventListener("input", filter);
      columns.push(select);
      cell.append(select);
      line.append(cell);
    });
    document.querySelector("#cells thead").append(line);
    at("cells").setAttribute("aria-colcount", K + 1);
  };
  const scored = (item, run) => {
    const said = details.rows && details.rows[item][3][run];
    return said && said[2] !== null && said[2] !== 0 && said[2] !== 1 ? said[2].toFixed(2) : "";
  };
  const rowOf = (item, place) => {
    const line = make("tr");
    line.setAttribute("aria-rowindex", state.page * PAGE + place + 2);
    const [task, pillar, title] = data.tasks[data.task[item]];
    const head = make("th", undefined, "item");
    head.scope = "row";
    const name = make("span", data.items[item].replace(/^[^/]*\//, ""));
    head.append(name, make("small", [title || words(task), ...(data.arms.length > 1 ? [data.arms[data.arm[item]]] : [])].join(" · ")));
    head.title = `${pillar}: ${data.items[item]}`;
    line.append(head);
    outcomes(item).forEach((kind, run) => {
      const cell = make("td", undefined, "o-" + ({ ".": "none" }[kind] ?? kind));
      const sign = make("b", SIGNS[kind][0]);
      sign.setAttribute("aria-hidden", "true");
      cell.append(sign, make("span", SIGNS[kind][1], "hidden"), make("small", scored(item, run)));
      line.append(cell);
    });
    [...line.cells].forEach((cell, column) => {
      cell.tabIndex = place === state.row && column === state.column ? 0 : -1;
      cell.addEventListener("click", () => {
        [state.row, state.column] = [place, column];
        toggle(item);
      });
    });
    head.setAttribute("aria-expanded", state.open === item ? "true" : "false");
    return line;
  };
  const draw = () => {
    const n = state.rows.length, pages = Math.max(1, Math.ceil(n / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const shown = state.rows.slice(state.page * PAGE, (state.page + 1) * PAGE);
    state.row = Math.max(0, Math.min(state.row, shown.length - 1));
    const lines = shown.flatMap((item, place) => state.open === item ? [rowOf(item, place), opened(item)] : [rowOf(item, place)]);
    document.querySelector("#cells tbody").replaceChildren(...lines);
    at("cells").setAttribute("aria-rowcount", n + 1);
    at("found").textContent = `${n.toLocaleString("en-GB")} of ${N.toLocaleString("en-GB")} items` + (details.rows ? "" : "; answers are being unpacked");
    at("page").textContent = `page ${state.page + 1} of ${pages}`;
    at("prev").disabled = state.page === 0;
    at("next").disabled = state.page >= pages - 1;
    at("pages").hidden = pages === 1;
    drawMap();
  };
  const rowsShown = () => [...document.querySelectorAll("#cells tbody tr:not(.opened)")];
  const focusCell = () => {
    const line = rowsShown()[state.row];
    if (!line) return;
    for (const cell of document.querySelectorAll("#cells tbody [tabindex='0']")) cell.tabIndex = -1;
    const cell = line.cells[state.column];
    cell.tabIndex = 0;
    cell.focus();
  };
  const turn = (step, row = 0) => {
    const pages = Math.max(1, Math.ceil(state.rows.length / PAGE));
    if (state.page + step < 0 || state.page + step >= pages) return false;
    [state.page, state.row, state.open] = [state.page + step, row, null];
    draw();
    return true;
  };

  // ---- an item that is opened

  const sound = (role, name, run) => {
    const audio = make("audio");
    audio.controls = true;
    audio.preload = "none";
    audio.src = data.folders[run].split("/").map(encodeURIComponent).join("/") + "clips/" + name;
    audio.setAttribute("aria-label", visible(role));
    audio.addEventListener("error", () => audio.after(make("small", "the run's folder does not lie beside this page")), { once: true });
    return audio;
  };
  const pretty = (text) => {
    try { return JSON.stringify(JSON.parse(text), null, 1).replace(/^[{}]\n?|\n?[{}]$/g, "").replaceAll('"', ""); } catch { return text; }
  };
  const opened = (item) => {
    const line = make("tr", undefined, "opened"), cell = make("td"), box = make("div", undefined, "body");
    cell.colSpan = K + 1;
    line.append(cell);
    cell.append(box);
    if (!details.rows) { box.append(make("p", "The answers are being unpacked.")); return line; }
    const [prompt, truth, clips, said] = details.rows[item];
    box.append(make("p", details.texts[prompt], "asked"));
    for (const [role, name, run] of clips) box.append(make("small", role), sound(role, name, run));
    const list = make("dl");
    said.forEach((one, run) => {
      const kind = data.outcomes[run][item], part = make("div");
      part.append(make("dt", data.runs[run]));
      const told = make("dd");
      told.append(make("b", SIGNS[kind].join(" "), "o-" + ({ ".": "none" }[kind] ?? kind)));
      if (one) {
        if (details.texts[one[0]]) told.append(make("span", words(details.texts[one[0]]), "label"));
        told.append(make("q", details.texts[one[1]]));
      }
      part.append(told);
      list.append(part);
    });
    box.append(list);
    if (details.texts[truth]) {
      const more = make("details");
      more.append(make("summary", "True of it"), make("pre", pretty(details.texts[truth])));
      box.append(more);
    }
    return line;
  };
  const toggle = (item) => {
    state.open = state.open === item ? null : item;
    draw();
    focusCell();
  };

  at("cells").addEventListener("keydown", (event) => {
    if (event.target.closest("select, audio, .opened, thead")) {
      if (event.key === "Escape" && state.open !== null) toggle(state.open);
      return;
    }
    const last = rowsShown().length - 1;
    const moves = {
      ArrowDown: () => state.row < last ? state.row++ : turn(1),
      ArrowUp: () => state.row > 0 ? state.row-- : turn(-1, PAGE - 1),
      ArrowRight: () => { state.column = Math.min(K, state.column + 1); },
      ArrowLeft: () => { state.column = Math.max(0, state.column - 1); },
      Home: () => { state.column = 0; },
      End: () => { state.column = K; },
      PageDown: () => turn(1),
      PageUp: () => turn(-1),
    };
    const item = state.rows[state.page * PAGE + state.row];
    if (event.key === "Enter" || event.key === " ") toggle(item);
    else if (event.key === "Escape") { if (state.open !== null) toggle(state.open); }
    else if (event.key.toLowerCase() === "p" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (state.open !== item) toggle(item);
      document.querySelector("#cells .opened audio")?.play();
    }
    else if (moves[event.key]) { moves[event.key](); focusCell(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener("play", (event) => {
    for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  }, true);
  at("prev").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  at("filters").addEventListener("input", filter);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", (event) => setTimeout(() => { for (const one of columns) one.value = ""; filter(event); }));
  window.addEventListener("resize", drawMap);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMap);
  drawHead();
  filter();

  const unpack = async () => {
    try {
      const bytes = Uint8Array.from(atob(at("packed").textContent), (sign) => sign.charCodeAt(0));
      Object.assign(details, await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json());
    } catch { return; }  // a browser from before 2023: outcomes without answers
    filter();
  };
  window.addEventListener("load", () => setTimeout(unpack));
})();
