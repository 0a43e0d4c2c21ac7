"""When something is said in minutes of speech."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from earnest.audio import Manifest
from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Unscored, Verdict
from earnest.results import Measure, by_group, curve, mean, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import unanswered
from earnest.tasks._parsing import TENS, UNITS, numbers, plain
from earnest.tasks._words import fact
from earnest.tasks.robustness._long import LENGTHS_S, Needle, checked_lengths, long_item, needles, place_of

OPTION_STEP_S = 10.0
"""Scripted models that guess are offered the times of this step; nobody else is."""

_IN_WORDS = re.compile(rf"\b(?:(?:{'|'.join({**UNITS, **TENS})})[ -]?\b)+")
_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)(?![\d:])")
_AMOUNT = r"(\d+(?:\.\d+)?)[ -]?"
_MINUTES = re.compile(rf"{_AMOUNT}(?:minutes?|mins?|m)\b")
_SECONDS = re.compile(rf"{_AMOUNT}(?:seconds?|secs?|s)\b")


@tasks.register("long_localisation")
@dataclass(frozen=True, kw_only=True)
class LongLocalisation(Task):
    """Whether the model can tell when something is said in one, two and five minutes of speech.

    The recordings are those of `long_comprehension`: a note stands once at a known time among other speech. The model
    is asked when that sentence begins. The headline is the share of answers within 10 s of it; beside it stand the mean
    error in seconds, the share that name the right third, and both over length and place. An answer without a time
    scores 0, be it a refusal or "it is not said"; several times that disagree are unparsed.

    Chance is the better of two who hear nothing: one names any time of the recording, all alike likely, the other
    always its middle.

    Parameters
    ----------
    lengths_s : sequence of float
        Lengths of the recordings in seconds, 10 to 3600.
    n_each : int
        Recordings of each length with the note in each third; they share recordings of other speech.
    tolerance_s : float
        How far off a right answer may be.
    """

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Does it know when something is said?"
    source: ClassVar[str] = "li2025-audiotrust"
    headline: ClassVar[str] = "within_tolerance"
    requires: ClassVar[Requirement] = Requirement(not_labels=("harmful", "spoof"))
    design: ClassVar[str] = "recording of 1 to 40 s that is known to be speech"
    reads: ClassVar[tuple[str, ...]] = ("text", "speaker", "language")

    lengths_s: Sequence[float] = LENGTHS_S
    n_each: int = 3
    tolerance_s: float = 10.0

    def __post_init__(self) -> None:
        checked_lengths(self.name, self.lengths_s)
        if not 0 < self.tolerance_s < min(self.lengths_s) / 2:
            raise BadParameter(
                f"tolerance_s must be above 0 and under half the shortest length, got {self.tolerance_s!r}; 10 is usual"
            )

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        return [self._item(needle) for needle in needles(data, lengths_s=self.lengths_s, n_each=self.n_each, seed=seed)]

    def _item(self, needle: Needle) -> Item:
        field, length_s = needle.note.attributes["field"], needle.passage.duration_s
        times = [clock(OPTION_STEP_S * n) for n in range(int(length_s / OPTION_STEP_S))]
        return long_item(
            self.name, needle.sample, needle.passage, prompt=prompts.needle_time(field),
            truth={
                "field": field, "start_s": needle.start_s, "place": needle.place, "tolerance_s": self.tolerance_s,
                "options": times, "expected": clock(needle.start_s),
            },
            seen={"options": times, "secret": clock(needle.start_s), "expected": clock(needle.start_s)},
        )  # fmt: skip

    def score(self, item: Item, answer: Answer) -> Outcome:
        missing = unanswered(item, answer)
        if missing is not None:
            return missing
        times = times_s(answer.said)
        if not times:
            label = "refusal" if refusal_label(answer.said) == "refusal" else "no_time"
            return Verdict(score=0.0, label=label, facts={"third_right": False})
        if len(times) > 1:
            return Unscored(reason="unparsed", detail=f"several times: {', '.join(map(clock, times))}")
        return _judged(times[0], item)

    def stratum(self, item: Item) -> str:
        return f"{item.truth['length_s']:g} {item.truth['place']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        tolerance = next((f"{line.truth['tolerance_s']:g} s" for line in lines), "")
        headline = rate(lines, metric=self.headline, headline=True, note=f"tolerance {tolerance}" if tolerance else "")
        return [
            replace(headline, baseline=chance(lines)),
            rate(lines, metric="third_right", success=lambda line: fact(line, "third_right", unanswered=False), baseline=1 / 3),
            mean(
                lines, metric="time_error", value=lambda line: fact(line, "error_s"), unit="s", higher_is_better=False,
                note="of the answers that name a time",
            ),
            *curve(lines, metric="within_tolerance_by_length", level=lambda line: float(line.truth["length_s"])),
            *by_group(lines, metric="within_tolerance_by_place", group=lambda line: str(line.truth["place"]), min_n=0),
        ]  # fmt: skip


def times_s(text: str) -> list[float]:
    """The times that an answer names, in seconds, each once: `1:05`, `1 minute 5 seconds`, `65 seconds`, `65`.

    >>> times_s("It begins at 1:05."), times_s("after one minute and five seconds"), times_s("Never.")
    ([65.0], [65.0], [])
    """
    said = _IN_WORDS.sub(lambda found: " ".join([*numbers(found[0]), ""]), plain(text))
    clocks = [3600.0 * int(h or 0) + 60.0 * int(m) + float(s) for h, m, s in _CLOCK.findall(said)]
    if clocks:
        return list(dict.fromkeys(clocks))
    minutes, seconds = _MINUTES.findall(said), _SECONDS.findall(said)
    if len(minutes) <= 1 and len(seconds) <= 1 and (minutes or seconds):
        return [60.0 * float(minutes[0] if minutes else 0) + float(seconds[0] if seconds else 0)]
    if seconds:
        return list(dict.fromkeys(float(number) for number in seconds))
    bare = re.fullmatch(r"(\d+(?:\.\d+)?)[ .]*", said)
    return [float(bare[1])] if bare else []


def clock(time_s: float) -> str:
    """Minutes and seconds, rounded to the second: `1:05`."""
    minutes, seconds = divmod(round(time_s), 60)
    return f"{minutes}:{seconds:02d}"


def chance(lines: Sequence[JournalLine]) -> float | None:
    """What the better of two guesses would reach: any time of the recording, or always its middle."""
    truths = [line.truth for line in lines if line.kind == "item"]
    if not truths:
        return None
    anywhere = [
        (min(t["length_s"], t["start_s"] + t["tolerance_s"]) - max(0.0, t["start_s"] - t["tolerance_s"]))
        / t["length_s"]
        for t in truths
    ]
    middle = [abs(t["start_s"] - t["length_s"] / 2) <= t["tolerance_s"] for t in truths]
    return max(sum(anywhere), sum(middle)) / len(truths)


def _judged(time_s: float, item: Item) -> Verdict:
    error_s = abs(time_s - item.truth["start_s"])
    right = error_s <= item.truth["tolerance_s"]
    third = place_of(time_s, length_s=item.truth["length_s"]) == item.truth["place"]
    return Verdict(
        score=float(right),
        label="right" if right else "wrong_time",
        facts={"time_s": time_s, "error_s": round(error_s, 3), "third_right": third},
    )
