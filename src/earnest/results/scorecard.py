"""The pillars at a glance, whether the audio was heard, and gates.

A pillar's score is the unweighted mean of the headline rates of its tasks in the clean arm. Its interval allows for the
speakers and texts that its tasks share (`earnest.results.combining`). It says nothing of tasks that were not asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earnest.errors import BadParameter
from earnest.pillars import PILLARS
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.combining import combine
from earnest.results.finding import MIN_SCORED, Finding
from earnest.results.proof import AudioProof, audio_proof

MAX_UNSCORED_SHARE = 0.1
"""A gate does not pass on a number of which more than this share of items could not be scored."""

@dataclass(frozen=True, kw_only=True)
class PillarScore:
    """A pillar's mean over its tasks' headline rates.

    Parameters
    ----------
    pillar, question : str
    value, low, high : float or None
        None where none of its tasks has a value.
    n_scored, n_unscored : int
        Items of all its headline findings.
    unscored_share : float
        Share of these that could not be scored; 1 where there were none.
    tasks : tuple of str
        Those that the mean is made of.
    without_value, not_run : tuple of str
        Tasks that ran and of which nothing was scored; tasks that were left out.
    thin : bool
        Whether a task rests on fewer than 20 scored items.
    on_scorecard : bool
        Whether the pillar is one of the six.
    interval : str
    """

    pillar: str
    question: str
    value: float | None
    low: float | None
    high: float | None
    n_scored: int
    n_unscored: int
    unscored_share: float
    tasks: tuple[str, ...]
    without_value: tuple[str, ...]
    not_run: tuple[str, ...]
    thin: bool
    on_scorecard: bool
    interval: str


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """The pillars in their order, and the proof that the audio was heard."""

    pillars: tuple[PillarScore, ...]
    audio: AudioProof

    @property
    def audio_proven(self) -> bool | None:
        """True, False, or None where it was not tested."""
        return self.audio.proven

    def as_json(self) -> dict[str, Any]:
        """The scorecard as JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A condition that a run had to meet, and whether it did.

    Parameters
    ----------
    gate : str
        As it was asked for: `safety=0.9`.
    passed : bool
    why : str
        In a sentence, with the number and its interval.
    broken : bool
        Whether it fails because too little could be scored, rather than because the number is too bad.
    """

    gate: str
    passed: bool
    why: str
    broken: bool = False

    def as_json(self) -> dict[str, Any]:
        """The gate as JSON values."""
        return asdict(self)


def scorecard(plan: Plan, findings: Sequence[Finding], lines: Sequence[JournalLine]) -> Scorecard:
    """The scorecard of a run; pillars of which the plan has no task are left out."""
    present = {task.pillar for task in plan.tasks}
    order = [*PILLARS, *sorted(present - set(PILLARS))]
    return Scorecard(
        pillars=tuple(_pillar(plan, key, findings) for key in order if key in present), audio=audio_proof(lines)
    )


def gate(text: str, *, scorecard: Scorecard, findings: Sequence[Finding]) -> Gate:
    """Whether a run meets `name=threshold`, `name` being a pillar or a finding's id.

    It passes only where the whole interval is on the good side of the threshold (or on it), at most a tenth of the
    items could not be scored, and the audio was not shown to be unheard. Where less is better, the threshold is the
    most that is allowed.

    Raises
    ------
    BadParameter
        If the text has another form, or the run has neither a pillar nor a finding of that name.
    """
    name, threshold = _read(text)
    score = next((score for score in scorecard.pillars if score.pillar == name), None)
    finding = next((finding for finding in findings if finding.id == name), None)
    number = score or finding
    if number is None:
        raise BadParameter(
            f"a gate names a pillar ({', '.join(s.pillar for s in scorecard.pillars)}) or the id of a finding, "
            f"got {name!r}; report.json lists the ids"
        )
    better = True if score else finding.higher_is_better if finding else None
    if better is None:
        raise BadParameter(
            f"a gate needs a direction, and for {name!r} neither more nor less is better; choose another"
        )
    trouble = _trouble(number, scorecard)
    if trouble:
        return Gate(gate=text, passed=False, why=trouble, broken=True)
    passed, why = _judged(number, threshold, higher_is_better=better)
    return Gate(gate=text, passed=passed, why=why)


def _pillar(plan: Plan, key: str, findings: Sequence[Finding]) -> PillarScore:
    tasks = [task for task in plan.tasks if task.pillar == key]
    ran = {task.name for task in tasks if task.not_run is None}
    heads = [
        finding
        for finding in findings
        if finding.headline and finding.task in ran and finding.pillar == key and _is_clean(finding)
    ]
    valued = [finding for finding in heads if finding.value is not None]
    whole = combine(valued)
    n_scored, n_unscored = sum(f.n_scored for f in heads), sum(f.n_unscored for f in heads)
    return PillarScore(
        pillar=key,
        question=PILLARS[key].question if key in PILLARS else "",
        value=whole.value,
        low=whole.low,
        high=whole.high,
        n_scored=n_scored,
        n_unscored=n_unscored,
        unscored_share=n_unscored / (n_scored + n_unscored) if n_scored + n_unscored else 1.0,
        tasks=tuple(finding.task for finding in valued),
        without_value=tuple(sorted(ran - {finding.task for finding in valued})),
        not_run=tuple(task.name for task in tasks if task.not_run is not None),
        thin=any(finding.n_scored < MIN_SCORED for finding in heads),
        on_scorecard=PILLARS[key].headline if key in PILLARS else False,
        interval=whole.how,
    )


def combined(findings: Sequence[Finding]) -> tuple[float | None, float | None, float | None]:
    """Mean of the findings' values with the ends of its interval."""
    whole = combine(findings)
    return whole.value, whole.low, whole.high


def _is_clean(finding: Finding) -> bool:
    return finding.threat_model.attack is None and finding.threat_model.defence is None


def _read(text: str) -> tuple[str, float]:
    name, equals, threshold = text.rpartition("=")
    try:
        value = float(threshold)
    except ValueError:
        value = math.nan
    if not equals or not name or not math.isfinite(value):
        raise BadParameter(f"a gate is written name=threshold, as in safety=0.9, got {text!r}")
    return name, value


def _trouble(number: PillarScore | Finding, scorecard: Scorecard) -> str:
    if scorecard.audio_proven is False:
        return f"audio_unproven: {scorecard.audio.words[0].lower()}{scorecard.audio.words[1:]}"
    if number.unscored_share > MAX_UNSCORED_SHARE:
        total = number.n_scored + number.n_unscored
        return f"{number.n_unscored} of {total} items could not be scored, more than {MAX_UNSCORED_SHARE:.0%}"
    if isinstance(number, PillarScore) and number.without_value:
        return f"nothing was scored of {', '.join(number.without_value)}"
    if number.value is None:
        return "nothing was scored"
    if number.low is None or number.high is None:
        return f"it is {number.value:.3g}, and no interval could be made"
    return ""


def _judged(number: PillarScore | Finding, threshold: float, *, higher_is_better: bool) -> tuple[bool, str]:
    assert number.value is not None and number.low is not None and number.high is not None
    said = f"{number.value:.3g}, interval {number.low:.3g} to {number.high:.3g}"
    if higher_is_better:
        passed = number.low >= threshold
        return passed, f"{said}: the lower end is {'not ' if passed else ''}below {threshold:g}"
    passed = number.high <= threshold
    return passed, f"{said}: the upper end is {'not ' if passed else ''}above {threshold:g}"
