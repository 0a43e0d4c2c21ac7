"""When something is said in minutes of speech."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.metrics.sentences import plain, without_quotations
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Unscored, Verdict
from earnest.results import Measure, by_group, curve, mean, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import tasks
from earnest.tasks._figures import in_figures
from earnest.tasks._items import unanswered
from earnest.tasks._words import fact
from earnest.tasks.robustness._long import Needle, NeedleTask, place_of

OPTION_STEP_S = 10.0
"""Scripted models that guess are offered the times of this step; nobody else is."""

_FEET = re.compile(r"(?<![\d:.])(\d{1,3}) ?' ?(\d{1,2})(?:([.,])(\d+))? ?(?:\"|''|(?!\w))")
_AMOUNT = r"(\d+(?:[.,]\d+)?|(?<!\w)\.\d+)"
_MINUTE = r"(?:minutes?|mins?|minuten?|minutos?|min|m|分钟|分)(?![a-zß-ÿ])\.?"
_SECOND = r"(?:seconds?|secs?|sekunden?|segundos?|secondes?|sek|seg|s|秒钟|秒)(?![a-zß-ÿ])\.?"
_TIME = re.compile(
    rf"(?<![\d:.])(?:(?P<hours>\d{{1,2}}):)?(?P<minutes>\d{{1,3}}):(?P<seconds>\d{{1,2}}(?:[.,]\d+)?)(?![\d:])"
    rf"|{_AMOUNT}[ -]?{_MINUTE}(?:,? ?(?:and |und |y |et |零)?{_AMOUNT}(?:[ -]?{_SECOND}|(?=\s*(?:$|[.,;)]))))?"
    rf"|{_AMOUNT}[ -]?{_SECOND}"
)
_END = re.compile(
    r"\b(?:ends?|ended|ending|until|till|finish\w*|stops?|stopping|concludes?|bis|hasta|termina|endet|jusqu'à"
    r"|bis zu)(?: (?:it|at|around|about|approximately|roughly|by|um|bei|at the))*\s*$"
)
_LENGTH_BEFORE = re.compile(
    r"\b(?:lasts?|lasting|for|duration|length|long|runs|total|totals|totalling|within|out of|of)(?: (?:is|of|the|a"
    r"|this|about|approximately|around|only|first|whole|full|total|length|duration|all))*:?\s*$|/ ?$"
)
_LENGTH_AFTER = re.compile(
    r"^[ -]?(?:long\b|in (?:total|length|duration)\b|of (?:audio|speech|recording)|(?:long )?(?:recording|clip"
    r"|audio|file|note|lang\b|de duración))"
)
_RANGE = re.compile(r"\s*(?:-|->|→|to|and|until|through|bis|till|a|à|y|至|到|~)(?: (?:at|about|around))?\s*")
_BEGINS = re.compile(
    r"\b(?:begins?|began|starts?|started|starting|beginning|beginnt|comienza|empieza|commence"
    r"|occurs?)\b[^.,;]{0,40}$"
)
_OTHER_BEGIN = re.compile(
    r"\b(?:recording|speaker|audio|clip|file|music|conversation|talk|speech)\b[^.,;]{0,20}\b(?:begins?"
    r"|starts?)\b[^.,;]{0,20}$"
)
SAME_TIME_S = 1.0


@tasks.register("long_localisation")
@dataclass(frozen=True, kw_only=True)
class LongLocalisation(NeedleTask):
    """Whether the model can tell when something is said in one, two and five minutes of speech.

    The recordings are those of `long_comprehension`: a note stands once at a known time among other speech. The model
    is asked when that sentence begins. The headline is the share of answers within 10 s of it; beside it stand the mean
    error in seconds, the share that name the right third, and both over length and place. An answer without a time
    scores 0, be it a refusal or "it is not said"; several times that disagree are unparsed.

    Chance is the better of two who hear nothing: one names any time of the recording, all alike likely, the other
    always its middle.

    Parameters
    ----------
    tolerance_s : float
        How far off a right answer may be.
    """

    title: ClassVar[str] = "Does it know when something is said?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "within_tolerance"

    tolerance_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.tolerance_s < min(self.lengths_s) / 2:
            raise BadParameter(
                f"tolerance_s must be above 0 and under half the shortest length, got {self.tolerance_s!r}; 10 is usual"
            )

    def question(self, needle: Needle) -> dict[str, Any]:
        field, length_s = needle.note.attributes["field"], needle.passage.duration_s
        times = [clock(OPTION_STEP_S * n) for n in range(int(length_s / OPTION_STEP_S))]
        known = {"options": times, "expected": clock(needle.start_s)}
        place = {"field": field, "start_s": needle.start_s, "place": needle.place, "tolerance_s": self.tolerance_s}
        return {
            "prompt": prompts.needle_time(field),
            "truth": {**place, **known},
            "seen": {**known, "secret": clock(needle.start_s)},
        }

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

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        tolerance = next((f"{line.truth['tolerance_s']:g} s" for line in lines), "")
        headline = rate(lines, metric=self.headline, headline=True, note=f"tolerance {tolerance}" if tolerance else "")
        return [
            replace(headline, baseline=chance(lines)),
            rate(
                lines,
                metric="third_right",
                success=lambda line: fact(line, "third_right", unanswered=False),
                baseline=1 / 3,
            ),
            mean(
                lines,
                metric="time_error",
                value=lambda line: fact(line, "error_s"),
                unit="s",
                higher_is_better=False,
                note="of the answers that name a time",
            ),
            *curve(lines, metric="within_tolerance_by_length", level=lambda line: float(line.truth["length_s"])),
            *by_group(lines, metric="within_tolerance_by_place", group=lambda line: str(line.truth["place"]), min_n=0),
        ]


def times_s(text: str) -> list[float]:
    """The times at which an answer lets something begin, in seconds, each once: `1:05`, `1 minute 5 seconds`, `65`.

    Of a beginning and an end the beginning is taken; lengths, and what is quoted, are left out. A bare number is in
    seconds, but one that may be minutes and seconds (`1.05`) is no time.

    >>> times_s("It begins at 1:05."), times_s("after one minute and five seconds"), times_s("Never.")
    ([65.0], [65.0], [])
    >>> times_s("The note is 5 minutes long; from 0:40 to 0:45")
    [40.0]
    """
    said = _FEET.sub(lambda m: f"{m[1]}:{m[2]:0>2}" + (f".{m[4]}" if m[4] else ""), plain(text))
    said = in_figures(_spelt_halves(without_quotations(said)))
    bare = re.fullmatch(r"(?:at|about|around|approximately|~|t ?=)? ?(\d+(?:\.\d+)?)[ .]*", said)
    if bare:
        return [] if re.fullmatch(r"\d\.[0-5]\d", bare[1]) else [float(bare[1])]
    found = list(_TIME.finditer(said))
    kept = [time for time in found if not _is_length_or_end(time, said)]
    begins = [
        time for time in kept if _BEGINS.search(said[: time.start()]) and not _OTHER_BEGIN.search(said[: time.start()])
    ]
    return _distinct(
        [value for time in (begins if len(begins) == 1 else kept) if (value := _in_seconds(time)) is not None]
    )


_SHARES: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("half", "medio", "media", "demi", "demie", "halbe"), 0.5),
        **dict.fromkeys(("quarter", "cuarto", "quart", "viertel"), 0.25),
        **dict.fromkeys(("quarters", "cuartos", "quarts"), 0.75),
    }
)
_SHARE = rf"(?:(?:an?|1|3|una?|une|eine)[ -])?(?P<share>{'|'.join(sorted(_SHARES, key=len, reverse=True))})"
_MINUTE_AND_SHARE = re.compile(
    rf"\b(?:(?P<n>\d+)|an?|une?|una|eine)?[ -]?minut(?:es?|en|os?)[ -](?:and|y|et|und)[ -]{_SHARE}\b"
    rf"|\b(?P<m>\d+) (?:and|y|et|und) {_SHARE.replace('share', 'part')} minut(?:es?|en|os?)\b"
)
_SHARE_OF_MINUTE = re.compile(rf"\b{_SHARE} (?:of (?:an? )?|d'une |de )minut[eo]\b")
_HALF_MINUTE = re.compile(
    r"\b(?:medio minuto|(?:une )?demi[- ]minute|(?:einer "
    r"|eine )?halben? minute|half of a minute)\b|半分钟?|半分鐘"
)
_SO_MANY_AND_A_HALF = re.compile(r"\b(?P<n>ein|andert|zwei|drei|vier|fünf)(?:ein)?halb(?= minut)")
_AND_A_HALF: Mapping[str, str] = MappingProxyType(
    {"ein": "1.5", "andert": "1.5", "zwei": "2.5", "drei": "3.5", "vier": "4.5", "fünf": "5.5"}
)
_ASKS_FOR_TIME = re.compile(
    r"\b(?:just|give me|wait|hold on(?: for)?|one|please),? (?:an? )?(?:minute|second|moment)\b(?=\s*(?:$|[.,;!?]|"
    r" please))"
)


def _share_in_seconds(match: re.Match[str]) -> str:
    n, share = match["n"] or match["m"] or 1, match["share"] or match["part"]
    part = 0.75 if share.startswith("quarter") and re.search(rf"\b3[ -]{share}", match[0]) else _SHARES[share]
    return f"{60 * (int(n) + part):g} seconds"


def _spelt_halves(text: str) -> str:
    """Halves and quarters of minutes in seconds: "a minute and a half" is 90."""
    text = _ASKS_FOR_TIME.sub(" ", _HALF_MINUTE.sub("30 seconds", text))
    text = _SO_MANY_AND_A_HALF.sub(lambda match: _AND_A_HALF[match["n"]], text)
    text = re.sub(r"(\d+)分(?:钟|鐘)?半", lambda match: f"{60 * int(match[1]) + 30} seconds", in_figures(text))
    text = _MINUTE_AND_SHARE.sub(_share_in_seconds, text)
    text = _SHARE_OF_MINUTE.sub(lambda match: f"{60 * _SHARES[match['share']]:g} seconds", text)
    text = re.sub(r"\b(\w+) and a half minutes?\b", r"\1.5 minutes", in_figures(text))
    text = re.sub(r"\b(?:half a|a half) minute\b", "30 seconds", text)
    text = re.sub(r"\b(?:an?|einer?|une?|una) (?=minut|second|sekund|segund)", "1 ", text)
    text = re.sub(
        rf"(?<![\d:.]){_AMOUNT} ?(?:-|to|and|bis|a|à|y) ?{_AMOUNT}(?= ?(?P<unit>{_SECOND}|{_MINUTE}))",
        r"\1 \g<unit> to \2",
        text,
    )
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th) (second|minute)\b", r"\1 \2s", text)
    text = re.sub(r"\bminute (\d{1,3}),? (?:and )?second (\d{1,2})\b", r"\1:\2", text)
    text = re.sub(r"\b(?:second|sekunde|segundo|seconde) (\d+(?:\.\d+)?)\b(?! ?(?:s\b|sec))", r"\1 s", text)
    return re.sub(r"\bminute (?=\d{1,3}:)", "", text)


def _is_length_or_end(time: re.Match[str], text: str) -> bool:
    """Whether a time says how long something is, or when it ends: by its words, or as the second one of a range."""
    before, after = text[: time.start()], text[time.end() :]
    if _END.search(before) or _LENGTH_BEFORE.search(before) or _LENGTH_AFTER.match(after):
        return True
    previous = [other.end() for other in _TIME.finditer(before + " ") if other.end() <= len(before)]
    half = re.search(r"\d+\s*$", before[:-1] if before.endswith("-") else "")
    return bool(previous and _RANGE.fullmatch(before[previous[-1] :])) or bool(half and before.endswith("-"))


def _in_seconds(time: re.Match[str]) -> float | None:
    """A time in seconds; None where it is none, as 1:75, or may be minutes, seconds and frames, as 1:05:00."""
    if time["minutes"] is not None:
        seconds = float(time["seconds"].replace(",", "."))
        hours = int(time["hours"] or 0)
        if seconds >= 60 or (hours and not seconds):
            return None
        return 3600.0 * hours + 60.0 * int(time["minutes"]) + seconds
    minutes, rest, alone = (float(part.replace(",", ".")) if part else 0.0 for part in time.groups()[3:])
    return round(60.0 * minutes + rest + alone, 6)


def _distinct(values: Sequence[float]) -> list[float]:
    """The values without those that only say an earlier one again, more or less exactly."""
    found: list[float] = []
    for value in values:
        if not any(abs(value - other) < SAME_TIME_S for other in found):
            found.append(value)
    return found


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
