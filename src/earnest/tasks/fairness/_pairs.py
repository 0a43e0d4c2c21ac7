"""Pairs of voices of two groups that say the same: from the columns of the data, or made from one recording.

A *contrast* is a column in which two speakers differ, a *scenario* the question that they are compared by. A pair is
heard in both orders; a null pair is one clip twice. Pairs with a *reason* are the positive controls: two who say
different things, one of which decides, because the prompt names it or by what it says (`merits`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Entry, speakers
from earnest.tasks._items import by_text, duration_s, normal, rng_of
from earnest.tasks.fairness import _cues as cues

T = TypeVar("T")

MIN_WORDS = 3
MAX_VOICES = 40
"""Most voices of one group, drawn; more would make no better couples."""
N_NULL = 12
"""Most null pairs of a scenario."""
N_COUPLES = 2
"""Most others that one voice is compared with: of twelve voices a group that say three statements each, 72 pairs and not 36
(`benchmarks/power.py`)."""

CONTROL = "reason"
"""Role of rows that are made as pairs with a reason; `label` says which side of one `pair` it is that deserves the choice
(`BETTER`), and `category` in which scenario."""
BETTER, WORSE = "better", "worse"

NULL = "same voice"
REASON = "what is said"
"""The contrast of two who say different things, one of which is the reason to choose: the positive control."""

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
    named: bool = True
    """Of a pair with a reason, whether the prompt names what decides; otherwise it decides by what it says."""

    @property
    def text(self) -> str:
        """What both say, as the first one's row writes it; of two who say different things, the reason to choose."""
        return " ".join((self.a.entry.text or "").split())

    @property
    def sample(self) -> str:
        """What both orders share."""
        ids = dict.fromkeys((self.a.entry.id, self.b.entry.id))
        return "+".join((*ids, self.contrast.replace(" ", "_"), self.scenario))

    @property
    def cluster(self) -> str:
        """The first group's speaker; of one recording made into two, of one heard twice and of controls, the statement."""
        if self.contrast in (NULL, REASON) or self.a.made:
            return normal(self.text)
        return self.a.entry.speaker or self.a.entry.id

    @property
    def duration_s(self) -> float | None:
        """Length in seconds of both voices; None where it is not known."""
        lengths = self.a.duration_s, self.b.duration_s
        return None if lengths[0] is None or lengths[1] is None else lengths[0] + lengths[1]


Couples = dict[tuple[str, str], list[tuple[Entry, Entry]]]
"""By two voices, what both say: a row of the one beside a row of the other."""


def group_of(entry: Entry, contrast: str) -> str | None:
    """The group of a row by a contrast; None where the data does not say.

    A column `emotion` stands in for a missing `personality`, where it says calm, neutral, angry or irritable.
    """
    value = entry.value(contrast)
    if value is None and contrast == "personality":
        return _EMOTIONS.get(speakers.plain(entry.attributes.get("emotion")))
    return _group_called(str(value or ""), contrast)


@lru_cache(maxsize=1 << 16)
def _group_called(value: str, contrast: str) -> str | None:
    """The group that a cell names; None where it says that it is not known."""
    if not speakers.is_known(value):
        return None
    name = speakers.plain(value) if contrast in MANNERS else value
    return _SYNONYMS.get(contrast, {}).get(name, name)


@dataclass(frozen=True)
class Material:
    """What pairs are made of: rows, and what is worked out of them once for all tasks that make pairs of these rows.

    Parameters
    ----------
    rows : sequence of Entry
    """

    rows: Sequence[Entry]

    @cached_property
    def statements(self) -> dict[str, list[Entry]]:
        """The rows by what they say, of texts that are long enough."""
        return {text: own for text, own in by_text(self.rows).items() if len(text.split()) >= MIN_WORDS}

    @cached_property
    def others(self) -> _Others:
        """Every row of the statements, to be one that says something else."""
        return _Others.of(self.statements, groups=[self.groups(contrast) for contrast in SUBTASKS])

    def groups(self, contrast: str) -> dict[int, str | None]:
        """The group of each row, by the row's identity."""
        return self._once(("groups", contrast), lambda: {id(entry): group_of(entry, contrast) for entry in self.rows})

    def rounds(self, contrast: str, *, seed: int) -> list[Couples]:
        """Who speaks with whom; nobody where the data does not say who is of which group."""
        return self._once(("rounds", contrast, seed), lambda: _rounds(self, contrast, seed=seed))

    def statements_of(self, contrast: str) -> dict[str, list[Entry]]:
        """Statements of several groups, by text, with the rows whose group and speaker are known."""
        return self._once(("statements", contrast), lambda: _statements_of(self, contrast))

    @cached_property
    def _worked_out(self) -> dict[tuple[str | int, ...], Any]:
        return {}

    def _once(self, key: tuple[str | int, ...], make: Callable[[], T]) -> T:
        if key not in self._worked_out:
            self._worked_out[key] = make()
        made: T = self._worked_out[key]
        return made


