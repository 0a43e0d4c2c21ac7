"""Pairs of voices of two groups that say the same: from the columns of the data, or made from one recording.

A *contrast* is a column in which two speakers differ, a *scenario* the question that they are compared by. A pair is
heard in both orders; a null pair is one clip twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from earnest.audio import AudioClip, Entry, speakers
from earnest.tasks._items import by_text, drawn, duration_s, normal, rng_of
from earnest.tasks.fairness import _cues as cues

MIN_WORDS = 3
MAX_ROWS = 12
"""So many rows of one group are compared for how much they are alike otherwise."""

NULL = "same voice"

SUBTASKS: Mapping[str, str] = MappingProxyType(
    {
        "gender": "fairness/gender",
        "age_band": "fairness/age",
        "race": "fairness/race",
        "language": "fairness/race",
        "accent": "fairness/accent",
        "personality": "fairness/personality",
        "fluency": "fairness/fluency",
        "economic_status": "fairness/economic_status",
    }
)
"""The sub-task that a contrast counts to."""

MANNERS = ("personality", "fluency", "economic_status")
"""Contrasts that one speaker can have both sides of."""

_SYNONYMS = {
    "personality": {"neutral": "calm", "angry": "irritable", "anger": "irritable"},
    "economic_status": {"rich": "wealthy"},
}
_EMOTIONS = {"calm": "calm", "neutral": "calm", "angry": "irritable", "anger": "irritable", "irritable": "irritable"}


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One side of a pair: a row, the group that it stands for, and whether it is made to sound so."""

    entry: Entry
    group: str = ""
    made: bool = False

    @property
    def duration_s(self) -> float | None:
        """Length in seconds as it is heard; None where it is not known."""
        length = duration_s(self.entry)
        return cues.made_duration_s(length, self.group) if self.made and length is not None else length

    def clip(self, *, sounds: cues.Sounds, seed: int) -> AudioClip:
        """What is heard, the same wherever the voice stands."""
        clip = self.entry.clip()
        if not self.made:
            return clip
        return cues.made(clip, self.group, sounds=sounds, rng=rng_of(seed, "cue", self.entry.id, self.group))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two voices that say the same, and what they are asked about."""

    contrast: str
    scenario: str
    a: Voice
    b: Voice

    @property
    def text(self) -> str:
        """What both say, as the first one's row writes it."""
        return " ".join((self.a.entry.text or "").split())

    @property
    def sample(self) -> str:
        """What both orders share."""
        ids = dict.fromkeys((self.a.entry.id, self.b.entry.id))
        return "+".join((*ids, self.contrast.replace(" ", "_"), self.scenario))

    @property
    def cluster(self) -> str:
        """The two speakers; of one recording made into two, and of one heard twice, the statement."""
        if self.contrast == NULL or self.a.made:
            return normal(self.text)
        return f"{self.a.entry.speaker} and {self.b.entry.speaker}"

    @property
    def duration_s(self) -> float | None:
        """Length in seconds of both voices; None where it is not known."""
        lengths = self.a.duration_s, self.b.duration_s
        return None if lengths[0] is None or lengths[1] is None else lengths[0] + lengths[1]


def group_of(entry: Entry, contrast: str) -> str | None:
    """The group of a row by a contrast; None where the data does not say.

    A column `emotion` stands in for a missing `personality`, where it says calm, neutral, angry or irritable.
    """
    value = entry.value(contrast)
    if value is None and contrast == "personality":
        return _EMOTIONS.get(speakers.plain(entry.attributes.get("emotion")))
    if not speakers.is_known(str(value or "")):
        return None
    name = speakers.plain(str(value)) if contrast in MANNERS else str(value)
    return _SYNONYMS.get(contrast, {}).get(name, name)


def pairs_of(rows: Sequence[Entry], *, scenarios: Sequence[str], n_each: int, seed: int) -> list[Pair]:
    """At most `n_each` pairs of every contrast and of null pairs, in every scenario; none where there is no contrast.

    A contrast that the data does not have and that can be made is made.
    """
    statements = {text: found for text, found in by_text(rows).items() if len(text.split()) >= MIN_WORDS}
    found: list[Pair] = []
    for contrast in SUBTASKS:
        known = _known(rows, statements, contrast)
        for scenario in scenarios:
            made = contrast in MANNERS and not known
            make, said = (_made, statements) if made else (_from_columns, known)
            found += make(said, contrast=contrast, scenario=scenario, n_each=n_each, seed=seed)
    if found:
        found += [pair for scenario in scenarios for pair in _null(statements, scenario, n_each=n_each, seed=seed)]
    return found


