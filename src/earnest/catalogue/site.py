"""The catalogue as a web site: one page that carries its data, searches it where it is read, and asks no network.

Every work has a permanent address, `index.html#<key>`. What an attack reached against a defence is shown only where a
run folder was given; an empty cell says that nobody has tested it here.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earnest.catalogue.coverage import KINDS, Coverage, coverage
from earnest.catalogue.exporting import bibtex, csl, csl_item, markdown, ris
from earnest.catalogue.searching import commands, registered
from earnest.catalogue.taxonomy import ATLAS, ATLAS_EDITION, OWASP, OWASP_EDITION, TOPICS
from earnest.catalogue.work import Work, works
from earnest.pillars import PILLARS

TEMPLATES = Path(__file__).parent / "templates"
SURVEY = "https://arxiv.org/abs/2605.20266"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site that was written.

    Parameters
    ----------
    folder : str
    n_works, n_trust, n_runnable : int
    page_bytes, gzipped_bytes : int
        Size of the page, and of what a server would send of it.
    files : tuple of str
    """

    folder: str
    n_works: int
    n_trust: int
    n_runnable: int
    page_bytes: int
    gzipped_bytes: int
    files: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The site as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """The site for a terminal."""
        size = f"{self.page_bytes / 1e6:.2f} MB, {self.gzipped_bytes / 1e6:.2f} MB compressed"
        return f"{self.n_works} works, {self.n_runnable} of them run here; {size}\nsite: {Path(self.folder) / 'index.html'}"


def write_site(out: Path, *, runs: Iterable[Path] = (), of: Mapping[str, Work] | None = None) -> Site:
    """Write `index.html` and the exports beside it into `out`.

    Parameters
    ----------
    out : Path
    runs : paths
        Run folders whose numbers fill the coverage map.
    of : mapping of str to Work, or None
        None: the works shipped.

    Raises
    ------
    BadData
        If a run folder has no report that can be read.
    """
    out, chosen = Path(out), works() if of is None else of
    covered = coverage(chosen, attacks=registered("attacks"), defences=registered("defences"), runs=runs)
    page = page_of(chosen, covered)
    every = list(chosen.values())
    files = {
        "index.html": page,
        "works.json": json.dumps([work.model_dump(mode="json") for work in every], ensure_ascii=False, indent=1) + "\n",
        "works.bib": bibtex(every),
        "works.csl.json": csl(every),
        "works.ris": ris(every),
        "works.md": markdown(every),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    return Site(
        folder=str(out),
        n_works=len(every),
        n_trust=sum(work.trust for work in every),
        n_runnable=sum(bool(work.runs_in_earnest) for work in every),
        page_bytes=len(page.encode()),
        gzipped_bytes=len(gzip.compress(page.encode(), 6)),
        files=tuple(files),
    )


def page_of(chosen: Mapping[str, Work], covered: Coverage) -> str:
    """The page."""
    script = (TEMPLATES / "site.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    every = sorted(chosen.values(), key=lambda work: (str(work.issued), work.id), reverse=True)
    data = [_entry(work) for work in every]
    return _environment().get_template("site.html.j2").render(
        policy=f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
        style=(TEMPLATES / "site.css").read_text(encoding="utf-8"),
        script=script,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        n_works=len(every),
        n_trust=sum(work.trust for work in every),
        n_runnable=sum(bool(work.runs_in_earnest) for work in every),
        covered=covered,
        kinds=KINDS,
        rows=_rows(covered),
        matrix=_matrix(covered),
        years=_bars(covered),
        pillars=PILLARS,
        facet_pillars=(*PILLARS, "general"),
        topics=_topics(),
        n_in=_counts(every),
        years_present=sorted({work.year for work in every}, reverse=True),
        owasp=OWASP,
        atlas=ATLAS,
        owasp_edition=OWASP_EDITION,
        atlas_edition=ATLAS_EDITION,
        survey=SURVEY,
    )


@functools.cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=lambda name: True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _entry(work: Work) -> dict[str, Any]:
    """A work as the page carries it: short names, empty fields left out."""
    facts = {
        "i": work.id,
        "t": work.title,
        "o": list(work.also_titled),
        "a": [] if work.authors == "unverified" else list(work.authors),
        "d": str(work.issued),
        "v": work.venue,
        "k": list(work.kind),
        "p": list(work.pillars),
        "s": list(work.topics),
        "x": bool(work.trust),
        "h": work.threat.model_dump(mode="json") if work.threat else None,
        "l": work.ids.link,
        "n": {kind: value for kind, value in work.ids.model_dump().items() if value and kind != "url"},
        "f": [artefact.model_dump(mode="json") for artefact in work.artefacts],
        "fn": work.artefacts_note,
        "c": [claim.model_dump(mode="json") for claim in work.claims],
        "cn": work.claims_note,
        "da": work.data.model_dump(mode="json") if work.data else None,
        "r": [run.model_dump(mode="json") for run in work.runs_in_earnest],
        "g": commands(work),
        "q": work.checked.model_dump(mode="json"),
        "m": work.note,
        "ls": sorted({at.name for at in work.lists}),
        "b": bibtex([work]),
        "cs": csl_item(work),
        "ri": ris([work]),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [], {}, False)}


def _rows(covered: Coverage) -> list[tuple[str, list[Any]]]:
    return [(pillar, [cell for cell in covered.cells if cell.pillar == pillar]) for pillar in PILLARS]


def _matrix(covered: Coverage) -> list[tuple[str, list[list[Any]]]]:
    """By attack, what was measured against each defence."""
    return [
        (attack, [[t for t in covered.matrix if (t.attack, t.defence) == (attack, d)] for d in covered.defences])
        for attack in covered.attacks
    ]


def _bars(covered: Coverage) -> dict[str, Any]:
    most = max((max(year.attacks, year.defences) for year in covered.years), default=1)
    return {"most": most, "years": covered.years}


def _topics() -> list[tuple[str, list[Any]]]:
    pillars = dict.fromkeys(topic.pillar for topic in TOPICS.values())
    return [(pillar, [topic for topic in TOPICS.values() if topic.pillar == pillar]) for pillar in pillars]


def _counts(every: Sequence[Work]) -> dict[str, int]:
    found: dict[str, int] = {}
    for work in every:
        for name in (*work.kind, *work.pillars, *work.topics, *([work.threat.access] if work.threat else [])):
            found[name] = found.get(name, 0) + 1
    return found