def pairs_of(material: Material, *, scenarios: Sequence[str], n_each: int, seed: int) -> list[Pair]:
    """At most `n_each` pairs of every contrast and of null pairs, in every scenario; none where there is no contrast.

    A contrast that the data does not have and that can be made is made.
    """
    found = _contrasts(material, scenarios=scenarios, n_each=n_each, seed=seed)
    if found:
        for scenario in scenarios:
            found += _null(material.statements, scenario, n_each=N_NULL, seed=seed)
            found += _reasons(material, scenario, n_each=n_each, seed=seed)
    return found


def contrasts_of(material: Material, *, scenarios: Sequence[str], n_each: int, seed: int = 0) -> set[str]:
    """The contrasts of which there are pairs, whatever is drawn."""
    pairs = _contrasts(material, scenarios=scenarios[:1], n_each=n_each, seed=seed)
    return {pair.contrast for pair in pairs}


def _contrasts(material: Material, *, scenarios: Sequence[str], n_each: int, seed: int) -> list[Pair]:
    """The pairs that differ in a group."""
    found: list[Pair] = []
    for contrast in SUBTASKS:
        for scenario in scenarios:
            if contrast in MANNERS and not material.statements_of(contrast):
                found += _made(material.statements, contrast=contrast, scenario=scenario, n_each=n_each, seed=seed)
            else:
                rounds = material.rounds(contrast, seed=seed)
                found += _from_columns(rounds, contrast=contrast, scenario=scenario, n_each=n_each, seed=seed)
    return found


def merits(entries: Sequence[Entry], *, scenarios: Sequence[str]) -> list[Pair]:
    """The pairs that were recorded with a reason, in the scenarios that they decide: of each the better and the worse side.

    Where a side is there in several voices, the first voice of one side meets the first one of the other, and so on.
    """
    sides: dict[tuple[str, str], dict[str, list[Entry]]] = {}
    for entry in entries:
        scenario = entry.attributes.get("category", "")
        if (
            entry.role == CONTROL
            and entry.pair
            and entry.text
            and scenario in scenarios
            and entry.label in (BETTER, WORSE)
        ):
            sides.setdefault((scenario, entry.pair), {}).setdefault(entry.label, []).append(entry)
    return [
        Pair(contrast=REASON, scenario=scenario, a=Voice(entry=better), b=Voice(entry=worse), named=False)
        for (scenario, _), both in sides.items()
        for better, worse in zip(both.get(BETTER, []), both.get(WORSE, []), strict=False)
    ]


def unserved(material: Material, *, served: set[str]) -> dict[str, str]:
    """Why a sub-task has no pair, by sub-task."""
    why: dict[str, list[str]] = {}
    for contrast, subtask in SUBTASKS.items():
        if subtask not in served:
            groups = {group for group in material.groups(contrast).values() if group}
            why.setdefault(subtask, []).append(_lack(contrast, sorted(groups)))
    return {subtask: "the data has " + " and ".join(lacks) for subtask, lacks in why.items()}


def _lack(contrast: str, groups: Sequence[str]) -> str:
    if not groups:
        return f"no column {contrast}"
    if len(groups) == 1:
        return f"one {contrast} only ({groups[0]})"
    return f"no statement in two voices that differ in {contrast}"


def _statements_of(material: Material, contrast: str) -> dict[str, list[Entry]]:
    """Statements by text, for languages by the column `pair`, with the rows whose group and speaker are known."""
    groups = material.groups(contrast)
    if not any(groups.values()):
        return {}
    statements = material.statements
    if contrast == "language":
        statements = {}
        for entry in material.rows:
            if entry.pair:
                statements.setdefault(entry.pair, []).append(entry)
    in_groups = {
        text: [entry for entry in own if groups[id(entry)] and (entry.speaker or contrast in MANNERS)]
        for text, own in statements.items()
    }
    return {text: own for text, own in in_groups.items() if len({groups[id(entry)] for entry in own}) > 1}


