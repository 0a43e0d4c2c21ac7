"""The catalogue as a web site: one page that carries its data and searches it where it is read, a map, and a feed.

No page asks the network. Every work has a permanent address, `index.html#<key>`. What an attack reached against a defence
is shown only where a run folder was given; an empty cell says that nobody has tested it here. The look is that of the
reports: their style sheet comes first, and the catalogue's own adds to it.
"""

from __future__ import annotations

import base64
import datetime
import functools
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from earnest.catalogue.coverage import KINDS, Coverage, coverage
from earnest.catalogue.drawing import coverage_picture, map_picture, related_work
from earnest.catalogue.exporting import bibtex, csl, markdown, ris
from earnest.catalogue.feed import atom_feed, entered_since, latest
from earnest.catalogue.reference import reference_tests
from earnest.catalogue.searching import commands, registered
from earnest.catalogue.taxonomy import ATLAS, ATLAS_EDITION, OWASP, OWASP_EDITION, TOPICS
from earnest.catalogue.work import Work, works
from earnest.pillars import PILLARS

TEMPLATES = Path(__file__).parent / "templates"
SURVEY = "https://arxiv.org/abs/2605.20266"
NEWEST = 12
"""Works that the page names under what is new; the feed holds more."""
DAYS = 12
"""Days that the page offers to count new works from."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site that was written.

    Parameters
    ----------
    folder : str
    n_works, n_trust, n_runnable : int
    page_bytes, gzipped_bytes : int
        Size of what is read (pages, feed), and of what a server would send of it; the downloads beside are not in it.
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


def write_site(
    out: Path, *, runs: Iterable[Path] = (), of: Mapping[str, Work] | None = None, address: str = ""
) -> Site:
    """Write `index.html`, `map.html`, `feed.atom` and the exports beside them into `out`.

    Parameters
    ----------
    out : Path
    runs : paths
        Run folders whose numbers fill the coverage map.
    address : str
        Where the site will stand, for readers of its feed; empty: addresses in the feed are relative.
    of : mapping of str to Work, or None
        None: the works shipped.

    Raises
    ------
    BadData
        If a run folder has no report that can be read.
    """
    out, chosen = Path(out), works() if of is None else of
    covered = coverage(
        chosen, attacks=registered("attacks"), defences=registered("defences"), runs=runs, tested=reference_tests()
    )
    every = list(chosen.values())
    read = {
        "index.html": page_of(chosen, covered),
        "map.html": map_of(chosen),
        "feed.atom": atom_feed(latest(chosen), address=address),
    }
    files = read | {
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
        page_bytes=sum(len(text.encode()) for text in read.values()),
        gzipped_bytes=sum(len(gzip.compress(text.encode(), 6)) for text in read.values()),
        files=tuple(files),
    )


def page_of(chosen: Mapping[str, Work], covered: Coverage) -> str:
    """The page."""
    script = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("cite.js", "site.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    every = sorted(chosen.values(), key=lambda work: (str(work.issued), work.id), reverse=True)
    data = [_entry(work) for work in every]
    return (
        _environment()
        .get_template("site.html.j2")
        .render(
            policy=f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
            style=_style(),
            script=script,
            picture=coverage_picture(covered),
            added=_added(every),
            newest=[work for work in latest(chosen) if work.trust][:NEWEST],
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
    )


def map_of(chosen: Mapping[str, Work]) -> str:
    """The page that places related work by method and date."""
    drawn = related_work(chosen)
    return (
        _environment()
        .get_template("map.html.j2")
        .render(
            style=_style(),
            picture=map_picture(drawn),
            lanes=drawn.lanes,
            successions=drawn.successions,
            n_placed=len(drawn.placed),
            n_runs=sum(bool(one.work.runs_in_earnest) for one in drawn.placed.values()),
        )
    )


@functools.cache
def _style() -> str:
    """One look with the reports: colours, type and frame of their sheet, and what the catalogue adds.

    The sheet is read as a file, since the catalogue stands below the reports; what all pages share stands in it before the
    first blank line.
    """
    sheet = resources.files("earnest").joinpath("report", "templates", "style.css").read_text(encoding="utf-8")
    shared, _, _ = sheet.partition("\n\n")
    return shared + "\n" + (TEMPLATES / "site.css").read_text(encoding="utf-8")


def _added(every: Sequence[Work]) -> list[tuple[datetime.date, int]]:
    """The last days on which works came in, each with how many came in since."""
    days = Counter(work.entered for work in every if work.entered is not None)
    by_key = {work.id: work for work in every}
    return [(day, len(entered_since(by_key, day))) for day in sorted(days, reverse=True)[:DAYS]]


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
        "ka": list(work.known_as),
        "a": [] if work.authors == "unverified" else list(work.authors),
        "d": str(work.issued),
        "v": work.venue,
        "k": list(work.kind),
        "p": list(work.pillars),
        "s": list(work.topics),
        "w": list(work.methods),
        "e": str(work.entered or ""),
        "x": bool(work.trust),
        "h": work.threat.model_dump(mode="json") if work.threat else None,
        "l": work.ids.link,
        "n": {kind: value for kind, value in work.ids.model_dump().items() if value and kind != "url"},
        "f": [artefact.model_dump(mode="json") for artefact in work.artefacts],
        "fn": work.artefacts_note,
        "c": [claim.model_dump(mode="json") for claim in work.claims],
        "cn": work.claims_note,
        "z": [size.model_dump(mode="json") for size in work.sizes],
        "nf": [search.model_dump(mode="json") for search in work.not_found],
        "cr": {"what": work.could_run.what, "missing": work.could_run.missing} if work.could_run else None,
        "bo": list(work.builds_on),
        "rb": list(work.replaced_by),
        "da": work.data.model_dump(mode="json") if work.data else None,
        "r": [run.model_dump(mode="json") for run in work.runs_in_earnest],
        "g": commands(work),
        "q": work.checked.model_dump(mode="json"),
        "m": work.note,
        "ls": sorted({at.name for at in work.lists}),
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
