"""Headline rates corrected by labels that people gave to some of a run's items.

Whoever scored the items, a judge or a parser, is taken as a judge that may err; people's labels of some items say how
it errs. The corrected number stands beside the uncorrected one and never replaces it. People's labels must be of items
drawn at random from the run: labels of those that look wrong correct for the wrong thing.

A label is one of the item's labels, a number on the scale of its question, or, where neither fits, a number in [0, 1]:
the score that the answer deserves.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earnest.errors import BadData, BadParameter
from earnest.metrics.calibration import Calibrated, calibrated_mean, calibrated_rate
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.agreement import kappa
from earnest.results.finding import Finding
from earnest.results.measures import Measure
from earnest.results.naming import Place
from earnest.run_folder import file_in, read_text

FILE = "human_labels.csv"
"""The labels as a run folder keeps them, so that its report can be written again."""

MIN_LABELS = 10
"""A task with fewer labelled items in an arm is not corrected."""

Labels = Mapping[str, str]


def read_labels(path: Path | str, *, lines: Sequence[JournalLine]) -> dict[str, str]:
    """People's labels by item, checked against a run's lines.

    Parameters
    ----------
    path : path
        A CSV file with the columns `item` (as in the journal, with the arm's suffix) and `label`; others are passed over.

    Raises
    ------
    BadData
        If it cannot be read, or has unknown items, unknown labels or an item twice; all faults are told at once.
    """
    rows = _rows(Path(path))
    by_item = {line.item: line for line in lines if line.kind == "item"}
    scores = _Scores.of(lines)
    found: dict[str, str] = {}
    faults = []
    for number, item, label in rows:
        if item not in by_item:
            faults.append(f"line {number}: the run has no item {item!r}")
        elif item in found:
            faults.append(f"line {number}: {item!r} is labelled twice")
        else:
            found[item] = label
            try:
                scores.of_label(by_item[item], label)
            except BadParameter as error:
                faults.append(f"line {number}: {item!r}: {error}")
    if faults:
        raise BadData(f"{path} cannot be used to correct this run", faults)
    if not found:
        raise BadData(f"{path} has no label; give at least {MIN_LABELS} of a task")
    return found


def kept_labels(folder: Path) -> dict[str, str]:
    """The labels that a run folder keeps; none where there is no file."""
    path = file_in(folder, FILE)
    return {item: label for _, item, label in _rows(path)} if path.is_file() else {}


def calibrated(
    plan: Plan, lines: Sequence[JournalLine], labels: Labels, *, findings: Sequence[Finding]
) -> list[Finding]:
    """What people's labels make of the headline rates of tasks, arm by arm, where at least ten items have one.

    Of each: `<headline>_calibrated`, by prediction-powered inference; `<headline>_calibrated_confusion`, by the
    confusion matrix, where all scores are 0 or 1 and people found both; and how far people agree with who scored.
    """
    made: list[Finding] = []
    scores = _Scores.of(lines)
    for head in findings:
        if not head.headline:
            continue
        arm = head.threat_model.arm
        mine = [line for line in lines if line.kind == "item" and line.task == head.task and line.arm == arm]
        labelled = _Labelled.of(mine, labels, scores)
        if len(labelled.people) >= MIN_LABELS:
            place = Place(plan, head.pillar, head.task, arm)
            made += [place.finding(measure) for measure in _measures(head, labelled)]
    return made


# ---------------------------------------------------------------- what a label is worth


@dataclass(frozen=True)
class _Scores:
    """Which labels the items of a task may have, and what they are worth."""

    known: Mapping[Hashable, Mapping[str, frozenset[float | None]]]

    @classmethod
    def of(cls, lines: Sequence[JournalLine]) -> _Scores:
        """Learnt from every label that was given in the run, or that a judge might have given."""
        known: dict[Hashable, dict[str, set[float | None]]] = {}
        for line in lines:
            given = dict((line.question or {}).get("labels", {}))
            if line.label is not None:
                given[line.label] = line.score
            for key in ((line.task, _kind(line)), line.task):
                for label, score in given.items():
                    known.setdefault(key, {}).setdefault(label, set()).add(score)
        return cls({key: {label: frozenset(s) for label, s in found.items()} for key, found in known.items()})

    def of_label(self, line: JournalLine, label: str) -> float | None:
        """The score that a label gives to a line; None: it is no part of the headline.

        Raises
        ------
        BadParameter
            If the label is unknown, or worth different scores in different items.
        """
        question = line.to_judge
        if question is not None and (label in question.labels or question.scale):
            return question.score_of(label)
        if label == line.label:
            return line.score
        for key in ((line.task, _kind(line)), line.task):
            worth = self.known.get(key, {}).get(label, frozenset())
            if len(worth) == 1:
                return next(iter(worth))
        return self._as_number(line, label)

    def if_known(self, line: JournalLine, label: str) -> float | None:
        """As `of_label`; None too for a label that was known when it was given and is no more, the run having changed."""
        try:
            return self.of_label(line, label)
        except BadParameter:
            return None

    def _as_number(self, line: JournalLine, label: str) -> float:
        if _is_number(label) and 0 <= float(label) <= 1:
            return float(label)
        names = ", ".join(sorted(self.known.get(line.task, {}))) or "none seen"
        raise BadParameter(f"a label must be one of the task's ({names}) or a score from 0 to 1, got {label!r}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _kind(line: JournalLine) -> Hashable:
    """What decides, with the label, what an answer is worth: the true answer, the label of the data."""
    return tuple(str(line.truth.get(key)) for key in ("expected", "label", "control"))


# ---------------------------------------------------------------- from labels to measures


@dataclass(frozen=True)
class _Labelled:
    """Scored lines of a task in an arm, with people's scores of some."""

    lines: tuple[JournalLine, ...]
    people: Mapping[str, float]
    names: Mapping[str, str]
    n_passed_over: int

    @classmethod
    def of(cls, lines: Sequence[JournalLine], labels: Labels, scores: _Scores) -> _Labelled:
        scored = tuple(line for line in lines if line.score is not None)
        people: dict[str, float] = {}
        for line in scored:
            score = scores.if_known(line, labels[line.item]) if line.item in labels else None
            if score is not None:
                people[line.item] = score
        n_given = sum(line.item in labels for line in lines)
        return cls(scored, people, {item: labels[item] for item in people}, n_given - len(people))

    def among(self, keep: Callable[[JournalLine], bool]) -> _Labelled:
        """Those of the lines for which `keep` holds."""
        lines = tuple(line for line in self.lines if keep(line))
        return replace(
            self, lines=lines, people={one.item: self.people[one.item] for one in lines if one.item in self.people}
        )

    def corrected(self, method: Callable[..., Calibrated]) -> Calibrated:
        """What a method of `earnest.metrics.calibration` makes of the labels."""
        known = [line for line in self.lines if line.item in self.people]
        rest = [line for line in self.lines if line.item not in self.people]
        return method(
            people=[self.people[line.item] for line in known],
            judge=[line.score for line in known],
            rest=[line.score for line in rest],
            clusters=[line.cluster or line.sample for line in known],
            rest_clusters=[line.cluster or line.sample for line in rest],
        )


def _measures(head: Finding, labelled: _Labelled) -> list[Measure]:
    parts = _parts(head, labelled)
    name = head.metric if parts else "mean_score"
    measures = [_by_prediction(head, labelled, parts=parts or [labelled], name=name)]
    if len(parts) == 1:
        measures.append(_by_confusion(head, labelled, name=name))
    measures.append(_agreement(labelled))
    return [measure for measure in measures if measure is not None]


def _parts(head: Finding, labelled: _Labelled) -> list[_Labelled]:
    """The parts of which the headline is the mean of means: all in one, or the classes of a balanced rate; or none."""
    if head.value is None:
        return []
    if _is(head.value, _mean(labelled)):
        return [labelled]
    keys = dict.fromkeys(["expected", "label", *(key for line in labelled.lines for key in line.truth)])
    for key in keys:
        values = {str(line.truth.get(key)) for line in labelled.lines}
        if 2 <= len(values) <= 8:
            parts = [
                labelled.among(lambda line, v=value, k=key: str(line.truth.get(k)) == v) for value in sorted(values)
            ]
            if _is(head.value, math.fsum(map(_mean, parts)) / len(parts)):
                return parts
    return []


def _mean(labelled: _Labelled) -> float:
    return math.fsum(line.score or 0.0 for line in labelled.lines) / max(1, len(labelled.lines))


def _is(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=0, abs_tol=1e-9)


def _by_prediction(head: Finding, labelled: _Labelled, *, parts: Sequence[_Labelled], name: str) -> Measure:
    """The mean over the parts of people's scores, by prediction-powered inference; no value where a part has too few."""
    try:
        found = [part.corrected(calibrated_mean) for part in parts]
    except BadParameter as error:
        return _measure(
            head,
            labelled,
            metric=f"{name}_calibrated",
            value=None,
            low=None,
            high=None,
            naive=_naive(parts),
            how="",
            note=f"not corrected: of {len(parts)} parts one has too few labels ({error})",
        )
    n = len(found)
    value = math.fsum(part.value for part in found) / n
    below = math.sqrt(math.fsum((part.value - part.low) ** 2 for part in found)) / n
    above = math.sqrt(math.fsum((part.high - part.value) ** 2 for part in found)) / n
    naive = _naive(parts)
    weights = ", ".join(f"{part.power:.2f}" for part in found)
    note = f"prediction-powered inference; who scored weighs {weights}"
    if n > 1:
        note += f" in its {n} parts"
    if name == "mean_score":
        note += f"; {head.metric} is no mean of scores, so that the mean score is corrected"
    how = "Student's, on sums over clusters" + (", parts taken as independent" if n > 1 else "")
    return _measure(
        head,
        labelled,
        metric=f"{name}_calibrated",
        value=value,
        low=max(0.0, value - below),
        high=min(1.0, value + above),
        naive=naive,
        note=note,
        how=how,
    )


def _naive(parts: Sequence[_Labelled]) -> float:
    return math.fsum(map(_mean, parts)) / len(parts)


def _by_confusion(head: Finding, labelled: _Labelled, *, name: str) -> Measure | None:
    """People's rate by sensitivity and specificity of who scored; None where scores are no zeros and ones."""
    try:
        found = labelled.corrected(calibrated_rate)
    except BadParameter:
        return None
    note = (
        f"Rogan and Gladen's correction; people's ones were scored 1 at {found.sensitivity:.2f}, "
        f"their zeros 0 at {found.specificity:.2f}"
    )
    return _measure(
        head,
        labelled,
        metric=f"{name}_calibrated_confusion",
        value=found.value,
        low=found.low,
        high=found.high,
        naive=found.naive,
        note=note,
        how="Lang and Reiczigel's",
    )


def _agreement(labelled: _Labelled) -> Measure | None:
    """How far people agree with who scored, beyond chance; None where labels are numbers."""
    if any(_is_number(label) for label in labelled.names.values()):
        return None
    both = [
        line.model_copy(update={"judges": {"people": labelled.names[line.item], "scored": line.label}})
        for line in labelled.lines
        if line.item in labelled.people
    ]
    found = kappa(both, judges=("people", "scored"))
    return replace(found, metric="people_agreement_kappa", group=None)


def _measure(
    head: Finding,
    labelled: _Labelled,
    *,
    metric: str,
    value: float | None,
    low: float | None,
    high: float | None,
    naive: float,
    note: str,
    how: str,
) -> Measure:
    worst_low, worst_high = _worst(head, value, n_scored=len(labelled.lines))
    told = [f"{len(labelled.people)} labels by people", note, f"uncorrected: {naive:.3f}"]
    if labelled.n_passed_over:
        told.append(f"{labelled.n_passed_over} labels are of items without a score, or put them outside the rate")
    return Measure(
        metric=metric,
        value=value,
        low=low,
        high=high,
        n_scored=len(labelled.lines),
        n_unscored=head.n_unscored,
        unscored=dict(head.unscored),
        worst_low=worst_low,
        worst_high=worst_high,
        higher_is_better=head.higher_is_better,
        unit="fraction",
        baseline=head.baseline,
        interval=how,
        note="; ".join(told),
    )


def _worst(head: Finding, value: float | None, *, n_scored: int) -> tuple[float | None, float | None]:
    """The worst case of the corrected rate: its zeros and its ones thinned as those of the headline are."""
    if value is None or head.value is None or head.worst_low is None or head.worst_high is None:
        return None, None
    kept = n_scored / max(1, n_scored + head.n_unscored)
    ones = head.worst_low / head.value if head.value > 0 else kept
    zeros = (1 - head.worst_high) / (1 - head.value) if head.value < 1 else kept
    return value * ones, 1 - (1 - value) * zeros


# ---------------------------------------------------------------- the file


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """Line number, item and label of every row."""
    try:
        reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
        columns, rows = reader.fieldnames or (), [(reader.line_num, row) for row in reader]
    except (OSError, csv.Error, BadData) as error:
        raise BadData(f"{path} must be a CSV file in UTF-8 with the columns item and label, got: {error}") from error
    missing = [column for column in ("item", "label") if column not in columns]
    if missing:
        raise BadData(f"{path} lacks the column {' and '.join(missing)}; its first line must name item and label")
    return [(number, (row["item"] or "").strip(), (row["label"] or "").strip()) for number, row in rows]