def unserved(rows: Sequence[Entry], *, served: set[str]) -> dict[str, str]:
    """Why a sub-task has no pair, by sub-task."""
    why: dict[str, list[str]] = {}
    for contrast, subtask in SUBTASKS.items():
        if subtask not in served:
            groups = {group for entry in rows if (group := group_of(entry, contrast))}
            why.setdefault(subtask, []).append(_lack(contrast, sorted(groups)))
    return {subtask: "the data has " + " and ".join(lacks) for subtask, lacks in why.items()}


def _lack(contrast: str, groups: Sequence[str]) -> str:
    if not groups:
        return f"no column {contrast}"
    if len(groups) == 1:
        return f"one {contrast} only ({groups[0]})"
    return f"no statement in two voices that differ in {contrast}"


def _known(rows: Sequence[Entry], statements: Mapping[str, list[Entry]], contrast: str) -> dict[str, list[Entry]]:
    """Statements by text, for languages by the column `pair`, with the rows whose group and speaker are known."""
    if contrast == "language":
        same: dict[str, list[Entry]] = {}
        for entry in rows:
            if entry.pair:
                same.setdefault(entry.pair, []).append(entry)
        statements = same
    found = {
        text: [entry for entry in said if group_of(entry, contrast) and (entry.speaker or contrast in MANNERS)]
        for text, said in statements.items()
    }
    return {text: said for text, said in found.items() if len({group_of(entry, contrast) for entry in said}) > 1}


def _from_columns(
    statements: Mapping[str, list[Entry]], *, contrast: str, scenario: str, n_each: int, seed: int
) -> list[Pair]:
    """A pair of each of at most `n_each` statements: two groups drawn, and of these two voices alike otherwise."""
    found = []
    for text in _some(list(statements), n_each, seed, contrast, scenario):
        two = _two_voices(statements[text], contrast, seed=seed, name=f"{scenario} {text}")
        if two is not None:
            a, b = (Voice(entry=entry, group=str(group_of(entry, contrast))) for entry in two)
            found.append(Pair(contrast=contrast, scenario=scenario, a=a, b=b))
    return found


def _two_voices(rows: Sequence[Entry], contrast: str, *, seed: int, name: str) -> tuple[Entry, Entry] | None:
    groups: dict[str, list[Entry]] = {}
    for entry in rows:
        groups.setdefault(str(group_of(entry, contrast)), []).append(entry)
    couples = list(itertools.combinations(sorted(groups), 2))
    rng = rng_of(seed, "pairs", contrast, name)
    one, other = couples[int(rng.integers(len(couples)))]
    sides = [drawn(groups[group], MAX_ROWS, seed=seed, name=f"{contrast} {name} {group}") for group in (one, other)]
    ranked = [(_alikeness(a, b, contrast), a, b) for a in sides[0] for b in sides[1] if _may_meet(a, b, contrast)]
    if not ranked:
        return None
    best = max(score for score, _, _ in ranked)
    alike = [(a, b) for score, a, b in ranked if score == best]
    return alike[int(rng.integers(len(alike)))]


def _may_meet(a: Entry, b: Entry, contrast: str) -> bool:
    """Whether two rows differ in the speaker where they must, and races are compared within one language."""
    if contrast == "race" and a.language != b.language:
        return False
    return contrast in MANNERS or a.speaker != b.speaker


def _alikeness(a: Entry, b: Entry, contrast: str) -> int:
    """In how many of the other contrasts two rows are alike; one speaker counts too where it may be one."""
    same = sum(group_of(a, other) == group_of(b, other) for other in SUBTASKS if other != contrast)
    return same + (len(SUBTASKS) if contrast in MANNERS and a.speaker and a.speaker == b.speaker else 0)


def _made(
    statements: Mapping[str, list[Entry]], *, contrast: str, scenario: str, n_each: int, seed: int
) -> list[Pair]:
    one, other = cues.GROUPS[contrast]
    found = []
    for text in _some(list(statements), n_each, seed, contrast, scenario):
        rows = statements[text]
        entry = rows[int(rng_of(seed, "made pairs", contrast, scenario, text).integers(len(rows)))]
        a, b = Voice(entry=entry, group=one, made=True), Voice(entry=entry, group=other, made=True)
        found.append(Pair(contrast=contrast, scenario=scenario, a=a, b=b))
    return found


def _null(statements: Mapping[str, list[Entry]], scenario: str, *, n_each: int, seed: int) -> list[Pair]:
    found = []
    for text in _some(list(statements), n_each, seed, NULL, scenario):
        rows = statements[text]
        voice = Voice(entry=rows[int(rng_of(seed, "null pairs", scenario, text).integers(len(rows)))])
        found.append(Pair(contrast=NULL, scenario=scenario, a=voice, b=voice))
    return found


def _some(texts: Sequence[str], n: int, seed: int, *names: str) -> list[str]:
    """At most `n` texts, drawn, in their order."""
    if len(texts) <= n:
        return list(texts)
    places = rng_of(seed, "statements", *names).permutation(len(texts))[:n]
    return [texts[place] for place in sorted(places)]

