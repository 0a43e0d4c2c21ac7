"""Pairs of recordings by the ratios of a voice verifier: is it one speaker?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from earnest.audio import Entry, Manifest, Stimulus
from earnest.metrics.detection import cllr_bits, min_dcf
from earnest.models.access import Answer, Hears
from earnest.records import Item, JournalLine, Outcome
from earnest.results import Measure
from earnest.results.detection import accuracy_at_equal_error, cost, equal_error, trials
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import facts, number_given, rng_of, same_split, split_of, whole_s

P_TARGETS = (0.01, 0.05)
"""Priors of the same speaker at which the detection cost is told, as in the evaluations of NIST and VoxCeleb."""
Pair = tuple[Entry, Entry, bool]


@tasks.register("speaker_verification")
@dataclass(frozen=True, kw_only=True)
class SpeakerVerification(Task):
    """How well a verifier tells whether two recordings are of one speaker.

    Where the data brings trials (the lists of VoxCeleb, `1 path1 path2` a line), these are asked as they are; elsewhere
    pairs are drawn: as many of one speaker as of two, the two of one gender where the data allows. The headline is 1 less
    the equal error rate; beside it stand the rate, the normalised detection cost at the best threshold with priors of
    0.01 and 0.05 and equal costs, and the cost of calibrated ratios in bits. Trials of one enrolled speaker are resampled
    together.

    Parameters
    ----------
    n_pairs : int
        Pairs that are drawn where the data brings no trials.
    """

    pillar: ClassVar[str] = "authentication"
    title: ClassVar[str] = "Does the verifier tell whether two recordings are of one speaker?"
    source: ClassVar[str] = "nagrani2017-voxceleb"
    headline: ClassVar[str] = "accuracy_at_equal_error"
    baseline: ClassVar[float | None] = 0.5
    needs: ClassVar[Hears] = "voice"
    takes: ClassVar[Literal["words", "value", "comparison"]] = "comparison"
    requires: ClassVar[Requirement] = Requirement(columns=("speaker",))
    reads: ClassVar[tuple[str, ...]] = ("trials", "trial_id", "gender")
    design: ClassVar[str] = "two speakers at least, one of them with two recordings"
    single_clip: ClassVar[bool] = False

    n_pairs: int = 400

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        pairs = _listed(rows) or _drawn(rows, self.n_pairs, rng_of(seed, self.name, "pairs"))
        if len({same for _, _, same in pairs}) < 2:
            return []
        return [self._item(first, second, same) for first, second, same in pairs]

    def _item(self, first: Entry, second: Entry, same: bool) -> Item:
        def load() -> Stimulus:
            return Stimulus(clips={"enrolment": first.clip(), "attempt": second.clip()}, prompt="", held="attempt")

        return Item(
            id=f"{self.name}/{first.id}/{second.id}",
            task=self.name,
            sample=f"{first.id} {second.id}",
            load=load,
            truth={**facts(second), **split_of(first, second), "label": "target" if same else "nontarget",
                   "expected": "target" if same else "nontarget", "enrolled": first.speaker or ""},
            cluster=first.speaker or first.id,
            prompt="",
            duration_s=whole_s(first, second),
            audible="speech",
        )  # fmt: skip  # the truth is a table

    def score(self, item: Item, answer: Answer) -> Outcome:
        return number_given(answer)

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return ("the owner" if truth["expected"] == "target" else "others",)

    def stratum(self, item: Item) -> str:
        return str(item.truth["expected"])

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        whole = trials(lines, _is_target)
        error = equal_error(whole, metric="equal_error_rate")
        scored = [line for line in lines if line.verdict]
        found = [accuracy_at_equal_error(error), error]
        found += [
            cost(
                whole,
                partial(min_dcf, p_spoof=1 - p_target, c_miss=1, c_fa=1),
                metric="min_dcf",
                most=1.0,
                level=p_target,
                note=f"one trial in {1 / p_target:g} is of the enrolled speaker, both errors cost the same; at the best threshold",
            )
            for p_target in P_TARGETS
        ]
        if scored and all(line.verdict["facts"].get("calibrated") for line in scored):  # type: ignore[index]
            found.append(cost(whole, cllr_bits, metric="cllr", unit="bits", note="cost of the ratios as they are"))
        return found


def _is_target(line: JournalLine) -> bool:
    return bool(line.truth["expected"] == "target")


def _listed(rows: Sequence[Entry]) -> list[Pair]:
    """The trials that the data brings; those whose second recording is not there are left out (the reader says how many)."""
    by_name = {entry.attributes.get("trial_id", entry.id): entry for entry in rows}
    return [
        (first, by_name[name], same == "1")
        for first in rows
        for same, _, name in (line.partition(" ") for line in first.attributes.get("trials", "").splitlines())
        if name in by_name
    ]


def _drawn(rows: Sequence[Entry], n: int, rng: np.random.Generator) -> list[Pair]:
    """Pairs of one speaker and of two, as many of each as the data allows, up to n together; none twice."""
    by_speaker: dict[str, list[Entry]] = {}
    for entry in rows:
        by_speaker.setdefault(entry.speaker or "", []).append(entry)
    own = [
        (a, b, True)
        for some in by_speaker.values()
        for place, a in enumerate(some)
        for b in some[place + 1 :]
        if same_split(a, b)
    ]
    same = [own[place] for place in rng.permutation(len(own))[: n // 2]]
    others: dict[tuple[str, str], Pair] = {}
    for _ in range(20 * n):
        if len(others) >= len(same) or len(by_speaker) < 2:
            break
        first = rows[int(rng.integers(len(rows)))]
        strangers = [entry for entry in rows if entry.speaker != first.speaker and same_split(entry, first)]
        pool = [entry for entry in strangers if entry.gender == first.gender] or strangers
        if not pool:
            continue
        second = pool[int(rng.integers(len(pool)))]
        if (second.id, first.id) not in others:
            others.setdefault((first.id, second.id), (first, second, False))
    return [*same, *others.values()]
