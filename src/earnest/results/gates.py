"""Gates before the first call: how one is written, and whether the plan can give the number that it names.

A gate is written `name=threshold`. Its name is a pillar, or the id of a finding; an id without its group or level stands
for every one of them. Which findings a plan will give is known
from its items: their lines, all of them unscored, make the same measures as the answers will, without values. What only
answers can bring about (an attack's success, how two groups differ) is listed here by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from earnest.errors import BadParameter, did_you_mean
from earnest.pillars import PILLARS
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.build import build_from
from earnest.results.finding import Finding

OF_ATTACKS = frozenset(
    "attack_success_rate attack_on_target_rate attack_complied_rate control_success_rate control_on_target_rate "
    "control_complied_rate attack_success_over_control score_lost_to_attack attack_beyond_budget twin_helped_under_attack "
    "twin_help_lost_to_attack attack_on_target_within attack_added_tokens attack_added_seconds attack_added_usd".split()
)
"""Findings of an attacked arm that its answers bring about; so does `attack_success_rate_on_<split>`."""

OF_DEFENCES = frozenset(
    "defence_score_change defence_added_ms defence_score_gain defence_attack_success_change".split()
)
OF_GROUPS = frozenset("accuracy_gap no_answer_gap refusal_gap over_refusal_gap unscored_gap help_length_gap".split())
OF_ALL_LINES = frozenset("group_score group_word_accuracy".split())
OF_EARS = frozenset("ear_word_error_rate ear_word_accuracy heard_intact_rate".split())
_WITHOUT_DIRECTION = frozenset(
    "attack_other_answer_rate attack_output_growth attack_queries attack_gradients attack_median_snr_db attack_median_masking_excess_db defence_refusal_change told_apart_by_sound_alone".split()
)
_LATER = re.compile(
    r"attack_success_rate_on_\w+|\w+_heard_intact|\w+_calibrated(_confusion)?|defence_added_(calls|tokens|usd)|judge_\w+"
)
_ID = re.compile(
    r"(?P<pillar>[^.@\[]+)\.(?P<task>[^.@\[]+)\.(?P<metric>[^@\[]+)(?P<part>(\[[^\]]*\])*)(?P<arm>@.*)?", re.DOTALL
)
_OTHERWISE = re.compile(
    r"(?P<name>.*?[^\s:<>=])\s*(?::|>=|<=|==|>|<|=|\s)\s*(?P<number>-?[\d.]+(?:,\d+)?)\s*(?P<percent>%?)", re.DOTALL
)
"""What is meant by a gate that is written in another way: `safety:0.8`, `safety >= 80 %`, `safety=0,8`."""


@dataclass(frozen=True)
class GateSpec:
    """A gate as it was asked for."""

    text: str
    name: str
    threshold: float


def read_gate(text: str) -> GateSpec:
    """The gate written as `name=threshold`; the last equals sign parts the two.

    >>> read_gate("safety=0.9").threshold
    0.9

    Raises
    ------
    BadParameter
        If it is written otherwise; the message says what was perhaps meant.
    """
    name, equals, threshold = text.rpartition("=")
    try:
        value = float(threshold)
    except ValueError:
        value = math.nan
    if not equals or not name.strip() or name.rstrip()[-1] in "<>=:" or not math.isfinite(value):
        raise BadParameter(f"a gate is written name=threshold, as in safety=0.9, got {text!r}{_perhaps(text)}")
    return GateSpec(text, name.strip(), value)


def check_gates(texts: Sequence[str], *, plan: Plan, lines: Callable[[], Sequence[JournalLine]]) -> None:
    """Refuse gates that a run under `plan` could not judge, all of them at once.

    Parameters
    ----------
    texts : sequence of str
    lines : callable
        Gives the lines of the planned items, all of them unscored; called only where a gate names a finding.

    Raises
    ------
    BadParameter
        With every gate that is written otherwise, names what the run does not establish, has a threshold outside the
        number's range, or stands on a number of which neither more nor less is better.
    """
    faults, finding_gates = [], []
    for text in texts:
        try:
            gate = read_gate(text)
        except BadParameter as error:
            faults.append(str(error))
            continue
        if "." in gate.name:
            finding_gates.append(gate)
        else:
            faults += _faults_of_pillar(gate, plan)
    if finding_gates:
        expected = expected_findings(plan, lines())
        faults += [fault for gate in finding_gates for fault in _faults_of_finding(gate, plan, expected)]
    if faults:
        raise BadParameter("; ".join(faults))


def expected_findings(plan: Plan, lines: Sequence[JournalLine]) -> dict[str, Finding]:
    """The findings that a run under `plan` will give, by id and without values, from the unscored lines of its items."""
    return {finding.id: finding for finding in build_from(plan, lines)}


def why_unknown(name: str, *, plan: Plan, findings: Iterable[Finding]) -> str:
    """Why a run under `plan` has no finding of that id; empty where it may have one, had more been scored."""
    return _unknown(name, plan, {finding.id: finding for finding in findings})


def findings_of(name: str, findings: Iterable[Finding]) -> list[Finding]:
    """The finding of that id; those of every group or level where the id has none and no finding is called so."""
    by_id = {finding.id: finding for finding in findings}
    return [by_id[one] for one in ([name] if name in by_id else _alike(name, by_id))]


def _faults_of_pillar(gate: GateSpec, plan: Plan) -> list[str]:
    present = dict.fromkeys(task.pillar for task in plan.tasks)
    lacks = {task.name: task.not_run for task in plan.tasks if task.pillar == gate.name}
    if gate.name not in present:
        known = f"it asks of {', '.join(present)}"
        if gate.name in PILLARS:
            return [f"gate {gate.text!r} is on a pillar of which this run asks nothing; {known}"]
        return [
            f"gate {gate.text!r} names neither a pillar nor a finding{did_you_mean(gate.name, present) or ';'} {known}"
        ]
    if all(lacks.values()):
        why = "; ".join(f"{name}: {lack}" for name, lack in lacks.items())
        return [f"gate {gate.text!r} is on a pillar none of whose tasks runs: {why}"]
    return _out_of_range(gate, least=0.0)


def _faults_of_finding(gate: GateSpec, plan: Plan, expected: Mapping[str, Finding]) -> list[str]:
    findings = findings_of(gate.name, expected.values())
    if not findings:
        unknown = _unknown(gate.name, plan, expected)
        return [f"gate {gate.text!r}: {unknown}"] if unknown else []
    if findings[0].higher_is_better is None:
        return [f"gate {gate.text!r}: of {gate.name} neither more nor less is better; choose another finding"]
    return _out_of_range(gate, least=-1.0) if findings[0].unit == "fraction" else []


def _out_of_range(gate: GateSpec, *, least: float) -> list[str]:
    if least <= gate.threshold <= 1:
        return []
    meant = f"; did you mean {gate.name}={gate.threshold / 100:g}?" if 1 < gate.threshold <= 100 else ""
    return [f"gate {gate.text!r}: the threshold must be a fraction from {least:g} to 1, got {gate.threshold:g}{meant}"]


def _unknown(name: str, plan: Plan, expected: Mapping[str, Finding]) -> str:
    """Why no run under `plan` gives a finding of that id; empty where one may."""
    parts = _ID.fullmatch(name)
    if parts is None:
        return f"{name!r} is no finding's id, which is written pillar.task.metric{did_you_mean(name, expected)}"
    planned = {task.name: task for task in plan.tasks}
    if parts["task"] not in planned:
        return f"no task of this run is called {parts['task']!r}{did_you_mean(parts['task'], planned)}"
    task = planned[parts["task"]]
    if task.not_run is not None:
        return f"{task.name} is not run: {task.not_run}"
    suffixes = [arm.suffix for arm in plan.by_arm]
    if (parts["arm"] or "") not in suffixes:
        there = ", ".join(suffix or "no suffix (no attack)" for suffix in suffixes)
        return f"no arm of this run is written {parts['arm'] or 'without a suffix'}; it has {there}"
    return _unknown_metric(parts, name, plan, expected)


def _unknown_metric(parts: re.Match[str], name: str, plan: Plan, expected: Mapping[str, Finding]) -> str:
    there = {
        one.metric: one.id for one in expected.values() if (one.pillar, one.task) == (parts["pillar"], parts["task"])
    }
    metric = parts["metric"]
    if metric in _WITHOUT_DIRECTION:
        return f"of {metric} neither more nor less is better; choose another finding"
    if metric in _of_answers(parts, plan) or _LATER.fullmatch(metric):
        return ""
    if not there:
        pillars = dict.fromkeys(one.pillar for one in expected.values() if one.task == parts["task"])
        return f"{parts['task']} has no findings under {parts['pillar']!r}, but under {', '.join(pillars)}"
    if metric not in there:
        return (
            f"no finding is called {name!r}{did_you_mean(metric, there) or ';'} {parts['task']} has {', '.join(there)}"
        )
    alike = _alike(_without_part(name), expected)
    if alike and not metric.endswith("_gap"):
        return f"no finding is called {name!r}{did_you_mean(name, alike) or ';'} there are {', '.join(alike)}"
    return ""  # which groups differ most, answers tell


def _of_answers(parts: re.Match[str], plan: Plan) -> frozenset[str]:
    """Metrics that only answers bring about, as far as the plan has what they are about."""
    known = OF_EARS | OF_ALL_LINES | (OF_GROUPS if parts["pillar"] == "fairness" else frozenset())
    arm = parts["arm"] or ""
    if arm:
        known |= (OF_ATTACKS if not arm.startswith("@+") else frozenset()) | (
            OF_DEFENCES if plan.stacks else frozenset()
        )
    return known


def _alike(name: str, ids: Iterable[str]) -> list[str]:
    """The ids that are `name` with a group or level."""
    return [one for one in ids if one != name and _without_part(one) == name]


def _without_part(name: str) -> str:
    parts = _ID.fullmatch(name)
    return f"{parts['pillar']}.{parts['task']}.{parts['metric']}{parts['arm'] or ''}" if parts else name


def _perhaps(text: str) -> str:
    meant = _OTHERWISE.fullmatch(text.strip())
    if meant is None:
        return ""
    try:
        number = float(meant["number"].replace(",", "."))
    except ValueError:
        return ""
    return f"; did you mean {meant['name']}={number / 100 if meant['percent'] else number:g}?"
