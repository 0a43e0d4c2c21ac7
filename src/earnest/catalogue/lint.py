"""Checks of the catalogue that need no network: every fault with its file, line, field, and what mends it.

A file that cannot be read hides no other. What is checked: the form of each file; keys, ids and titles that come twice;
titles that are nearly the same and not acknowledged; the month of an arXiv id against the date; tags and framework ids
that are not known; links that are not canonical; components that do not exist, and components that no work names; sizes
that pass for results; works on attacks and defences that do not say what of them could run; and "none was found" without
the search that found none. A search that is older than it says it holds is a warning, and no fault: time alone does not
break a build.
"""

from __future__ import annotations

import datetime
import difflib
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from earnest import registry
from earnest.catalogue.importing import ids_in, normal_title
from earnest.catalogue.taxonomy import ATLAS, METHODS, OWASP, TOPICS
from earnest.catalogue.work import OWN, Claim, Work
from earnest.errors import EarnestError

FOLDER = Path(__file__).parent / "works"
NEAR = 0.9
"""Titles at least this alike, by `difflib`, must be acknowledged as `near`."""

COMPONENTS = (
    "anonymisers",
    "attacks",
    "defences",
    "detectors",
    "explainers",
    "metrics",
    "mitigation",
    "streams",
    "tasks",
)
"""Kinds of which every plug-in of this package must name a work, and be named by it."""

SIZE_UNITS = frozenset(
    {
        "items", "hours", "people", "kinds", "kinds and severities", "models", "tasks", "languages", "dialects", "speakers",
        "clips", "prompts", "questions", "teams", "pillars", "steps", "bit", "parameters", "datasets",
    }
)  # fmt: skip  # a table: one row a line
"""Units that tell how large a work is; a claim in one of them is a size and no result."""

_NONE_FOUND = re.compile(r"none was (seen|found)|could not be found|not found", re.IGNORECASE)

_KEY = re.compile(r"\[([a-z][a-z0-9]*\d{4}-[a-z0-9-]+)\]")


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong with the catalogue.

    Parameters
    ----------
    file, line : str, int
        Where; the path within the folder of works, the line from 1 (0: the file as a whole).
    field : str
        Which entry of the file: `ids.arxiv`, `topics.1`.
    what, fix : str
        What is wrong, and what mends it.
    level : {"fault", "warning"}
        A warning asks for something, and fails no check.
    """

    file: str
    line: int
    field: str
    what: str
    fix: str
    level: Literal["fault", "warning"] = "fault"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        warned = "warning: " if self.level == "warning" else ""
        return f"{place}: {warned}{self.field + ': ' if self.field else ''}{self.what}; {self.fix}"

    def as_json(self) -> dict[str, Any]:
        """The fault as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Read:
    """A file of a work that could be read, with the lines of its fields."""

    file: str
    work: Work
    lines: Mapping[str, int]

    def fault(self, field: str, what: str, fix: str) -> Fault:
        """A fault of one of its fields."""
        return Fault(self.file, line_of(self.lines, field), field, what, fix)

    def warning(self, field: str, what: str, fix: str) -> Fault:
        """A warning about one of its fields."""
        return Fault(self.file, line_of(self.lines, field), field, what, fix, "warning")


def lint(folder: Path = FOLDER, *, components: bool = True, today: datetime.date | None = None) -> list[Fault]:
    """Every fault and warning of the works in `folder`, by file and line.

    Parameters
    ----------
    folder : Path
    components : bool
        Also of what is registered here.
    today : date or None
        The day on which searches that found nothing are held against their `until`; None: today.
    """
    read, faults = read_all(folder)
    today = datetime.date.today() if today is None else today
    for each in read:
        faults += [*_of_place(each), *_of_dates(each), *_of_tags(each), *_of_links(each), *_of_trust(each)]
        faults += [*_of_sizes(each), *_of_running(each), *_of_searches(each, today)]
    faults += [*_doubles(read), *_near_titles(read), *_of_relations(read)]
    if components:
        faults += list(_of_components(read))
    return sorted(faults)


