"use strict";
/* Citations of a work as `earnest papers export` writes them (exporting.py); a browser test holds the two against each other. */
const earnestCite = (() => {
  const PARTICLES = new Set(["van", "von", "de", "der", "den", "di", "da", "la", "le", "del", "della", "dos", "du", "el", "al", "bin", "ter"]);
  const TEX = { "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  const UNVERIFIED = "authors not verified";
  const tex = (text) => Array.from(text, (letter) => TEX[letter] || letter).join("");

  function parts(name) {
    const words = name.split(/\s+/);
    let start = words.length - 1;
    while (start > 1 && PARTICLES.has(words[start - 1].toLowerCase())) start -= 1;
    return [words.slice(0, start).join(" "), words.slice(start).join(" ")];
  }

  const id = (w, kind) => (w.n || {})[kind] || "";
  const when = (w) => w.d.split("-").map(Number);

  function bibtex(w) {
    const authors = (w.a || []).map((name) => {
      const [given, family] = parts(name);
      return given ? tex(`${family}, ${given}`) : family.includes(" ") ? `{${tex(family)}}` : tex(family);
    });
    const fields = {
      title: `{${tex(w.t)}}`, author: authors.join(" and "), year: String(when(w)[0]), month: String(when(w)[1] || ""), booktitle: tex(w.v || ""),
      eprint: id(w, "arxiv"), archiveprefix: id(w, "arxiv") && "arXiv", doi: id(w, "doi"), isbn: id(w, "isbn"), url: w.l || "", note: w.a ? "" : UNVERIFIED,
    };
    const body = Object.entries(fields).filter(([, value]) => value).map(([name, value]) => `  ${name} = {${value}}`).join(",\n");
    return `@${w.v ? "inproceedings" : "misc"}{${w.i},\n${body}\n}\n`;
  }

  function csl(w) {
    const type = w.v ? "paper-conference" : id(w, "isbn") ? "book" : id(w, "arxiv") || id(w, "openreview") || id(w, "doi") ? "article" : "webpage";
    const fields = {
      id: w.i, type, title: w.t,
      author: (w.a || []).map(parts).map(([given, family]) => (given ? { given, family } : { family })),
      issued: { "date-parts": [when(w)] }, "container-title": w.v || "", number: id(w, "arxiv") && `arXiv:${id(w, "arxiv")}`,
      DOI: id(w, "doi"), ISBN: id(w, "isbn"), URL: w.l || "", note: w.a ? "" : UNVERIFIED,
    };
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => (Array.isArray(value) ? value.length : value)));
  }

  function ris(w) {
    const [year, month] = when(w);
    const pairs = [["TY", w.v ? "CONF" : "GEN"], ["ID", w.i], ["TI", w.t], ...(w.a || []).map((name) => ["AU", parts(name).reverse().filter(Boolean).join(", ")]),
      ["PY", String(year)], ["DA", month ? w.d.replaceAll("-", "/") : ""], ["T2", w.v || ""], ["DO", id(w, "doi")], ["SN", id(w, "isbn")], ["UR", w.l || ""],
      ["N1", w.a ? "" : UNVERIFIED]];
    return pairs.filter(([, value]) => value).map(([tag, value]) => `${tag}  - ${value}\n`).join("") + "ER  - \n";
  }

  return { bibtex, csl, ris };
})();