def _from_columns(rounds: Sequence[Couples], *, contrast: str, scenario: str, n_each: int, seed: int) -> list[Pair]:
    """At most `n_each` pairs: each couple of voices with one statement, then each with another, and so on.

    Voices are matched once for all statements and scenarios, each with one of another group that is most alike in all
    else. Only when these couples have said all that they share, couples of the next round speak, in which each voice
    meets another one.
    """
    ranked = (
        two
        for couples in rounds
        for turn in itertools.zip_longest(
            *(_in_turn(pairs, seed, contrast, scenario, *couple) for couple, pairs in couples.items())
        )
        for two in turn
        if two is not None
    )
    return [
        Pair(
            contrast=contrast,
            scenario=scenario,
            a=Voice(entry=one, group=str(group_of(one, contrast))),
            b=Voice(entry=other, group=str(group_of(other, contrast))),
        )
        for one, other in itertools.islice(ranked, n_each)
    ]


def _rounds(material: Material, contrast: str, *, seed: int) -> list[Couples]:
    """By round and couple of voices, what both say: rows of the first group beside rows of the second, by statement.

    In a round a voice is in one couple, as long as there are others; no couple comes twice. Of the couples that could
    still be made, the one is made that is most alike in all else and shares most statements. In later rounds two may
    differ in accent as well, but in nothing else in which those of the first round are alike.
    """
    open_ = _possible(material, contrast, seed=seed)
    rng = rng_of(seed, "couples", contrast)
    drawn_rank = dict(zip(sorted(open_), rng.permutation(len(open_)).tolist(), strict=True))
    likeness = {couple: (_alikeness(*open_[couple][0], contrast), len(open_[couple])) for couple in open_}
    but_accent = {couple: _alikeness(*open_[couple][0], contrast, but=("accent",)) for couple in open_}
    left = sorted(open_, key=lambda couple: drawn_rank[couple])
    rounds = []
    for _ in range(N_COUPLES):
        matched = _matched(left, likeness)
        rounds.append({couple: open_[couple] for couple in matched})
        least = min((but_accent[couple] for couple in matched), default=0)
        left = [couple for couple in left if couple not in matched and but_accent[couple] >= least]
    return rounds


def _possible(material: Material, contrast: str, *, seed: int) -> Couples:
    """Every couple of voices of two groups that have a statement in common, with what they share."""
    shared: Couples = {}
    statements, groups = material.statements_of(contrast), material.groups(contrast)
    voice_of = {id(entry): _voice_of(entry, contrast) for own in statements.values() for entry in own}
    voices = _some_voices(material, contrast, voice_of, seed=seed)
    for entries in statements.values():
        sides: dict[str, list[tuple[str, Entry]]] = {}
        for entry in entries:
            if (voice := voice_of[id(entry)]) in voices:
                sides.setdefault(str(groups[id(entry)]), []).append((voice, entry))
        for first, second in itertools.combinations(sorted(sides), 2):
            for (one, a), (other, b) in itertools.product(sides[first], sides[second]):
                if _may_meet(a, b, contrast):
                    shared.setdefault((one, other), []).append((a, b))
    return shared


def _matched(
    couples: Sequence[tuple[str, str]], likeness: Mapping[tuple[str, str], tuple[int, int]]
) -> list[tuple[str, str]]:
    """Couples no two of which share a voice, the likest first; of equals those whose voice has the fewest others left.

    With the fewest first, hardly a voice is left alone that could have been in a couple.
    """
    taken: set[str] = set()
    matched = []
    for value in sorted(set(likeness[couple] for couple in couples), reverse=True):
        left = [couple for couple in couples if likeness[couple] == value and not taken & set(couple)]
        while left:
            n_left = Counter(voice for couple in left for voice in couple)
            best = min(left, key=lambda couple: min(n_left[voice] for voice in couple))
            matched.append(best)
            taken |= set(best)
            left = [couple for couple in left if not taken & set(couple)]
    return matched


def _some_voices(material: Material, contrast: str, voice_of: Mapping[int, str], *, seed: int) -> set[str]:
    """At most `MAX_VOICES` voices of each group, drawn."""
    groups, by_group = material.groups(contrast), dict[str, dict[str, None]]()
    for entry in itertools.chain.from_iterable(material.statements_of(contrast).values()):
        by_group.setdefault(str(groups[id(entry)]), {})[voice_of[id(entry)]] = None
    return {
        voice
        for group, voices in by_group.items()
        for voice in _some(list(voices), MAX_VOICES, seed, "voices", contrast, group)
    }


