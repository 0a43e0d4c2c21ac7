"""The pillars at a glance, whether the audio was heard, and gates.

A pillar's score is the unweighted mean of the headline rates of its tasks in the clean arm. Its interval allows for the
speakers and texts that its tasks share (`earnest.results.combining`). It says nothing of tasks that were not asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earnest.errors import BadParameter, did_you_mean
from earnest.pillars import PILLARS
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm, JournalLine
from earnest.results.combining import SAME, Combined, combine
from earnest.results.finding import MIN_SCORED, Finding
from earnest.results.gates import GateSpec, findings_of, read_gate, why_unknown
from earnest.results.naming import Sides, sides_of, tasks_of
from earnest.results.proof import AudioProof, as_proven, audio_proof
from earnest.results.reach import within_reach

PROBE = "probe"
"""How a plan calls the embedded recordings."""

OTHER_AUDIO = ("made", "embedded")
"""What `truth["audio"]` says of clips that are not the data's own: silence and noise made from the seed, and recordings
of the probe set that stand in."""

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
        Those that the mean is, or would be, made of.
    without_value, not_run : tuple of str
        Tasks that ran and of which nothing was scored; tasks that were left out.
    missing_sides : tuple of str
        Sides of the pillar (`earnest.pillars.Pillar.sides`) on which nothing was scored.
    no_value : str
        Why there is no value, though tasks have one; empty where there is no such reason.
    worst_low, worst_high : float or None
        The value with every unscored item at 0, and at 1.
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
    missing_sides: tuple[str, ...] = ()
    no_value: str = ""
    worst_low: float | None = None
    worst_high: float | None = None
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
    against : str
        Name of the run that it was compared with; empty where it stands on a threshold.
    """

    gate: str
    passed: bool
    why: str
    broken: bool = False
    against: str = ""

    def as_json(self) -> dict[str, Any]:
        """The gate as JSON values."""
        return asdict(self)


def scorecard(plan: Plan, findings: Sequence[Finding], lines: Sequence[JournalLine]) -> Scorecard:
    """The scorecard of a run; pillars of which the plan has no task are left out."""
    present = {task.pillar for task in plan.tasks}
    order = [*PILLARS, *sorted(present - set(PILLARS))]
    plan, lines = within_reach(plan, as_proven(lines))
    made = tasks_of(plan)
    return Scorecard(
        pillars=tuple(_pillar(plan, key, findings, lines, made=made) for key in order if key in present),
        audio=audio_proof(lines),
    )


def gate(text: str, *, scorecard: Scorecard, findings: Sequence[Finding], plan: Plan | None = None) -> Gate:
    """Whether a run meets `name=threshold`, `name` being a pillar or a finding's id.

    It passes only where the whole interval is on the good side of the threshold (or on it), and would be there whatever
    the unscored items had been; where at most a tenth of each task's items could not be scored; where the audio was
    not shown to be unheard; and, on fairness, where no gap between groups is established that is wider than 1 less the
    threshold. Where less is better, the threshold is the most that is allowed. With the run's `plan`, a finding that the
    run might have had, had more been scored, fails as broken. An id without its group or level stands for all of them.

    Raises
    ------
    BadParameter
        If the text has another form, or the run has neither a pillar nor a finding of that name.
    """
    asked = read_gate(text)
    name = asked.name
    score = next((score for score in scorecard.pillars if score.pillar == name), None)
    numbers = [score] if score else findings_of(name, findings)
    if not numbers:
        return _without_number(text, name, scorecard=scorecard, findings=findings, plan=plan)
    judged = [_gate_on(number, asked, scorecard=scorecard, findings=findings) for number in numbers]
    return next((one for one in judged if not one.passed), judged[0])


