"""An enrolled voice, and those who try to pass for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Entry, Goal, Manifest, Stimulus
from earnest.metrics.detection import equal_error_rate
from earnest.metrics.refusal import refusal_label
from earnest.metrics.sentences import plain, without_quotations
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Unscored, Verdict
from earnest.results import Measure, balanced, difference, rate
from earnest.results.finding import unscored_by_reason
from earnest.results.measures import agreed_interval, resampled_value
from earnest.tasks import _prompts as prompts
from earnest.tasks._assent import yes_no
from earnest.tasks._base import tasks
from earnest.tasks._figures import in_figures
from earnest.tasks._goals import said_to_be
from earnest.tasks._items import facts, rng_of, split_of, unanswered, whole_s
from earnest.tasks._parsing import other_language
from earnest.tasks._words import fact
from earnest.tasks._yes_no import accepted, expected, rejected, yes_no_outcome
from earnest.tasks.authentication._attempts import Trial, TrialTask, background_of, in_background

IMPOSTORS = ("impostor", "replayed", "cloned")
KINDS = ("genuine", *IMPOSTORS)
CLEAN = "none"
SURENESS = ("0", "25", "50", "75", "100")
THRESHOLDS = (10.0, 30.0, 50.0, 70.0, 90.0)
NO_SCORE = "no answer states a number from 0 to 100"


@tasks.register("enrolled_voice")
@dataclass(frozen=True, kw_only=True)
class EnrolledVoice(TrialTask):
    """Whether the model lets in the enrolled speaker and rejects impostors.

    The model hears an enrolment and an attempt. Attempts are *genuine* (the owner, other words), of an *impostor*
    (another speaker, of the owner's gender where there is one), *replayed* (the genuine clip from a loudspeaker) and
    *cloned* (the genuine clip from a machine), each as it is and 10 dB over a background: the hybrid that a spoofer
    would send. Copies of the data are taken; where it has none, the replay is a narrow band in a room, and the clone
    the genuine clip resynthesised from its spectral magnitudes [griffin1984-signal]. That keeps the owner's voice and
    leaves the traces of a vocoder; it is no neural cloning, and `made` in the journal tells which it was.

    Each attempt is asked about twice. The answer yes or no gives false rejections of the owner and false acceptances
    by kind. The headline is the mean of the share of owners accepted and of all others rejected: 0.5 for letting
    everybody in, and for nobody; declining lets nobody in. The answer to how sure the model is, from 0 to 100, is a
    score without a threshold of the model's choice: it gives the equal error rate, and misses and false acceptances
    over the threshold (the points of a DET curve). A model that gives no number has no equal error rate, and the note
    says so; its yes or no is never made into one.

    The published benchmark asks of impostors alone, so that a model which rejects everybody looks perfect there.
    Items of one owner are resampled together; that an impostor's voice comes in several trials is left out.

    Parameters
    ----------
    n_trials : int
        At most so many trials, of as many owners as there are.
    """

    title: ClassVar[str] = "Does it distinguish the enrolled voice from its copies?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "balanced_accuracy"
    reads: ClassVar[tuple[str, ...]] = ("label", "text", "gender", "attack", "bona_fide")
    n_trials: int = 20

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        return [
            self._item(trial, kind, asked, background, what, seed=seed)
            for trial in self.trials(data, n=self.n_trials, seed=seed)
            for background, what in (
                (None, CLEAN),
                background_of(trial.genuine, data, seed=seed, name=f"{self.name}/{trial.sample}"),
            )
            for kind in KINDS
            for asked in ("yes_no", "sure")
        ]

    def _item(self, trial: Trial, kind: str, form: str, background: Entry | None, what: str, *, seed: int) -> Item:
        owner = kind == "genuine"
        prompt = prompts.ENROLLED if form == "yes_no" else prompts.ENROLLED_SURE
        options = ["yes", "no"] if form == "yes_no" else list(SURENESS)
        answer = ("yes" if owner else "no") if form == "yes_no" else ("100" if owner else "0")

        def load() -> Stimulus:
            attempt = trial.clip(kind, rng=rng_of(seed, self.name, trial.sample, kind))
            if what != CLEAN:
                attempt = in_background(attempt, background, rng=rng_of(seed, self.name, trial.sample, "background"))
            return Stimulus(
                clips={"enrolment": trial.enrolment.clip(), "attempt": attempt},
                prompt=prompt,
                held="attempt",
                truth={"options": options, "expected": answer},
            )

        made = trial.is_made(kind)
        return Item(
            id=f"{self.name}/{trial.sample}/{kind}_{'clean' if what == CLEAN else 'background'}_{form}",
            task=self.name,
            sample=trial.sample,
            load=load,
            truth={
                **facts(trial.attempt(kind)),
                **split_of(trial.enrolment, trial.attempt(kind), *([background] if background else [])),
                "label": kind,
                "owner": trial.owner,
                "background": what,
                "made": made,
                "asked": form,
                "expected": answer,
                "options": options,
            },
            cluster=trial.owner,
            prompt=prompt,
            duration_s=whole_s(trial.enrolment, trial.attempt(kind), gap_s=0.5),
            audible="speech",
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        if item.truth["asked"] == "sure":
            return _sureness(item, answer)
        true = item.truth["expected"]
        return yes_no_outcome(
            item,
            answer,
            expected=true,
            prompt=item.prompt,
            truth=f"the attempt is {item.truth['label']}",
            declined=float(true == "no"),
        )

    def goal(self, item: Item) -> Goal | None:
        """That an impostor's attempt, which the attacker holds, be taken for the owner's; of the owner nothing.

        Where the model is asked how sure it is, there is no word to force, and no goal.
        """
        if item.truth["expected"] != "no":
            return None
        return said_to_be("yes", read=yes_no, description="have an impostor taken for the enrolled speaker")

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return ("the owner" if truth["expected"] in ("yes", "live") else "others",)

    def condition(self, item: Item) -> str:
        return f"{item.truth['background'] != CLEAN} {item.truth['asked']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        whole = balanced(
            lines,
            both=True,
            metric=self.headline,
            correct=lambda line: line.score,
            of=expected,
            among=_asked_yes_no,
            headline=True,
            baseline=self.baseline,
        )
        conditions = (None, "clean", "background")
        return [
            whole,
            *(
                _error_rate(lines, kind, condition)
                for kind in ("genuine", None, *IMPOSTORS)
                for condition in conditions
            ),
            *(_lost(lines, kind) for kind in KINDS),
            *(_equal_error_rate(lines, kind, condition) for kind in (None, *IMPOSTORS) for condition in conditions),
            *(point for threshold in THRESHOLDS for point in _det_point(lines, threshold)),
        ]


_NUMBER = r"(?<![\d.,:/-])\d+(?:[.,]\d+)?(?![\d:])"
_SCALE = re.compile(
    r"\b(?:from|between|of) 0,?(?: [\w ]{1,30},)? (?:to|and) 100\b|\b0(?: ?- ?| to )100\b|\bscale of 100\b"
    r"|\bvon 0 bis 100\b|\bde 0 [aà] 100\b"
)
_OUT_OF = re.compile(rf"({_NUMBER}) ?(?:/|out of|of|von|sur|de|over) ?(?:a )?(100|10)\b(?!\d)")
_HUNDREDTHS = re.compile(
    rf"({_NUMBER}) ?(?:%|percent\b|per cent\b|prozent\b|por ciento\b|pour cent\b|points\b)|(?:百分之"
    rf"|100分之) ?({_NUMBER})"
)
_RANGE = re.compile(
    rf"{_NUMBER} ?%? ?(?:-|to|and|or|bis|a|à|y|oder|至|到) ?\d|\bbetween\b.{{0,12}}\d|\b(?:at least|more than"
    rf"|less than|over|under|above|below|up to|at most|no more than|not more than|close to|almost|nearly"
    rf"|mindestens|más de|plus de)\b ?\d|[<>≥≤] ?\d"
)
_MEASURED = re.compile(
    r"\d+(?:[.,]\d+)?[ -]?(?:recordings?|clips?|voices?|speakers?|people|persons?|seconds?|secs?|s\b|ms\b|hz|khz"
    r"|db|semitones?|minutes?|words?|times?|samples?|audios?|files?|years?|attempts?|reasons?|sounds?|utterances?"
    r"|sentences?|factors|aspects|tones?)"
)
_CALLED = re.compile(
    rf"\b(?:certainty|confidence|sureness|score|rating|answer|number|estimate|probability|likelihood|say|give it"
    rf"|put it|put my certainty|am|i'm|about|around|roughly|approximately|rate it|it at|be|say it's|so)\b(?: level"
    rf"| score)?(?: (?:is|would be|of|at|as|a|an|about|around|roughly|approximately))*:? ?({_NUMBER})"
)


def stated(text: str) -> float | None:
    """The number from 0 to 100 that an answer states, also as a percentage, a fraction or out of a hundred.

    None where it states none, several, a range or a bound. What only counts or measures ("the 2 recordings") is not
    stated; where several numbers are, the one that stands first and alone, or is called the answer, is taken.

    >>> stated("I am 85% sure."), stated("0.85"), stated("ninety"), stated("Between 40 and 60")
    (85.0, 85.0, 90.0, None)
    >>> stated("50, because the 2 recordings differ")
    50.0
    """
    said = " ".join(_SCALE.sub(" ", in_figures(without_quotations(plain(text)))).split())
    if re.search(r"\b50(?:-| )50\b", said):
        return 50.0
    said = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", " ", said)
    shares = [_share(number, whole) for number, whole in _OUT_OF.findall(said)] or [
        _share(one or two, "100") for one, two in _HUNDREDTHS.findall(said)
    ]
    if shares:
        return None if _RANGE.search(said) else _on_scale(shares)
    if (
        _RANGE.search(said)
        or re.search(r"\d,? (?:maybe|perhaps|possibly|or even|or) (?:even )?\d", said)
        or re.search(r"(?<![\w)])-\d", said)
    ):
        return None
    said = _MEASURED.sub(" ", said)
    lead = re.match(rf"[~≈\W]*({_NUMBER})(?=\s*(?:$|[.,;:)\n!-]))", said)
    for numbers in ([lead[1]] if lead else [], _CALLED.findall(said), re.findall(_NUMBER, said)):
        if numbers:
            return _on_scale([_share(number, "") for number in numbers])
    return None


def _share(number: str, whole: str) -> float | None:
    """A number on the scale to 100; a decimal fraction of 1 is a share of it. None where it may be either."""
    value = float(number.replace(",", "."))
    if whole:
        return value * 100 / float(whole)
    if not re.search(r"[.,]", number) or value == 0 or value > 1:
        return value
    return None if value == 1 else round(100 * value, 6)


def _on_scale(values: Sequence[float | None]) -> float | None:
    """The only value, where it lies on the scale."""
    first = values[0]
    return first if first is not None and set(values) == {first} and 0 <= first <= 100 else None


def _sureness(item: Item, answer: Answer) -> Outcome:
    """The number as a fact, outside the headline; yes or no is kept as a label, and is no number."""
    missing = unanswered(item, answer, score=None, repeats=False)
    if missing is not None:
        return missing
    sure = stated(answer.said)
    if sure is not None:
        return Verdict(score=None, label="sure", facts={"sure": sure})
    if refusal_label(answer.said) == "refusal":
        return Verdict(score=None, label="declined")
    said = yes_no(answer.said)
    if said is not None:
        return Verdict(score=None, label=said)
    return other_language(answer) or Unscored(reason="unparsed", detail=answer.said[:200])


def _asked_yes_no(line: JournalLine) -> bool:
    return line.truth["asked"] == "yes_no"


def _condition(line: JournalLine) -> str:
    return "clean" if line.truth["background"] == CLEAN else "background"


def _in(condition: str | None) -> Callable[[JournalLine], bool]:
    return lambda line: condition is None or _condition(line) == condition


def _named(*parts: str | None) -> str | None:
    return ", ".join(part for part in parts if part) or None


def _error_rate(lines: Sequence[JournalLine], kind: str | None, condition: str | None) -> Measure:
    """False rejections of the owner, or false acceptances of one kind, or of all (`None`)."""
    true = "yes" if kind == "genuine" else "no"

    def among(line: JournalLine) -> bool:
        of_kind = expected(line) == true and (kind is None or line.truth["label"] == kind)
        return _asked_yes_no(line) and of_kind and _in(condition)(line)

    return rate(
        lines,
        metric="false_rejection_rate" if kind == "genuine" else "false_acceptance_rate",
        success=rejected if kind == "genuine" else accepted,
        among=among,
        higher_is_better=False,
        group=_named(None if kind == "genuine" else kind, condition),
    )


def _lost(lines: Sequence[JournalLine], kind: str) -> Measure:
    return difference(
        lines,
        metric="accuracy_lost_to_background",
        pair=lambda line: line.sample,
        side=lambda line: _condition(line) == "clean",
        higher_is_better=False,
        group=kind,
        among=lambda line: _asked_yes_no(line) and line.truth["label"] == kind,
        note="accuracy on the clean attempt less that in the background",
    )


# ---------------------------------------------------------------- from sureness to error rates


def _sure(line: JournalLine) -> float | None:
    return fact(line, "sure")


def _is_owner(line: JournalLine) -> bool:
    return line.truth["label"] == "genuine"


def _det_point(lines: Sequence[JournalLine], threshold: float) -> list[Measure]:
    """Misses and false acceptances where the door opens above a threshold."""

    def error(owner: bool) -> Callable[[JournalLine], bool | None]:
        return lambda line: None if _sure(line) is None else (_sure(line) > threshold) is not owner

    return [
        rate(
            lines,
            metric=metric,
            success=error(owner),
            higher_is_better=False,
            level=threshold,
            among=lambda line, o=owner: not _asked_yes_no(line) and _is_owner(line) is o,
            note="let in above so many of 100",
        )
        for metric, owner in (("false_rejection_rate_at", True), ("false_acceptance_rate_at", False))
    ]


def _equal_error_rate(lines: Sequence[JournalLine], kind: str | None, condition: str | None) -> Measure:
    """The equal error rate of owners against one kind of impostors, or against all (`None`), by clusters of owners."""
    kept = [
        line
        for line in lines
        if line.kind == "item"
        and not _asked_yes_no(line)
        and _in(condition)(line)
        and (_is_owner(line) or kind is None or line.truth["label"] == kind)
    ]
    scored = [line for line in kept if _sure(line) is not None]
    sides = {owner: [_sure(line) for line in scored if _is_owner(line) is owner] for owner in (True, False)}
    value = low = high = None
    how = ""
    if all(sides.values()):
        value = equal_error_rate(bona_fide=sides[True], spoof=sides[False])
        low, high, how = _interval(_histograms(scored), value)
    unscored = [line for line in kept if line.status == "unscored"]
    worst = (None, None) if value is None else _worst(sides, Counter(map(_is_owner, unscored)), value)
    return Measure(
        metric="equal_error_rate",
        value=value,
        low=low,
        high=high,
        n_scored=len(scored),
        n_unscored=len(unscored),
        unscored=unscored_by_reason(unscored),
        worst_low=worst[0],
        worst_high=worst[1],
        higher_is_better=False,
        unit="fraction",
        baseline=0.5,
        interval=how,
        group=_named(kind, condition),
        note="" if scored else NO_SCORE,
    )


def _worst(sides: Mapping[bool, list[float]], lost: Mapping[bool, int], value: float) -> tuple[float, float]:
    """The equal error rate were every unscored trial told apart from the other side for sure, and were it mistaken."""
    least, most = min(*sides[True], *sides[False]) - 1, max(*sides[True], *sides[False]) + 1
    low, high = (
        equal_error_rate(bona_fide=[*sides[True], *[owner] * lost[True]], spoof=[*sides[False], *[other] * lost[False]])
        for owner, other in ((most, least), (least, most))
    )
    return min(value, low), max(value, high)


def _interval(counts: NDArray[np.float64], value: float) -> tuple[float, float, str]:
    """Ends and kind of interval over owners; where they agree, or there is one alone, what others might do."""
    _, low, high, how = resampled_value(counts, _crossing, seed="equal_error_rate", bounds=(0.0, 1.0))
    if low is not None and high is not None:
        return low, high, how
    return agreed_interval(value, n_clusters=len(counts), bounds=(0.0, 1.0))


def _histograms(lines: Sequence[JournalLine]) -> NDArray[np.float64]:
    """How often each owner's trials have each score, shape (n_clusters, 2, n_scores); owners' own trials first."""
    scores = sorted({float(_sure(line) or 0.0) for line in lines})
    clusters = {name: place for place, name in enumerate(dict.fromkeys(line.cluster for line in lines))}
    counts = np.zeros((len(clusters), 2, len(scores)))
    for line in lines:
        counts[clusters[line.cluster], int(not _is_owner(line)), scores.index(float(_sure(line) or 0.0))] += 1
    return counts


def _crossing(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The equal error rate, as `equal_error_rate` has it, of histograms of shape (..., 2, n_scores).

    An empty side gives nan.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        up_to = np.cumsum(counts, axis=-1) / counts.sum(axis=-1, keepdims=True)
    up_to = np.concatenate([np.zeros((*up_to.shape[:-1], 1)), up_to], axis=-1)
    miss, false_alarm = up_to[..., 0, :], 1 - up_to[..., 1, :]
    distance = np.abs(miss - false_alarm)
    near = distance <= distance.min(axis=-1, keepdims=True) + 1e-12
    with np.errstate(invalid="ignore"):
        return np.where(near, miss + false_alarm, 0.0).sum(axis=-1) / (2 * near.sum(axis=-1))
