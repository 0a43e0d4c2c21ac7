"""Finding works by words and by what they are, and the command that runs one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from earnest.catalogue.taxonomy import TOPICS
from earnest.catalogue.work import Runs, Work
from earnest.registry import registry


class Index:
    """Works with their words taken apart, to be searched many times.

    Parameters
    ----------
    works : mapping of str to Work
    """

    def __init__(self, works: Mapping[str, Work]) -> None:
        self._entries = [(work, _fields(work), _names(work)) for work in works.values()]

    def search(
        self,
        words: str = "",
        *,
        pillar: str | None = None,
        kind: str | None = None,
        topic: str | None = None,
        access: str | None = None,
        year: int | None = None,
        trust: bool = False,
        runnable: bool = False,
    ) -> list[Work]:
        """Works that hold every word, at the beginning of one of theirs, and are what is asked; the best first.

        A work that is called exactly so comes before all others: by its title, a former one, a short name, or what
        stands before the colon. Then a word in key or title counts more than one elsewhere; works that hold the words
        alike come newest first.
        """
        wanted = [f" {word}" for word in _words(words)]
        name = " ".join(_words(words))
        found = [
            (score, work)
            for work, fields, names in self._entries
            if (pillar is None or pillar in work.pillars)
            and (kind is None or kind in work.kind)
            and (topic is None or topic in work.topics)
            and (access is None or (work.threat is not None and work.threat.access == access))
            and (year is None or work.year == year)
            and (work.trust or not trust)
            and (bool(work.runs_in_earnest) or not runnable)
            and (score := _score(fields, wanted) if name not in names else EXACT) is not None
        ]
        return [work for _, work in sorted(found, key=lambda pair: (-pair[0], -_ordinal(pair[1]), pair[1].id))]


def search(works: Mapping[str, Work], words: str = "", **filters: Any) -> list[Work]:
    """As `Index.search`, once."""
    return Index(works).search(words, **filters)


EXACT = 1000.0
"""Score of a work that is called exactly what was asked: more than any number of words could reach."""


def _score(fields: Sequence[tuple[float, str]], wanted: Sequence[str]) -> float | None:
    total = 0.0
    for word in wanted:
        for weight, text in fields:
            if word in text:
                total += weight
                break
        else:
            return None
    return total


def _fields(work: Work) -> list[tuple[float, str]]:
    """The words of a work, a blank before each, by weight, the heaviest first."""
    authors = () if work.authors == "unverified" else work.authors
    ids = [value for value in work.ids.model_dump().values() if value]
    about = [TOPICS[topic].about for topic in work.topics if topic in TOPICS]
    texts = (
        (8.0, f"{work.id} {' '.join(work.known_as)}"),
        (6.0, work.title),
        (4.0, " ".join(work.also_titled)),
        (3.0, " ".join((*work.topics, *work.methods, *authors))),
        (2.0, " ".join((*work.kind, *work.pillars))),
        (1.0, " ".join((work.venue, work.note, *ids, *(run.component for run in work.runs_in_earnest), *about))),
    )
    return [(weight, "".join(f" {word}" for word in _words(text))) for weight, text in texts if text]


def _names(work: Work) -> frozenset[str]:
    """What a work is called, as the words of a query are written."""
    heads = [title.partition(":")[0] for title in (work.title, *work.also_titled) if ":" in title]
    called = (
        work.id,
        work.title,
        *work.also_titled,
        *work.known_as,
        *heads,
        *(id_ for id_ in (work.ids.arxiv, work.ids.doi) if id_),
    )
    return frozenset(" ".join(_words(name)) for name in called)


def _words(text: str) -> list[str]:
    """The words of a text in small letters, in one spelling: British and American searches find the same.

    >>> _words("Attention Visualization: a Defense")
    ['attention', 'visualisation', 'a', 'defence']
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    for american, british in _SPELLINGS:
        plain = plain.replace(american, british)
    return re.findall(r"[a-z0-9.+]*[a-z0-9+]", plain.replace("_", " "))


_SPELLINGS = (("ization", "isation"), ("defense", "defence"), ("license", "licence"), ("behavior", "behaviour"))


def _ordinal(work: Work) -> int:
    return work.issued * 366 if isinstance(work.issued, int) else work.issued.toordinal()


MOST_COMMANDS = 8