def _gate_on(
    number: PillarScore | Finding, gate: GateSpec, *, scorecard: Scorecard, findings: Sequence[Finding]
) -> Gate:
    better = True if isinstance(number, PillarScore) else number.higher_is_better
    if better is None:
        raise BadParameter(
            f"a gate needs a direction, and for {gate.name!r} neither more nor less is better; choose another"
        )
    which = f"{number.id}: " if isinstance(number, Finding) and number.id != gate.name else ""
    trouble = _trouble(number, scorecard, findings)
    if trouble:
        return Gate(gate=gate.text, passed=False, why=which + trouble, broken=True)
    passed, why = _judged(number, gate.threshold, higher_is_better=better)
    open_ = _left_open(number, gate.threshold, higher_is_better=better) if passed else ""
    unfair = _unfair(number, gate.threshold, findings) if passed else ""
    return Gate(
        gate=gate.text, passed=passed and not (open_ or unfair), why=which + why + open_ + unfair, broken=bool(open_)
    )


def _without_number(
    text: str, name: str, *, scorecard: Scorecard, findings: Sequence[Finding], plan: Plan | None
) -> Gate:
    """A gate on a finding that the run might have had; an error where it could have had none of that name."""
    unknown = "report.json lists the ids"
    if plan is not None and "." in name:
        unknown = why_unknown(name, plan=plan, findings=findings)
    if not unknown:
        return Gate(
            gate=text, passed=False, why="the run has no such finding: nothing was scored to make it of", broken=True
        )
    pillars = [score.pillar for score in scorecard.pillars]
    raise BadParameter(
        f"a gate names a pillar ({', '.join(pillars)}) or the id of a finding, got {name!r}{did_you_mean(name, pillars)}; "
        f"{unknown}"
    )


def _pillar(
    plan: Plan,
    key: str,
    findings: Sequence[Finding],
    lines: Sequence[JournalLine],
    *,
    made: Mapping[str, Any | None],
) -> PillarScore:
    tasks = [task for task in plan.tasks if task.pillar == key]
    ran = {task.name for task in tasks if task.not_run is None}
    heads = [
        finding
        for finding in findings
        if finding.headline and finding.task in ran and finding.pillar == key and _is_clean(finding)
    ]
    valued = [finding for finding in heads if finding.value is not None]
    scored = [line for line in lines if line.task in ran and _in_headline(line)]
    missing = _missing_sides(
        key, scored, {task.name: sides_of(made[task.name], version=task.version) for task in tasks}
    )
    why = _why_no_value(plan, tasks, valued=valued, scored=scored, missing=missing)
    whole = Combined() if why else combine(valued)
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
        missing_sides=missing,
        no_value=why,
        worst_low=None if whole.value is None else _mean_of([finding.worst_low for finding in valued]),
        worst_high=None if whole.value is None else _mean_of([finding.worst_high for finding in valued]),
        thin=any(finding.n_scored < MIN_SCORED for finding in heads),
        on_scorecard=PILLARS[key].headline if key in PILLARS else False,
        interval=whole.how,
    )


def _in_headline(line: JournalLine) -> bool:
    return line.kind == "item" and line.score is not None and line.arm == Arm()


def _missing_sides(
    key: str, scored: Sequence[JournalLine], sides_by_task: Mapping[str, Sides | None]
) -> tuple[str, ...]:
    """The pillar's sides that no scored item is on; none where a task is not installed here that might be on them."""
    sides = PILLARS[key].sides if key in PILLARS else ()
    names = {line.task for line in scored} if sides else set()
    known = {name: tell for name in names if (tell := sides_by_task[name]) is not None}
    if not names or known.keys() != names:
        return ()
    seen = {side for line in scored for side in known[line.task](line.truth)}
    return tuple(side for side in sides if side not in seen)


def _why_no_value(
    plan: Plan,
    tasks: Sequence[PlannedTask],
    *,
    valued: Sequence[Finding],
    scored: Sequence[JournalLine],
    missing: tuple[str, ...],
) -> str:
    """Why a pillar some of whose tasks have a value has none; empty where it has one, or none of them has."""
    if not valued:
        return ""
    if missing:
        return f"one side only: nothing was scored of {' and '.join(missing)}"
    if plan.data != PROBE and scored and all(line.truth.get("audio") in OTHER_AUDIO for line in scored):
        return "nothing was scored on the data's own audio"
    n_tasks = sum(task.not_run is None or bool(task.beyond) for task in tasks)
    if 2 * len(valued) < n_tasks:
        return f"made of {len(valued)} of {n_tasks} tasks, fewer than half"
    return ""


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if values and len(known) == len(values) else None


