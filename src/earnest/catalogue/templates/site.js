"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const works = JSON.parse($("data").textContent);
  const PAGE = 60;
  const SPELLINGS = [["ization", "isation"], ["defense", "defence"], ["license", "licence"], ["behavior", "behaviour"]];
  const plain = (text) => SPELLINGS.reduce((all, [american, british]) => all.replaceAll(american, british),
    text.normalize("NFKD").replace(/[^\u0000-\u007f]/g, "").toLowerCase().replace(/_/g, " "));
  const taken = (text) => plain(text).match(/[a-z0-9.+]*[a-z0-9+]/g) || [];
  for (const w of works) {
    const titles = [w.t, ...(w.o || [])];
    w.N = new Set([w.i, ...titles, ...(w.ka || []), ...titles.filter((t) => t.includes(":")).map((t) => t.split(":")[0]),
      ...["arxiv", "doi"].map((kind) => (w.n || {})[kind]).filter(Boolean)].map((name) => taken(name).join(" ")));
    w.T = " " + taken([w.i, ...titles, ...(w.ka || [])].join(" ")).join(" ");
    w.R = " " + taken([...(w.a || []), ...(w.k || []), ...(w.p || []), ...(w.s || []), ...(w.w || []), w.v || "", w.m || "",
      ...Object.values(w.n || {}), ...(w.r || []).map((r) => r.component)].join(" ")).join(" ");
  }
  const byKey = new Map(works.map((w) => [w.i, w]));
  const fields = { p: $("f-p"), k: $("f-k"), y: $("f-y"), c: $("f-c"), n: $("f-n"), r: $("f-r"), x: $("f-x") };
  const state = { q: "", s: "", shown: PAGE };

  function find(words, facets) {
    const name = taken(words).join(" "), wanted = taken(words).map((word) => " " + word);
    const found = [];
    for (let at = 0; at < works.length; at++) {
      const w = works[at];
      if (facets.p && !(w.p || []).includes(facets.p)) continue;
      if (facets.k && !(w.k || []).includes(facets.k)) continue;
      if (facets.y && !w.d.startsWith(facets.y)) continue;
      if (facets.c && (!w.h || w.h.access !== facets.c)) continue;
      if (facets.s && !(w.s || []).includes(facets.s)) continue;
      if (facets.n && (!w.e || w.e < facets.n)) continue;
      if (facets.r && !w.r) continue;
      if (facets.x && !w.x) continue;
      let score = name && w.N.has(name) ? 1000 : 0;
      for (const word of score ? [] : wanted) {
        if (w.T.includes(word)) score += 6;
        else if (w.R.includes(word)) score += 1;
        else { score = -1; break; }
      }
      if (score >= 0) found.push([score, at]);
    }
    found.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    return found.map(([, at]) => works[at]);
  }
  window.earnestFind = find;

  const element = (name, attributes, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) value === false || value == null || made.setAttribute(key, value);
    made.append(...inside.filter((one) => one != null && one !== false));
    return made;
  };
  const words = (key) => key.replace(/_/g, " ");

  function facets() {
    return { p: fields.p.value, k: fields.k.value, y: fields.y.value, c: fields.c.value, s: state.s, n: fields.n.value, r: fields.r.checked, x: fields.x.checked };
  }

  function list() {
    const chosen = facets(), found = find(state.q, chosen);
    const rows = found.slice(0, state.shown).map((w) => element("li", {},
      element("a", { href: "#" + w.i, "data-key": w.i },
        element("b", {}, w.t),
        element("small", {}, [w.d, (w.k || []).join(", "), (w.a || []).slice(0, 3).join(", ") + ((w.a || []).length > 3 ? " and others" : "")].filter(Boolean).join(" · ")),
        w.r ? element("span", { class: "tag runs" }, "runs here") : null,
        w.q && w.q.status === "unverified" ? element("span", { class: "tag open" }, "unverified") : null)));
    $("list").replaceChildren(...rows);
    $("more").hidden = found.length <= state.shown;
    const topic = state.s ? " on " + words(state.s) : "";
    $("count").textContent = found.length === works.length ? `${works.length} works, the newest first` : `${found.length} of ${works.length} works${topic}`;
    $("clear").hidden = !(state.q || state.s || Object.entries(chosen).some(([key, value]) => key !== "s" && value));
    mark();
  }

  function mark() {
    for (const link of $("list").querySelectorAll("a")) link.dataset.key === state.key ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  }

  const row = (name, ...inside) => element("div", {}, element("dt", {}, name), element("dd", {}, ...inside));
  const link = (href, text) => element("a", { href, rel: "noopener noreferrer" }, text);

  function copy(name, text) {
    const button = element("button", { type: "button", "data-copy": name }, "Copy " + name);
    button.addEventListener("click", async () => {
      const said = $("said");
      try { await navigator.clipboard.writeText(text); said.textContent = name + " copied"; }
      catch { $("cite").textContent = text; $("cite").hidden = false; said.textContent = "Select and copy it below"; }
      window.earnestCopied = text;
    });
    return button;
  }

  function show(w) {
    const one = $("one");
    const close = element("button", { type: "button", class: "close" }, "Close");
    close.addEventListener("click", () => { location.hash = query(); });
    const threat = w.h && (w.h.access === "none" ? "no attack" : `access ${words(w.h.access)}; over ${w.h.channel.map(words).join(", ")}; for ${w.h.goal.map(words).join(", ")}`);
    const frameworks = w.h && [...w.h.owasp, ...w.h.atlas].join(", ");
    const claims = (w.c || []).map((c) => element("div", {}, `${words(c.metric)} ${c.value} ${c.unit}`, element("small", {}, ` ${c.where}${c.of ? ", " + c.of : ""}; read: ${words(c.read)}`)));
    const runs = (w.r || []).map((r) => element("div", {}, element("code", {}, r.component), ` ${r.fidelity}, ${r.status}`, r.differs ? element("small", {}, " " + r.differs) : null));
    const sizes = (w.z || []).map((c) => element("div", {}, `${words(c.metric)} ${c.value.toLocaleString("en")} ${c.unit}`, element("small", {}, ` ${c.where}${c.of ? ", " + c.of : ""}`)));
    const sought = (w.nf || []).map((s) => element("div", {}, `${s.what}: on ${s.date}, in ${s.where.join("; ")}`, element("small", {}, ` holds until ${s.until}`)));
    const related = (keys) => keys.flatMap((key, at) => [at ? ", " : "", byKey.has(key) ? element("a", { href: "#" + key }, byKey.get(key).t.split(":")[0]) : key]);
    const artefacts = (w.f || []).map((f) => element("div", {}, link(f.url, f.what), ` licence ${f.licence}`));
    const data = w.da && ["licence " + w.da.licence, w.da.size, w.da.consent && "consent: " + w.da.consent, w.da.read_by && "read by " + w.da.read_by].filter(Boolean).join("; ");
    one.replaceChildren(...[
      close,
      element("h2", { id: "h-one" }, w.t),
      w.ka ? element("p", { class: "fine" }, "known as " + w.ka.join("; ")) : null,
      w.o ? element("p", { class: "fine" }, "also titled " + w.o.join("; ")) : null,
      element("dl", {}, ...[
        row("authors", w.a ? w.a.join(", ") : "not verified"),
        row("issued", w.d + (w.v ? ", " + w.v : "")),
        w.l ? row("link", link(w.l, w.l.replace("https://", ""))) : row("link", "none"),
        row("what", [(w.k || []).join(", "), (w.p || []).join(", "), (w.s || []).map(words).join(", ")].filter(Boolean).join(" · ")),
        threat ? row("threat", threat, frameworks ? element("small", {}, " " + frameworks) : null) : null,
        claims.length ? row("claims", ...claims) : w.cn ? row("claims", "none: " + w.cn) : null,
        sizes.length ? row("sizes", ...sizes) : null,
        data ? row("data", data) : null,
        artefacts.length ? row("artefacts", ...artefacts) : w.fn ? row("artefacts", w.fn) : null,
        runs.length ? row("runs here", ...runs) : null,
        w.cr ? row("could run", w.cr.what + ".", element("small", {}, " Missing: " + w.cr.missing + ".")) : null,
        w.bo ? row("builds on", ...related(w.bo)) : null,
        w.rb ? row("followed by", ...related(w.rb)) : null,
        sought.length ? row("not found", ...sought) : null,
        w.m ? row("note", w.m) : null,
        w.ls ? row("listed in", w.ls.join(", ")) : null,
        row("checked", w.q ? w.q.status + (w.q.how && w.q.how.length ? ": " + w.q.how.join("; ") : "") + (w.q.note ? "; " + w.q.note : "") : "no"),
      ].filter(Boolean)),
      ...(w.g || []).map((command) => element("pre", { class: "command" }, command)),
      w.h && w.h.access !== "none" ? element("p", { class: "fine" }, "What to run against it: ", element("code", {}, "earnest papers run-against " + w.i)) : null,
      element("div", { class: "copy" }, copy("BibTeX", earnestCite.bibtex(w)), copy("CSL-JSON", JSON.stringify(earnestCite.csl(w), null, 2)), copy("RIS", earnestCite.ris(w)),
        w.g ? copy("command", w.g.join("\n")) : null, copy("link", location.href.split("#")[0] + "#" + w.i)),
      element("p", { class: "said", id: "said", role: "status" }),
      element("pre", { class: "cite", id: "cite", hidden: "" }),
    ].filter(Boolean));
    one.hidden = false;
    one.setAttribute("aria-labelledby", "h-one");
    $("layout").classList.add("open");
  }

  function hide() {
    $("one").hidden = true;
    $("layout").classList.remove("open");
  }

  function query() {
    const given = { q: state.q, s: state.s, p: fields.p.value, k: fields.k.value, y: fields.y.value, c: fields.c.value, n: fields.n.value, r: fields.r.checked ? "1" : "", x: fields.x.checked ? "1" : "" };
    const text = new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString();
    return text ? "#?" + text : "#works";
  }

  function read() {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("?")) {
      const given = new URLSearchParams(hash.slice(1));
      state.q = given.get("q") || ""; state.s = given.get("s") || ""; state.shown = PAGE;
      $("words").value = state.q;
      for (const key of ["p", "k", "y", "c", "n"]) fields[key].value = given.get(key) || "";
      for (const key of ["r", "x"]) fields[key].checked = given.get(key) === "1";
      state.key = ""; hide(); list();
      $("works").scrollIntoView();
    } else if (byKey.has(hash)) {
      state.key = hash; show(byKey.get(hash)); mark();
      document.title = byKey.get(hash).t + ": earnest";
      $(window.innerWidth < 900 ? "one" : "works").scrollIntoView();
      $("one").focus({ preventScroll: true });
    } else { state.key = ""; hide(); mark(); }
  }

  let waiting = 0;
  function changed() {
    state.shown = PAGE; state.key = ""; hide(); list();
    clearTimeout(waiting);
    waiting = setTimeout(() => history.replaceState(null, "", query()), 200);
  }
  $("words").addEventListener("input", () => { state.q = $("words").value; changed(); });
  for (const field of Object.values(fields)) field.addEventListener("change", changed);
  $("clear").addEventListener("click", () => {
    state.q = ""; state.s = ""; $("words").value = "";
    for (const key of ["p", "k", "y", "c", "n"]) fields[key].value = "";
    for (const key of ["r", "x"]) fields[key].checked = false;
    changed(); $("words").focus();
  });
  $("more").addEventListener("click", () => { const from = state.shown; state.shown += PAGE; list(); const next = $("list").children[from]; next && next.firstChild.focus(); });
  document.addEventListener("keydown", (event) => {
    const typing = /INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); $("words").focus(); $("words").select(); }
    if (event.key === "Escape" && !$("one").hidden) { const key = state.key; location.hash = query(); const back = $("list").querySelector(`[data-key="${key}"]`); back && back.focus(); }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && document.activeElement.closest && document.activeElement.closest("#list, .words")) {
      const links = [...$("list").querySelectorAll("a")], at = links.indexOf(document.activeElement);
      const next = event.key === "ArrowDown" ? links[at + 1] : links[at - 1] || (at === 0 ? $("words") : null);
      if (next) { event.preventDefault(); next.focus(); }
    }
  });
  window.addEventListener("hashchange", read);
  list();
  read();
})();