def read_all(folder: Path) -> tuple[list[Read], list[Fault]]:
    """Every work of a folder that can be read, and the faults of the others."""
    read: list[Read] = []
    faults: list[Fault] = []
    for path in sorted(Path(folder).rglob("*.y*ml")):
        name = path.relative_to(folder).as_posix()
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            what = getattr(error, "problem", None) or str(error)
            faults.append(Fault(name, mark.line + 1 if mark else 0, "", f"not YAML: {what}", "mend the syntax"))
            continue
        lines = dict(_lines(node, ""))
        try:
            read.append(Read(file=name, work=Work.model_validate(content), lines=lines))
        except ValidationError as error:
            told = [_of_form(name, lines, one) for one in error.errors()]
            faults += {
                fault.field: fault for fault in reversed(told)
            }.values()  # a union tells a fault for each of its types
    return read, faults


def line_of(lines: Mapping[str, int], field: str) -> int:
    """The line of a field; of the nearest one above it where it has none of its own."""
    while field and field not in lines:
        field = field.rpartition(".")[0]
    return lines.get(field, 1)


def _lines(node: Any, name: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            field = f"{name}.{key.value}" if name else str(key.value)
            yield field, key.start_mark.line + 1
            yield from _lines(value, field)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield f"{name}.{place}", value.start_mark.line + 1
            yield from _lines(value, f"{name}.{place}")


_FIXES = {
    "missing": "add it",
    "extra_forbidden": "remove it, or correct its name",
    "string_type": "write it in quotes",
    "literal_error": "choose one of those",
    "string_pattern_mismatch": "write it in that form",
}


def _of_form(name: str, lines: Mapping[str, int], fault: Mapping[str, Any]) -> Fault:
    field = _field(fault["loc"], lines, missing=fault["type"] == "missing")
    got = "" if fault["type"] == "missing" or isinstance(fault["input"], dict | list) else f", got {fault['input']!r}"
    fix = _FIXES.get(fault["type"], "see schema/work.json")
    return Fault(name, line_of(lines, field), field, f"{fault['msg'].lower()}{got}", fix)


def _field(loc: Sequence[Any], lines: Mapping[str, int], *, missing: bool) -> str:
    """The field that an error of the form is about, without the names of types that a union adds."""
    field = ""
    for part in loc:
        longer = f"{field}.{part}" if field else str(part)
        if longer in lines or (missing and part == loc[-1]):
            field = longer
    return field


def _of_place(read: Read) -> Iterator[Fault]:
    work, wanted = read.work, f"{read.work.year}/{read.work.id}.yaml"
    if read.file != wanted:
        yield read.fault("id", f"{work.id} of {work.year} stands in {read.file}", f"move it to {wanted}")
    if not re.match(rf"[a-z][a-z0-9]*{work.year}-", work.id):
        yield read.fault(
            "id", f"{work.id!r} does not carry the year {work.year}", "put the year of `issued` into the key"
        )


def _of_dates(read: Read) -> Iterator[Fault]:
    work = read.work
    if not work.ids.arxiv or work.date_note:
        return
    written = str(work.year % 100).zfill(2) if isinstance(work.issued, int) else f"{work.issued:%y%m}"
    if not work.ids.arxiv.startswith(written):
        month = f"20{work.ids.arxiv[:2]}-{work.ids.arxiv[2:4]}"
        what = f"issued {work.issued}, but {work.ids.arxiv} was given in {month}"
        yield read.fault("issued", what, "correct one of them, or say why in `date_note`")


def _of_tags(read: Read) -> Iterator[Fault]:
    work = read.work
    threat = work.threat
    tags: list[tuple[str, Sequence[str], Iterable[str], str]] = [
        ("topics", work.topics, TOPICS, "taxonomy.py lists the topics"),
        ("methods", work.methods, METHODS, "taxonomy.py lists the methods"),
    ]
    if threat is not None:
        tags += [
            ("threat.owasp", threat.owasp, OWASP, "ids carry their edition, as LLM01:2026"),
            ("threat.atlas", threat.atlas, ATLAS, "taxonomy.py lists the techniques"),
        ]
    for field, given, known, where in tags:
        for place, tag in enumerate(given):
            if tag not in known:
                near = difflib.get_close_matches(tag, list(known), n=1)
                fix = f"did you mean {near[0]}? {where}" if near else where
                yield read.fault(f"{field}.{place}", f"no such tag: {tag!r}", fix)
    homes = {TOPICS[tag].pillar for tag in work.topics if tag in TOPICS} - {"general"}
    for pillar in sorted(homes - set(work.pillars)):
        yield read.fault(
            "pillars", f"a topic of {pillar}, but not that pillar", f"add {pillar}, or take the topic away"
        )


def _of_links(read: Read) -> Iterator[Fault]:
    url = read.work.ids.url
    if url and (better := {k: v for k, v in ids_in(url).model_dump().items() if v and k != "url"}):
        (kind, value), *_ = better.items()
        yield read.fault("ids.url", f"{url} holds an id", f"write {kind}: '{value}' in its place")
    for place, artefact in enumerate(read.work.artefacts):
        if re.search(r"arxiv\.org/(abs|pdf)|/$", artefact.url):
            yield read.fault(
                f"artefacts.{place}.url", f"{artefact.url} is not canonical", "no last slash, and no paper's address"
            )


def _of_trust(read: Read) -> Iterator[Fault]:
    work = read.work
    if not work.trust and not work.runs_in_earnest:
        return
    said = [
        ("claims", work.claims or work.claims_note, "a claim with its place, or claims_note: could not be read"),
        ("artefacts", work.artefacts or work.artefacts_note, "code, data or weights, or artefacts_note: none was seen"),
        ("threat", work.threat, "access, channel and goal (none without an attack)"),
        ("authors", work.authors != "unverified" or work.checked.status == "unverified", "its authors"),
    ]
    for field, there, fix in said:
        if not there:
            yield read.fault(field, "a work on trust, or one that runs here, must have it", f"add {fix}")
    if work.trust and {"benchmark", "dataset"} & set(work.kind) and work.data is None:
        yield read.fault("data", "a benchmark or dataset says under which licence it may be used", "add data.licence")


def _of_sizes(read: Read) -> Iterator[Fault]:
    work = read.work
    for place, claim in enumerate(work.claims):
        if is_size(claim):
            what = f"{claim.metric} {claim.value:g} {claim.unit} is a size and no result"
            yield read.fault(
                f"claims.{place}", what, "move it to `sizes`, and add a result or say in claims_note why there is none"
            )
    for place, claim in enumerate(work.sizes):
        if not is_size(claim) and claim.unit in RESULT_UNITS:
            yield read.fault(
                f"sizes.{place}", f"{claim.metric} in {claim.unit} is a result and no size", "move it to `claims`"
            )


RESULT_UNITS = frozenset({"percent", "fraction", "percentage points", "percent, relative"})


def is_size(claim: Claim) -> bool:
    """Whether a claim tells only how large something is.

    >>> is_size(Claim(metric="clips", value=4420, unit="items", where="abstract", read="abstract"))
    True
    """
    return claim.unit in SIZE_UNITS


def _of_running(read: Read) -> Iterator[Fault]:
    """A work on attacks or defences says how it works, and what of it runs or could run here."""
    work = read.work
    if not work.trust or not {"attack", "defence"} & set(work.kind):
        return
    if not work.methods:
        yield read.fault(
            "methods", "a work on attacks or defences says how it works", "add methods: taxonomy.py lists them"
        )
    told = work.could_run is not None or any(run.differs for run in work.runs_in_earnest)
    if not told:
        what = "a work on attacks or defences says what of it could run here, and what is missing"
        yield read.fault("could_run", what, "add could_run: {what, uses, missing}, or `differs` to what runs here")


def _of_searches(read: Read, today: datetime.date) -> Iterator[Fault]:
    work = read.work
    sought = {search.what for search in work.not_found}
    if work.id != OWN and not work.ids.link and not work.ids.isbn and not {"link", "work"} & sought:
        fix = "add not_found: [{what: link, where: [...], date, until}]"
        yield read.fault("ids", "no link, and no record of where one was looked for", fix)
    if not work.artefacts and _NONE_FOUND.search(work.artefacts_note) and not {"code", "work"} & sought:
        fix = "add not_found: [{what: code, where: [...], date, until}]"
        yield read.fault("artefacts_note", "none was found, without where and when it was searched", fix)
    for place, search in enumerate(work.not_found):
        if search.until <= today:
            what = f"the search for the {search.what} of {search.date} held until {search.until}"
            yield read.warning(f"not_found.{place}", what, "search again, and write down where and when")


def _of_relations(read: Sequence[Read]) -> Iterator[Fault]:
    by_key = {each.work.id: each.work for each in read}
    for each in read:
        for field in ("builds_on", "replaced_by", "near"):
            for place, key in enumerate(getattr(each.work, field)):
                if key not in by_key or key == each.work.id:
                    what = f"{key} is this work itself" if key == each.work.id else f"no such work: {key}"
                    near = difflib.get_close_matches(key, [other for other in by_key if other != each.work.id], n=1)
                    yield each.fault(
                        f"{field}.{place}", what, f"did you mean {near[0]}?" if near else "name a work's key"
                    )
                elif field == "replaced_by" and by_key[key].year < each.work.year:
                    yield each.fault(
                        f"{field}.{place}", f"{key} is of {by_key[key].year}, before this work", "turn it round"
                    )


def _doubles(read: Sequence[Read]) -> Iterator[Fault]:
    seen: dict[tuple[str, str], list[tuple[Read, str]]] = defaultdict(list)
    for each in read:
        work = each.work
        seen["key", work.id].append((each, "id"))
        for kind, value in work.ids.model_dump().items():
            if value:
                seen[kind, value.casefold()].append((each, f"ids.{kind}"))
        for title in {normal_title(title): title for title in (*work.also_titled, work.title)}.values():
            seen["title", normal_title(title)].append((each, "title"))
        for name in {name.casefold() for name in work.known_as}:
            seen["short name", name].append((each, "known_as"))
    for (kind, value), places in seen.items():
        for each, field in places[1:]:
            first = places[0][0]
            if kind == "title" and first.work.id in each.work.near:
                continue
            what = (
                f"the {kind} of {first.file} again: {value!r}"
                if kind != "title"
                else f"the title of {first.file} again"
            )
            yield each.fault(field, what, "merge the two, or correct one")


def _near_titles(read: Sequence[Read]) -> Iterator[Fault]:
    titles = [(normal_title(each.work.title), each) for each in read]
    titles.sort(key=lambda pair: len(pair[0]))
    for place, (title, each) in enumerate(titles):
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(title)
        for other, second in titles[place + 1 :]:
            if len(other) * NEAR > len(title) / NEAR:
                break
            matcher.set_seq1(other)
            if (
                matcher.real_quick_ratio() < NEAR
                or matcher.quick_ratio() < NEAR
                or matcher.ratio() < NEAR
                or title == other
            ):
                continue
            if second.work.id not in each.work.near and each.work.id not in second.work.near:
                what = f"nearly the title of {each.file}: {each.work.title!r}"
                yield second.fault("title", what, f"merge the two, or write `near: [{each.work.id}]` here")


def _of_components(read: Sequence[Read]) -> Iterator[Fault]:
    named = {(run.component, each.work.id) for each in read for run in each.work.runs_in_earnest}
    keys = {each.work.id for each in read}
    there = {name: sources for name, sources in components().items()}
    for each in read:
        for field, name in _named_components(each.work):
            if name not in there:
                near = difflib.get_close_matches(name, list(there), n=1)
                fix = f"did you mean {near[0]}?" if near else "`earnest list` shows what there is"
                yield each.fault(field, f"no such component: {name}", fix)
    for name, sources in there.items():
        if not sources:
            yield Fault(
                name, 0, "", "it names no work", "state `source`, or a key like [madry2017-pgd] in its docstring"
            )
        for source in sources:
            if source not in keys:
                yield Fault(name, 0, "", f"it names {source}, which the catalogue has not", "add the work")
            elif (name, source) not in named and source != OWN:
                yield Fault(
                    name, 0, "", f"it names {source}, which does not name it", "add it to the work's runs_in_earnest"
                )


def _named_components(work: Work) -> list[tuple[str, str]]:
    """The components that a work names, each with its field."""
    runs = [(f"runs_in_earnest.{place}.component", run.component) for place, run in enumerate(work.runs_in_earnest)]
    could = work.could_run.uses if work.could_run is not None else ()
    return [*runs, *((f"could_run.uses.{place}", name) for place, name in enumerate(could))]


def components(kinds: Iterable[str] = COMPONENTS) -> dict[str, tuple[str, ...]]:
    """The works that each registered component of this package names, by `<registry>/<name>`."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in kinds:
        for name in registry.names(kind):
            try:
                plugin = registry.registry(kind).get(name)
            except EarnestError:
                continue
            if _own(plugin):
                found[f"{kind}/{name}"] = sources_of(plugin)
    return found


def sources_of(plugin: Any) -> tuple[str, ...]:
    """Keys of the works that a plug-in follows: its `source`, or those that its docstring refers to."""
    stated = getattr(plugin, "source", None)
    if isinstance(stated, str) and stated:
        return (stated,)
    return tuple(dict.fromkeys(_KEY.findall(inspect.getdoc(plugin) or "")))


def _own(plugin: Callable[..., Any]) -> bool:
    return getattr(plugin, "__module__", "").partition(".")[0] == "earnest"