def combined(findings: Sequence[Finding]) -> tuple[float | None, float | None, float | None]:
    """Mean of the findings' values with the ends of its interval."""
    whole = combine(findings)
    return whole.value, whole.low, whole.high


def _is_clean(finding: Finding) -> bool:
    return finding.threat_model.arm == Arm()


def _trouble(number: PillarScore | Finding, scorecard: Scorecard, findings: Sequence[Finding]) -> str:
    if scorecard.audio_proven is False:
        return f"audio_unproven: {scorecard.audio.words[0].lower()}{scorecard.audio.words[1:]}"
    for part in _parts(number, findings):
        if part.unscored_share > MAX_UNSCORED_SHARE and part.n_scored + part.n_unscored:
            total, of = part.n_scored + part.n_unscored, f" of {part.task}" if part is not number else ""
            return f"{part.n_unscored} of {total} items{of} could not be scored, more than {MAX_UNSCORED_SHARE:.0%}"
    if isinstance(number, PillarScore) and number.no_value:
        return number.no_value
    if isinstance(number, PillarScore) and number.without_value:
        return f"nothing was scored of {', '.join(number.without_value)}"
    if number.value is None:
        return "nothing was scored"
    if number.low is None or number.high is None:
        return f"it is {number.value:.3g}, and no interval could be made"
    return ""


def _parts(number: PillarScore | Finding, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that a gate's number is made of: itself, or the headlines of a pillar's tasks."""
    if isinstance(number, Finding):
        return [number]
    return [
        finding
        for finding in findings
        if finding.headline
        and finding.pillar == number.pillar
        and finding.task in (*number.tasks, *number.without_value)
        and _is_clean(finding)
    ]


def _left_open(number: PillarScore | Finding, threshold: float, *, higher_is_better: bool) -> str:
    """Why a number on the good side of a threshold may be on the other one: what could not be scored might decide it."""
    worst = number.worst_low if higher_is_better else number.worst_high
    if worst is None or _meets(worst, threshold, higher_is_better=higher_is_better):
        return ""
    share, end = ("0", "below") if higher_is_better else ("1", "above")
    return f"; were the {number.n_unscored} unscored items {share}, it would be {worst:.3g}, {end} {threshold:g}"


def _unfair(number: PillarScore | Finding, threshold: float, findings: Sequence[Finding]) -> str:
    """The widest gap by group that a gate on fairness does not allow; empty where none is established.

    A mean over tasks hides one in which a group is not served; so `fairness=0.9` also asks that no gap between groups be
    shown, by its whole interval, to be wider than 0.1.
    """
    if isinstance(number, Finding) or number.pillar != "fairness":
        return ""
    gaps = [f for f in findings if f.pillar == "fairness" and f.metric.endswith("_gap") and f.unit == "fraction"]
    wide = [f for f in gaps if _is_clean(f) and f.low is not None and f.low > 1 - threshold]
    if not wide:
        return ""
    widest = max(wide, key=lambda f: f.low or 0.0)
    return f"; but {widest.id} is {widest.value:.3g}, interval {widest.low:.3g} to {widest.high:.3g}, above {1 - threshold:.3g}"


def _judged(number: PillarScore | Finding, threshold: float, *, higher_is_better: bool) -> tuple[bool, str]:
    assert number.value is not None and number.low is not None and number.high is not None
    said = f"{number.value:.3g}, interval {number.low:.3g} to {number.high:.3g}"
    passed = _meets(number.low if higher_is_better else number.high, threshold, higher_is_better=higher_is_better)
    if higher_is_better:
        return passed, f"{said}: the lower end is {'not ' if passed else ''}below {threshold:g}"
    return passed, f"{said}: the upper end is {'not ' if passed else ''}above {threshold:g}"


def _meets(end: float, threshold: float, *, higher_is_better: bool) -> bool:
    """Whether an end is on the good side of a threshold, or on it but for rounding: (0.9 + 0.94) / 2 meets 0.92."""
    return end >= threshold - SAME if higher_is_better else end <= threshold + SAME
