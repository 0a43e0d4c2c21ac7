"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [ITEM, TASK, ARM, SCORE, LABEL, SCORED, ANSWER, PROMPT, TRUTH, CLIPS, SPOKEN, DETAIL, ATTEMPT, HEARD, READ] = Array(15).keys();
  const PAGE = 25;
  const at = (id) => document.getElementById(id);
  const state = { rows: data.rows, page: 0 };

  // signs that turn the direction of writing, or control a terminal that the text is copied to, are shown
  const visible = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = visible(text);
    if (name) node.className = name;
    return node;
  };
  const quoted = (text) => "'" + text.replaceAll("'", "'\\''") + "'";  // for a shell, whatever a data set calls its items
  const said = (name) => String(name ?? "").replaceAll("_", " ");
  const outcome = (row) => !row[SCORED] ? "unscored" : row[SCORE] === null ? "control" : row[SCORE] < 0.5 ? "failed" : "held";
  const STATES = { failed: "✗ failed", held: "✓ held", unscored: "? unscored", control: "· control" };

  const nameOf = (row) => typeof row[ITEM] === "number" ? data.items[row[ITEM]] + data.suffixes[row[ARM]] : row[ITEM];

  const haystacks = new Map();  // of rows that were searched
  const haystack = (row) => {
    if (!haystacks.has(row))
      haystacks.set(row, [nameOf(row), row[LABEL], row[ANSWER], data.prompts[row[PROMPT]], data.truths[row[TRUTH]] ?? "", row[DETAIL]].join("\n").toLowerCase());
    return haystacks.get(row);
  };

  const fill = (id, values) => {
    for (const value of [...new Set(values)].sort()) {
      const option = make("option", said(value));
      option.value = value;
      at(id).append(option);
    }
  };
  fill("f-pillar", data.tasks.map((task) => task[1]));
  fill("f-task", data.tasks.map((task) => task[0]));
  fill("f-arm", data.arms);
  const fillLabels = () => {
    const chosen = at("f-label").value;
    at("f-label").replaceChildren(at("f-label").options[0]);
    fill("f-label", data.rows.map((row) => row[LABEL] ?? "").filter(Boolean));
    at("f-label").value = chosen;
  };
  fillLabels();

  const filter = (event) => {
    const text = at("f-text").value.trim().toLowerCase();
    const [pillar, task, arm, status, label] = ["pillar", "task", "arm", "status", "label"].map((name) => at("f-" + name).value);
    state.rows = data.rows.filter((row) =>
      (!text || haystack(row).includes(text)) &&
      (!pillar || data.tasks[row[TASK]][1] === pillar) &&
      (!task || data.tasks[row[TASK]][0] === task) &&
      (!arm || data.arms[row[ARM]] === arm) &&
      (!status || outcome(row) === status) &&
      (!label || row[LABEL] === label));
    if (event) state.page = 0;  // the rest of the items was unpacked meanwhile: whoever reads stays where they are
    show();
  };

  const sound = (digest) => {
    const audio = make("audio");
    const inside = [...document.querySelectorAll("audio[data-digest]")].find((node) => node.dataset.digest === digest);
    audio.controls = true;
    audio.preload = "none";
    if (inside) audio.src = inside.src;
    else for (const suffix of ["flac", "wav"]) {  // a browser takes the first that is there
      const file = make("source");
      file.src = "clips/" + digest + "." + suffix;
      audio.append(file);
    }
    return audio;
  };
  const pretty = (text) => {
    try { return JSON.stringify(JSON.parse(text), null, 1).replace(/^[{}]\n?|\n?[{}]$/g, "").replaceAll('"', ""); } catch { return text; }
  };
  const entry = (list, name, value) => {
    if (!value) return;
    const box = make("div");
    box.append(make("dt", name));
    const told = make("dd");
    told.append(value instanceof Node ? value : document.createTextNode(visible(value)));
    box.append(told);
    list.append(box);
  };
  const body = (row) => {
    const box = make("div", undefined, "body");
    for (const [role, place] of Object.entries(row[CLIPS])) {
      const audio = sound(data.clips[place]);
      audio.setAttribute("aria-label", role);
      box.append(make("small", role), audio);
    }
    if (row[SPOKEN] !== null) box.append(make("small", "spoken answer"), sound(data.clips[row[SPOKEN]]));
    const list = make("dl");
    entry(list, "Prompt", data.prompts[row[PROMPT]]);
    if (row[HEARD]) entry(list, "Heard", make("pre", pretty(row[HEARD])));
    entry(list, "Answered", row[ANSWER]);
    if (row[READ]) entry(list, "Read as", make("pre", pretty(row[READ])));
    entry(list, "Why unscored", row[DETAIL]);
    entry(list, "Score", row[SCORE] === null ? "" : String(row[SCORE]));
    if (row[TRUTH] !== null) entry(list, "Truth", make("pre", pretty(data.truths[row[TRUTH]])));
    if (row[ATTEMPT]) entry(list, "The attack", make("pre", pretty(row[ATTEMPT])));
    entry(list, "Ask again", make("code", "earnest replay RUN " + quoted(nameOf(row)) + (data.model ? " --model " + quoted(data.model) : "")));
    box.append(list);
    return box;
  };
  const item = (row) => {
    const [task, pillar] = data.tasks[row[TASK]];
    const kind = outcome(row);
    const details = make("details");
    const summary = make("summary");
    const words = make("span");
    words.append(make("span", said(row[LABEL]) + (row[ANSWER] ? ": “" + row[ANSWER].slice(0, 300) + "”" : ""), "what"));
    words.append(make("span", [pillar, said(task), data.arms[row[ARM]], nameOf(row)].join(" · "), "where"));
    summary.append(make("span", STATES[kind], "state " + kind), words);
    details.append(summary);
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(body(row)); });
    const line = make("li");
    line.append(details);
    return line;
  };
  const show = () => {
    const pages = Math.max(1, Math.ceil(state.rows.length / PAGE));
    const begin = state.page * PAGE;
    at("list").replaceChildren(...state.rows.slice(begin, begin + PAGE).map(item));
    at("found").textContent = `${state.rows.length.toLocaleString("en-GB")} of ${data.rows.length.toLocaleString("en-GB")} items, the worst first` +
      (data.packed ? `; ${data.packed.toLocaleString("en-GB")} more are being unpacked` : "") +
      (data.leftOut ? `; ${data.leftOut.toLocaleString("en-GB")} more are in journal.jsonl only` : "");
    at("page").textContent = `page ${state.page + 1} of ${pages}`;
    at("prev").disabled = state.page === 0;
    at("next").disabled = state.page >= pages - 1;
    at("pages").hidden = pages === 1;
  };
  const turn = (step) => { state.page += step; show(); at("items").scrollIntoView(); };
  at("prev").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  at("filters").addEventListener("input", filter);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", (event) => setTimeout(filter, 0, event));
  show();

  const unpack = async () => {
    let more = { prompts: [], items: [], clips: [], truths: [], rows: [] };
    try {
      const bytes = Uint8Array.from(atob(at("packed").textContent), (sign) => sign.charCodeAt(0));
      more = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
    } catch { data.leftOut += data.packed; }  // a browser from before 2023
    for (const name of ["items", "prompts", "clips", "truths", "rows"]) data[name] = data[name].concat(more[name]);
    data.packed = 0;
    fillLabels();
    filter();
  };
  if (data.packed) window.addEventListener("load", () => setTimeout(unpack));

  document.addEventListener("play", (event) => {
    for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  }, true);
  for (const figure of document.querySelectorAll(".clip")) {
    const audio = figure.querySelector("audio"), picture = figure.querySelector(".spectrogram");
    if (!picture) continue;
    const head = picture.querySelector(".head");
    audio.addEventListener("timeupdate", () => {
      head.hidden = !audio.duration;
      head.style.left = 100 * audio.currentTime / (audio.duration || 1) + "%";
    });
    picture.addEventListener("click", (event) => {
      const share = event.offsetX / picture.clientWidth;
      const seek = () => { audio.currentTime = share * audio.duration; audio.play(); };
      if (audio.readyState) seek(); else { audio.addEventListener("loadedmetadata", seek, { once: true }); audio.load(); }
    });
  }

  // a clip that is inside the page is played from there wherever it is named
  for (const audio of document.querySelectorAll("audio[data-shares]")) {
    const inside = [...document.querySelectorAll("audio[data-digest]")].find((one) => one.dataset.digest === audio.dataset.shares);
    if (inside) audio.src = inside.src;
  }

  // what a link leads to is opened first, whatever it is folded into
  const reveal = (id) => {
    const target = id && document.getElementById(decodeURIComponent(id));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", () => reveal(location.hash.slice(1)));
  if (location.hash) reveal(location.hash.slice(1));
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    const place = link && (link.getAttribute("href") || "").slice(1);
    if (place && place === location.hash.slice(1)) reveal(place);  // the address does not change, so nothing else opens it
  });

  // the navigation says where the reader is; on a small screen it is folded
  const nav = at("nav"), menu = nav.querySelector("details"), small = matchMedia("(max-width: 64rem)");
  const fold = () => { menu.open = !small.matches; };
  fold();
  small.addEventListener("change", fold);
  nav.addEventListener("click", (event) => { if (small.matches && event.target.closest("a")) menu.open = false; });
  const links = new Map([...nav.querySelectorAll("a[href^='#']")].map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new Set();
  const current = () => {
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) if (id === first) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  };
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) seen.add(entry.target.id); else seen.delete(entry.target.id);
    current();
  }, { rootMargin: "-10% 0px -60% 0px" });
  for (const section of document.querySelectorAll("main > section[id]")) watch.observe(section);

  // a term shows its definition when it is pointed at or focused; Escape puts it away
  const tip = at("tip");
  const hide = () => { tip.hidden = true; };
  const tell = (event) => {
    const link = event.target.closest && event.target.closest(".term");
    if (!link) return;
    tip.textContent = at(link.getAttribute("href").slice(1)).textContent;
    tip.hidden = false;
    const box = link.getBoundingClientRect(), width = tip.offsetWidth;
    tip.style.left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8)) + scrollX + "px";
    tip.style.top = box.bottom + 6 + scrollY + "px";
  };
  for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, tell);
  for (const kind of ["mouseout", "focusout"]) document.addEventListener(kind, hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