def commands(work: Work) -> list[str]:
    """What runs a work here, a command a component, the same one once: whole runs before single metrics, at most eight."""
    found = dict.fromkeys(run.command or command_for(run) for run in work.runs_in_earnest)
    return sorted(found, key=lambda command: not command.startswith("earnest run"))[:MOST_COMMANDS]


_GIVEN = {
    "advwave_blackbox": ":writer=WRITER",
    "pair_audio": ":writer=WRITER",
    **dict.fromkeys(
        (
            "refusal_ablation",
            "mute",
            "iambad",
            "task_override",
            "selective",
            "universal_additive",
            "grm",
            "audiojailbreak_universal",
        ),
        ":artefact=FITTED",
    ),
}
"""What an attack must be given: the specification of a model that writes, or what `earnest fit attacks/NAME` has written."""

_GIVEN_TO_DEFENCES = {
    "owner_gate": ":threshold=0.9",
    "transcript_guard": ":model=scripted/always_refuse",
    **dict.fromkeys(
        (
            "activation_clamp",
            "adversarial_training",
            "almguard",
            "fine_mixing",
            "fine_pruning",
            "gradient_norm_finetuning",
            "refusal_steering",
            "rrs",
            "safety_lora",
            "spirit",
            "waveform_guard",
        ),
        ":artefact=FITTED",
    ),
}
"""What a defence must be given: a number, a model, or what `earnest fit defences/NAME` has written."""


def command_for(run: Runs) -> str:
    """The command that shows a component at work, on the embedded model where it needs one."""
    kind, _, name = run.component.partition("/")
    on = "--model earnest/reference --limit 4"
    out = f"--out runs/{name}"
    if kind == "attacks":
        return f"earnest run core --task harmful_refusal {on} --attack {name}{_GIVEN.get(name, '')} {out}"
    if kind == "defences":
        return f"earnest run core --task harmful_refusal {on} --defence {name}{_GIVEN_TO_DEFENCES.get(name, '')} {out}"
    if kind == "tasks" and name.startswith("audiotrust_"):
        return f"earnest run audiotrust --data AudioTrust --task {name} --dry-run"
    if name in _OF_DETECTORS:
        return f"earnest run {_OF_DETECTORS[name]} --data RECORDINGS --model detector/FITTED --dry-run"
    if name in _NEEDS_RECORDINGS:
        return f"earnest run core --data RECORDINGS --task {name} --dry-run"
    if name in _BEYOND_EMBEDDED:
        return f"earnest run core --task {name} --model scripted/echo --limit 4 {out}"
    if kind == "tasks":
        return f"earnest run core --task {name} {on} {out}"
    if kind == "streams" or name == "stream":
        of = "changes" if kind == "detectors" else name
        return f"earnest run detectors --model detector/stream:of={of} --limit 4 {out}"
    if kind == "detectors":
        return f"earnest fit detectors/{name} --out fitted/{name}"
    if kind == "anonymisers":
        return f"earnest anonymise RECORDINGS OUT --method {name}{':python=MODULE:FUNCTION' if name == 'own' else ''}"
    if kind == "explainers":
        return f"earnest explain RUN ITEM --method {name} --model earnest/reference"
    return f"earnest list {kind} --name {name}"


_OF_DETECTORS = {"spoof_shortcuts": "deepfake", "speaker_verification": "verification"}
"""Tasks that ask detectors, and their suites."""

_NEEDS_RECORDINGS = {"spoof_detection", "emotion_match"}
"""Tasks that the embedded recordings do not serve."""

_BEYOND_EMBEDDED = {
    "background_inference", "claim_check", "long_comprehension", "long_dictation", "long_localisation", "origin_inference",
    "physical_violation", "written_choice",
}  # fmt: skip  # a table: one row a line
"""Tasks that are beyond the embedded model."""


def by_component(works: Iterable[Work]) -> dict[str, list[str]]:
    """Keys of the works that each component follows."""
    found: dict[str, list[str]] = {}
    for work in works:
        for run in work.runs_in_earnest:
            found.setdefault(run.component, []).append(work.id)
    return found


def shown(work: Work) -> dict[str, Any]:
    """A work for people and machines: its facts, and the commands that run it."""
    return work.model_dump(mode="json") | {"link": work.ids.link, "commands": commands(work)}


def registered(kind: str) -> list[str]:
    """Names of a kind of component."""
    return registry(kind).names()
