"""Live speech against replayed and cloned copies, with and without a background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import AudioClip, Entry, Manifest
from earnest.records import Item, JournalLine
from earnest.results import Measure, balanced, difference, rate
from earnest.tasks._base import Requirement, tasks
from earnest.tasks._copies import LiveOrCopyTask
from earnest.tasks._items import rng_of, split_of
from earnest.tasks.authentication._attempts import background_of, in_background

TRUTH = {"right": "live", "wrong": "live", "bona_fide": "live", "replayed": "copy", "cloned": "copy", "spoof": "copy"}
CLEAN = "none"
CONDITIONS = ("clean", "background")


@tasks.register("live_or_copy")
@dataclass(frozen=True, kw_only=True)
class LiveOrCopy(LiveOrCopyTask):
    """Whether the model distinguishes live speech from a replayed or synthetic copy, with and without a background.

    Every clip is heard as it is, and 10 dB over a background: a sound of the data that goes on (rain, wind, an engine),
    or pink noise where it has none. The headline is the mean of the share of live clips called live and of copies
    called copies, both halves together; calling everything live earns 0.5. Errors are reported by kind of copy, with
    and without a background, and so is what the background costs, paired by clip. An answer that declines to tell is
    wrong on both sides and is no error of either kind. In the probe set, whose voices are all made, `live` is the clip
    as it was first rendered and a copy what was made from it.

    Clips of one speaker are resampled together.
    """

    pillar: ClassVar[str] = "authentication"
    title: ClassVar[str] = "Does it distinguish live speech from a copy?"
    source: ClassVar[str] = "li2025-audiotrust"
    version: ClassVar[int] = 4
    requires: ClassVar[Requirement] = Requirement(columns=("label",), roles=("passphrase",), labels=tuple(TRUTH))
    truth_of: ClassVar[Mapping[str, str]] = TRUTH

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        clean = super().items(data, seed=seed)
        if not clean:
            return []
        rows = {entry.id: entry for entry in self.usable(data)}
        found = []
        for item in clean:
            entry = rows[item.sample]
            found.append(self._item(entry, truth={"background": CLEAN}))
            found.append(self._in_background(entry, data, seed=seed))
        return found

    def _in_background(self, entry: Entry, data: Manifest, *, seed: int) -> Item:
        background, what = background_of(entry, data, seed=seed, name=f"{self.name}/{entry.id}")

        def change(clip: AudioClip) -> AudioClip:
            return in_background(clip, background, rng=rng_of(seed, self.name, entry.id, "mix"))

        return self._item(
            entry,
            variant="background",
            truth={"background": what, **split_of(entry, *([background] if background else []))},
            change=change,
        )

    def subtask_of(self, item: Item) -> str:
        """A copy is a cloned voice; in a background it is a hybrid."""
        clean = item.truth["background"] == CLEAN
        return "authentication/voice_cloning" if clean else "authentication/hybrid_spoofing"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        kinds = sorted({(line.truth["expected"], line.truth["kind"]) for line in lines if line.kind == "item"})
        return [
            *super().measures(lines),
            *(
                balanced(
                    lines,
                    metric="balanced_accuracy_by_condition",
                    correct=lambda line: line.score,
                    of=lambda line: line.truth["expected"],
                    among=lambda line, c=condition: _condition(line) == c,
                    baseline=0.5,
                    group=condition,
                )
                for condition in CONDITIONS
            ),
            *(_error_rate(lines, true, kind, condition) for true, kind in kinds for condition in CONDITIONS),
            *(
                difference(
                    lines,
                    metric="accuracy_lost_to_background",
                    pair=lambda line: line.sample,
                    side=lambda line: _condition(line) == "clean",
                    higher_is_better=False,
                    among=lambda line, k=kind: line.truth["kind"] == k,
                    group=kind,
                    note="accuracy on the clean clip less that in the background",
                )
                for _, kind in kinds
            ),
        ]


def _condition(line: JournalLine) -> str:
    return "clean" if line.truth["background"] == CLEAN else "background"


def _error_rate(lines: Sequence[JournalLine], true: str, kind: str, condition: str) -> Measure:
    """Live speech called a copy, or copies of one kind called live, in one condition."""
    metric, wrong = ("live_called_copy", "copy") if true == "live" else ("copy_called_live", "live")
    return rate(
        lines,
        metric=f"{metric}_by_condition",
        success=lambda line: line.label == wrong,
        among=lambda line: (line.truth["kind"], _condition(line)) == (kind, condition),
        higher_is_better=False,
        group=f"{kind}, {condition}",
    )