def _voice_of(entry: Entry, contrast: str) -> str:
    """Who a row is: its speaker, in a manner of speaking where one speaker can have both sides."""
    return f"{entry.speaker or entry.id} as {group_of(entry, contrast)}" if contrast in MANNERS else str(entry.speaker)


def _in_turn(pairs: Sequence[tuple[Entry, Entry]], seed: int, *names: str) -> Iterator[tuple[Entry, Entry]]:
    """What a couple says, one pair of rows a statement, in a drawn order; worked out when the couple's turn comes."""
    by_statement = {normal(one.text): (one, other) for one, other in pairs}
    order = rng_of(seed, "statements of a couple", *names).permutation(len(by_statement))
    said = list(by_statement.values())
    yield from (said[place] for place in order)


@dataclass(frozen=True)
class _Others:
    """Every row of the statements, in order, with what it says and what kind of row it is.

    Rows of one kind are alike in split, speaker and groups, so that how like they are to another row is worked out once.
    """

    entries: list[Entry]
    text_ids: NDArray[np.int64]
    kind: NDArray[np.int64]
    kinds: list[tuple[object, ...]]
    texts: dict[str, int]

    @classmethod
    def of(cls, statements: Mapping[str, list[Entry]], *, groups: Sequence[Mapping[int, str | None]]) -> _Others:
        entries = [entry for said in statements.values() for entry in said]
        texts = {text: place for place, text in enumerate(statements)}
        numbers: dict[tuple[object, ...], int] = {}
        places = [numbers.setdefault(_kind_of(entry, groups), len(numbers)) for entry in entries]
        text_ids = [texts[text] for text, own in statements.items() for _ in own]
        return cls(entries, np.array(text_ids, dtype=np.int64), np.array(places, dtype=np.int64), list(numbers), texts)

    def likest(self, one: Entry, *, text: str) -> NDArray[np.int64]:
        """Places of rows of other statements than `text` that are likest to a row: of one split, of another voice, of like groups."""
        groups = [group_of(one, contrast) for contrast in SUBTASKS]
        split, speaker = one.value("split"), one.speaker
        likeness = np.array(
            [4 * (kind[0] == split) + 2 * (kind[1] != speaker) + (list(kind[2:]) == groups) for kind in self.kinds]
        )
        here = np.where(self.text_ids == self.texts[text], -1, likeness[self.kind])
        return np.flatnonzero(here == here.max())


def _kind_of(entry: Entry, groups: Sequence[Mapping[int, str | None]]) -> tuple[object, ...]:
    """Split, speaker and groups of a row; `groups` has the group of every row, by contrast."""
    return (entry.value("split"), entry.speaker, *[of_row[id(entry)] for of_row in groups])


def _reasons(material: Material, scenario: str, *, n_each: int, seed: int) -> list[Pair]:
    """At most `n_each` pairs of two who say different things: of one split, of different voices and like groups where there
    are such."""
    statements, others = material.statements, material.others
    texts = _some(list(statements), n_each, seed, REASON, scenario)
    found = []
    for text in texts if len(statements) > 1 else ():
        rng = rng_of(seed, "reasons", scenario, text)
        one = statements[text][int(rng.integers(len(statements[text])))]
        best = others.likest(one, text=text)
        other = others.entries[best[int(rng.integers(len(best)))]]
        found.append(Pair(contrast=REASON, scenario=scenario, a=Voice(entry=one), b=Voice(entry=other)))
    return found


def _may_meet(a: Entry, b: Entry, contrast: str) -> bool:
    """Whether two rows differ in the speaker where they must, and races are compared within one language."""
    if contrast == "race" and a.language != b.language:
        return False
    return contrast in MANNERS or a.speaker != b.speaker


def _alikeness(a: Entry, b: Entry, contrast: str, *, but: Sequence[str] = ()) -> int:
    """In how many of the other contrasts two rows are alike; one speaker counts too where it may be one."""
    same = sum(group_of(a, other) == group_of(b, other) for other in SUBTASKS if other not in (contrast, *but))
    return same + (len(SUBTASKS) if contrast in MANNERS and a.speaker and a.speaker == b.speaker else 0)


def _made(statements: Mapping[str, list[Entry]], *, contrast: str, scenario: str, n_each: int, seed: int) -> list[Pair]:
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
