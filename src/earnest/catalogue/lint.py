"""Checks of the catalogue that need no network: every fault with its file, line, field, and what mends it.

A file that cannot be read hides no other. What is checked: the form of each file; keys, ids and titles that come twice;
titles that are nearly the same and not acknowledged; the month of an arXiv id against the date; tags and framework ids
that are not known; links that are not canonical; components that do not exist, and components that no work names.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from earnest import registry
from earnest.catalogue.importing import ids_in, normal_title
from earnest.catalogue.taxonomy import ATLAS, OWASP, TOPICS
from earnest.catalogue.work import Work
from earnest.errors import EarnestError

FOLDER = Path(__file__).parent / "works"
NEAR = 0.9
"""Titles at least this alike, by `difflib`, must be acknowledged as `near`."""

COMPONENTS = ("attacks", "defences", "detectors", "explainers", "metrics", "streams", "tasks")
"""Kinds of which every plug-in of this package must name a work, and be named by it."""

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
    """

    file: str
    line: int
    field: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field + ': ' if self.field else ''}{self.what}; {self.fix}"

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


def lint(folder: Path = FOLDER, *, components: bool = True) -> list[Fault]:
    """Every fault of the works in `folder`, by file and line; with `components`, of what is registered here as well."""
    read, faults = read_all(folder)
    for each in read:
        faults += [*_of_place(each), *_of_dates(each), *_of_tags(each), *_of_links(each), *_of_trust(each)]
    faults += [*_doubles(read), *_near_titles(read)]
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
            faults += {fault.field: fault for fault in reversed(told)}.values()  # a union tells a fault for each of its types
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
        yield read.fault("id", f"{work.id!r} does not carry the year {work.year}", "put the year of `issued` into the key")


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
    tags: list[tuple[str, Sequence[str], Iterable[str], str]] = [("topics", work.topics, TOPICS, "taxonomy.py lists the topics")]
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
        yield read.fault("pillars", f"a topic of {pillar}, but not that pillar", f"add {pillar}, or take the topic away")


def _of_links(read: Read) -> Iterator[Fault]:
    url = read.work.ids.url
    if url and (better := {k: v for k, v in ids_in(url).model_dump().items() if v and k != "url"}):
        (kind, value), *_ = better.items()
        yield read.fault("ids.url", f"{url} holds an id", f"write {kind}: '{value}' in its place")
    for place, artefact in enumerate(read.work.artefacts):
        if re.search(r"arxiv\.org/(abs|pdf)|/$", artefact.url):
            yield read.fault(f"artefacts.{place}.url", f"{artefact.url} is not canonical", "no last slash, and no paper's address")


def _of_trust(read: Read) -> Iterator[Fault]:
    work = read.work
    if not work.trust and not work.runs_in_earnest:
        return
    said = [
        ("claims", work.claims or work.claims_note, "a claim with its place, or claims_note: could not be read"),
        ("artefacts", work.artefacts or work.artefacts_note, "code, data or weights, or artefacts_note: none was seen"),
        ("threat", work.threat, "access, channel and goal (none where nobody attacks)"),
        ("authors", work.authors != "unverified" or work.checked.status == "unverified", "its authors"),
    ]
    for field, there, fix in said:
        if not there:
            yield read.fault(field, "a work on trust, or one that runs here, must have it", f"add {fix}")
    if work.trust and {"benchmark", "dataset"} & set(work.kind) and work.data is None:
        yield read.fault("data", "a benchmark or dataset says under which licence it may be used", "add data.licence")


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
    for (kind, value), places in seen.items():
        for each, field in places[1:]:
            first = places[0][0]
            if kind == "title" and first.work.id in each.work.near:
                continue
            what = f"the {kind} of {first.file} again: {value!r}" if kind != "title" else f"the title of {first.file} again"
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
            if matcher.real_quick_ratio() < NEAR or matcher.quick_ratio() < NEAR or matcher.ratio() < NEAR or title == other:
                continue
            if second.work.id not in each.work.near and each.work.id not in second.work.near:
                what = f"nearly the title of {each.file}: {each.work.title!r}"
                yield second.fault("title", what, f"merge the two, or write `near: [{each.work.id}]` here")


def _of_components(read: Sequence[Read]) -> Iterator[Fault]:
    named = {(run.component, each.work.id) for each in read for run in each.work.runs_in_earnest}
    keys = {each.work.id for each in read}
    there = {name: sources for name, sources in components().items()}
    for each in read:
        for place, run in enumerate(each.work.runs_in_earnest):
            if run.component not in there:
                near = difflib.get_close_matches(run.component, list(there), n=1)
                fix = f"did you mean {near[0]}?" if near else "`earnest list` shows what there is"
                yield each.fault(f"runs_in_earnest.{place}.component", f"no such component: {run.component}", fix)
    for name, sources in there.items():
        if not sources:
            yield Fault(name, 0, "", "it names no work", "state `source`, or a key like [madry2017-pgd] in its docstring")
        for source in sources:
            if source not in keys:
                yield Fault(name, 0, "", f"it names {source}, which the catalogue has not", "add the work")
            elif (name, source) not in named:
                yield Fault(name, 0, "", f"it names {source}, which does not name it", "add it to the work's runs_in_earnest")


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
