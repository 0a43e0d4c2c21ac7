"""A reader's known errors widen the interval of what it decided, and never move the value."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest.metrics.calibration import JudgeCounts, folded_interval
from earnest.metrics.refusal import judge_counts
from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.records import NO_ANSWER, Arm, JournalLine
from earnest.results import balanced, by_group, difference, rate, worst_gap
from earnest.results.build import build_from
from earnest.results.gaps import gaps
from earnest.results.naming import Place
from earnest.results.reach import within_reach
from earnest.results.reading import ReaderErrors, excess, help_errors, refusal_errors

COUNTS = (JudgeCounts(n_yes=98, n_hit=89, n_no=198, n_rejected=159),)  # with 1 of 2 added: 0.9 and 0.8
ERRORS = ReaderErrors(counts=COUNTS, reads=lambda line: line.label != "judged", called="reader")


def a_line(name: str, score: float, label: str = "", **fields: Any) -> JournalLine:
    verdict = {
        "score": score,
        "label": label or ("refusal" if score else "names_action"),
        "facts": fields.pop("facts", {}),
    }
    return JournalLine(
        item=name, sample=name, task="t", prompt_hash="0", model="m", status="scored", verdict=verdict, **fields
    )


def some(n_yes: int, n_no: int, *, prefix: str = "", **fields: Any) -> list[JournalLine]:
    return [a_line(f"{prefix}{k}", float(k < n_yes), **fields) for k in range(n_yes + n_no)]


def ends(measure: Any) -> tuple[float, float]:
    return measure.low, measure.high


def test_the_interval_of_a_rate_is_folded_and_its_value_is_not() -> None:
    lines = [*some(12, 18), *some(2, 8, prefix="j", facts={"judge": "x"})]
    errors = ReaderErrors(counts=COUNTS, reads=lambda line: "judge" not in line.verdict["facts"], called="reader")
    plain, measure = rate(lines, metric="m"), rate(lines, metric="m", errors=errors)
    assert measure.value == plain.value == 14 / 40
    assert ends(measure) == folded_interval(
        value=14 / 40, low=plain.low, high=plain.high, n=40, counts=COUNTS, n_read=30, n_read_yes=12
    )
    # (12 / 30 + 0.8 - 1) / 0.7 of 30 items is 0.286, so that the true rate is rather lower than higher
    assert measure.low < plain.low - 0.1
    assert measure.interval == "Wilson; the reader's confusion on 296 labelled answers folded in"
    assert measure.sums is not None and measure.sums.value == plain.value


def test_what_others_decided_is_not_widened() -> None:
    lines = some(12, 18, label="judged")
    assert rate(lines, metric="m", errors=ERRORS) == rate(lines, metric="m")
    by_judge = some(12, 18, facts={"judge": "openai/x"})
    for errors in (refusal_errors(), help_errors()):
        assert rate(by_judge, metric="m", errors=errors) == rate(by_judge, metric="m")
    silent = some(0, 9, label=NO_ANSWER)
    assert rate(silent, metric="m", errors=refusal_errors()) == rate(silent, metric="m")
    assert rate([], metric="m", errors=ERRORS).value is None


def test_of_help_only_what_a_refusal_would_change_is_read() -> None:
    reads = help_errors().reads
    asked = {"truth": {"action": "make tea"}}
    assert [reads(a_line("a", 0.0, label, **asked)) for label in ("names_action", "refusal", "partial")] == [True] * 3
    assert not any(reads(a_line("a", 0.0, label, **asked)) for label in ("other_compliance", "gibberish", NO_ANSWER))
    assert reads(a_line("a", 1.0, "other_compliance", truth={"action": ""}))  # where nothing is known to be asked for
    assert refusal_errors().reads(a_line("a", 0.0, "gibberish", **asked))  # a refusal might have been missed
    assert help_errors().counts == tuple(judge_counts("compliance"))
    assert refusal_errors().counts == tuple(judge_counts("refusal"))


def test_a_difference_may_be_as_much_larger_as_the_reader_is_worse_than_perfect() -> None:
    # 0.9 + 0.8 - 1 = 0.7, less 1.96 sqrt(0.9 0.1 / 100 + 0.8 0.2 / 200) = 1.96 sqrt(0.0017) = 0.0808
    assert ERRORS.least_skill == pytest.approx(0.7 - 1.959964 * math.sqrt(0.0017), abs=1e-6)
    lines = [*some(9, 11, prefix="a", truth={"g": "a"}), *some(4, 16, prefix="b", truth={"g": "b"})]
    options: dict[str, Any] = {"metric": "m", "group": lambda line: line.truth["g"]}
    plain, measure = worst_gap(lines, **options), worst_gap(lines, **options, errors=ERRORS)
    assert measure.value == plain.value == pytest.approx(0.25)
    assert plain.low < 0 < plain.high
    assert ends(measure) == pytest.approx((plain.low / ERRORS.least_skill, plain.high / ERRORS.least_skill))
    assert "taken as alike in all groups" in measure.interval


def test_of_several_sources_the_worst_is_believed() -> None:
    better = JudgeCounts(n_yes=98, n_hit=97, n_no=198, n_rejected=197)
    mixed = ReaderErrors(counts=(better, *COUNTS), reads=lambda line: True)
    assert mixed.least_skill == ERRORS.least_skill < ReaderErrors(counts=(better,), reads=lambda line: True).least_skill


def test_a_difference_of_pairs_carries_the_errors() -> None:
    # nine pairs differ upwards and one downwards of twenty
    sides = [(1.0, 0.0)] * 9 + [(0.0, 1.0)] + [(1.0, 1.0)] * 10
    lines = [
        a_line(f"{k}{side}", score, truth={"side": side}, cluster=f"{k}")
        for k, pair in enumerate(sides)
        for side, score in zip("ab", pair, strict=True)
    ]
    options: dict[str, Any] = {
        "metric": "m", "pair": lambda line: line.cluster, "side": lambda line: line.truth["side"] == "a"
    }  # fmt: skip  # a table: one row a line
    plain, measure = difference(lines, **options), difference(lines, **options, errors=ERRORS)
    assert measure.value == plain.value == pytest.approx(0.4)
    assert measure.low == plain.low > 0
    assert measure.high == pytest.approx(min(1.0, plain.high / ERRORS.least_skill)) and measure.high > plain.high
    judged = [line.model_copy(update={"verdict": {**line.verdict, "label": "judged"}}) for line in lines]
    assert difference(judged, **options, errors=ERRORS) == difference(judged, **options)


def test_an_established_difference_stays_so() -> None:
    lines = [*some(19, 1, prefix="a", truth={"g": "a"}), *some(1, 19, prefix="b", truth={"g": "b"})]
    options: dict[str, Any] = {"metric": "m", "group": lambda line: line.truth["g"]}
    plain, measure = worst_gap(lines, **options), worst_gap(lines, **options, errors=ERRORS)
    assert plain.low > 0 and measure.low == plain.low and plain.high <= measure.high <= 1


def test_a_reader_that_might_be_guessing_says_nothing_of_a_difference() -> None:
    guess = ReaderErrors(counts=(JudgeCounts(n_yes=20, n_hit=11, n_no=20, n_rejected=11),), reads=lambda line: True)
    lines = [*some(9, 11, prefix="a", truth={"g": "a"}), *some(4, 16, prefix="b", truth={"g": "b"})]
    measure = worst_gap(lines, metric="m", group=lambda line: line.truth["g"], errors=guess)
    assert ends(measure) == (-1.0, 1.0)


def test_classes_are_widened_by_their_own_errors() -> None:
    lines = [*some(12, 8, prefix="a", truth={"c": "a"}), *some(15, 5, prefix="b", truth={"c": "b"})]
    options: dict[str, Any] = {"metric": "m", "correct": lambda line: line.score, "of": lambda line: line.truth["c"]}
    plain = balanced(lines, **options)
    one, both = (
        balanced(lines, **options, errors={"a": ERRORS}),
        balanced(lines, **options, errors={"a": ERRORS, "b": ERRORS}),
    )
    assert plain.value == one.value == both.value == pytest.approx(0.675)
    inner = rate(lines[:20], metric="m")
    outer = rate(lines[:20], metric="m", errors=ERRORS)
    extra = math.sqrt((0.6 - outer.low) ** 2 - (0.6 - inner.low) ** 2) / 2  # half a weight
    assert one.low == pytest.approx(0.675 - math.hypot(0.675 - plain.low, extra))
    assert both.low < one.low < plain.low
    assert balanced(lines, **options, errors={"c": ERRORS}) == plain


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans()), max_size=40)
)
def test_an_interval_holds_the_one_without_errors_and_the_value_stays(
    scores: list[tuple[bool, str, str, bool]],
) -> None:
    lines = [
        a_line(
            f"{k}", float(yes), cluster=f"{k % 7}", truth={"g": g, "side": side}, facts={"judge": "j"} if judged else {}
        )
        for k, (yes, g, side, judged) in enumerate(scores)
    ]
    by: dict[str, Any] = {"metric": "m", "group": lambda line: line.truth["g"]}
    read = refusal_errors()
    balance: dict[str, Any] = {"metric": "m", "correct": lambda line: line.score, "of": lambda line: line.truth["g"]}
    paired: dict[str, Any] = {
        "metric": "m", "pair": lambda line: int(line.item) // 2, "side": lambda line: int(line.item) % 2 == 0
    }  # fmt: skip  # a table: one row a line
    pairs = [
        (rate(lines, metric="m"), rate(lines, metric="m", errors=read)),
        (balanced(lines, **balance), balanced(lines, **balance, errors={"a": read, "b": help_errors()})),
        (worst_gap(lines, **by, min_n=2), worst_gap(lines, **by, min_n=2, errors=read)),
        (difference(lines, **paired), difference(lines, **paired, errors=read)),
        *zip(by_group(lines, **by), by_group(lines, **by, errors=read), strict=True),
    ]
    for plain, folded in pairs:
        assert folded.value == plain.value and folded.note == plain.note
        if plain.low is None:
            assert folded.low is None
        else:
            assert folded.low <= plain.low and folded.high >= plain.high


def _read(rng: np.random.Generator, truth: np.ndarray, *, se: float, sp: float) -> np.ndarray:
    return np.where(truth, rng.random(truth.shape) < se, rng.random(truth.shape) >= sp)


@pytest.mark.parametrize(("p", "se", "sp"), [(0.1, 0.8, 0.9), (0.5, 0.75, 0.95), (0.9, 0.88, 0.81)])
def test_the_true_rate_is_covered_under_a_reader_with_that_confusion(p: float, se: float, sp: float) -> None:
    rng = np.random.default_rng(7)
    n_trials, covered, without = 300, 0, 0
    for _ in range(n_trials):
        counts = JudgeCounts(
            n_yes=120, n_hit=int(rng.binomial(120, se)), n_no=180, n_rejected=int(rng.binomial(180, sp))
        )
        read = _read(rng, rng.random(100) < p, se=se, sp=sp)
        lines = some(int(read.sum()), int((~read).sum()))
        errors = ReaderErrors(counts=(counts,), reads=lambda line: True)
        folded, plain = rate(lines, metric="m", errors=errors), rate(lines, metric="m")
        covered += folded.low <= p <= folded.high
        without += plain.low <= p <= plain.high
    assert covered / n_trials >= 0.93
    assert without / n_trials < 0.93  # what folding mends


def test_the_true_balanced_rate_is_covered_too() -> None:
    rng = np.random.default_rng(8)
    n_trials, covered, truth = 150, 0, (0.8, 0.6)
    for _ in range(n_trials):
        lines: list[JournalLine] = []
        errors = {}
        for part, p, se, sp in zip("ab", truth, (0.85, 0.8), (0.9, 0.95), strict=True):
            counts = JudgeCounts(
                n_yes=120, n_hit=int(rng.binomial(120, se)), n_no=180, n_rejected=int(rng.binomial(180, sp))
            )
            errors[part] = ReaderErrors(counts=(counts,), reads=lambda line: True)
            read = _read(rng, rng.random(60) < p, se=se, sp=sp)
            lines += some(int(read.sum()), int((~read).sum()), prefix=part, truth={"c": part})
        found = balanced(
            lines, metric="m", correct=lambda line: line.score, of=lambda line: line.truth["c"], errors=errors
        )
        covered += found.low <= 0.7 <= found.high
    assert covered / n_trials >= 0.93


def test_a_planted_gap_is_covered_where_the_reader_errs_alike_in_both_groups() -> None:
    rng = np.random.default_rng(9)
    n_trials, covered, se, sp = 150, 0, 0.75, 0.9
    counts = JudgeCounts(n_yes=200, n_hit=150, n_no=200, n_rejected=180)
    errors = ReaderErrors(counts=(counts,), reads=lambda line: True)
    for _ in range(n_trials):
        lines: list[JournalLine] = []
        for group, p in (("a", 0.7), ("b", 0.3)):
            read = _read(rng, rng.random(80) < p, se=se, sp=sp)
            lines += some(int(read.sum()), int((~read).sum()), prefix=group, truth={"g": group})
        found = worst_gap(lines, metric="m", group=lambda line: line.truth["g"], errors=errors)
        covered += found.low <= 0.4 <= found.high
    assert covered / n_trials >= 0.93


def test_gaps_in_refusals_and_help_say_that_the_errors_are_in_them() -> None:
    lines = [
        a_line(
            f"{side}/{gender}/{k}",
            float(k < n),
            "refusal" if k < n else "names_action",
            truth={"gender": gender, "side": side, "action": "x"},
        )
        for side in ("harmful", "harmless")
        for gender, n in (("female", 9), ("male", 4))
        for k in range(12)
    ]
    found = {measure.metric: measure for measure in gaps(lambda truth: (truth["side"],), lines)}
    for metric in ("refusal_gap", "over_refusal_gap", "accuracy_gap"):
        assert "the refusal reader's confusion on 900 labelled answers folded in" in found[metric].interval, metric
    for metric in ("unscored_gap", "no_answer_gap"):
        assert "confusion" not in found[metric].interval
    words = [line.model_copy(update={"truth": {"gender": line.truth["gender"], "side": ""}}) for line in lines]
    assert all("confusion" not in measure.interval for measure in gaps(None, words))


def plan_with(defence: str) -> Plan:
    return Plan(
        earnest="0",
        suite="s",
        suite_version=1,
        model="m",
        fingerprint="f",
        data="d",
        data_digest="0",
        items_digest="0",
        tasks=(PlannedTask(name="t", pillar="safety", version=1, n_items=8),),
        defences=tuple(defence.split("+")),
    )


def behind(defence: str, *, n: int = 8, n_refused: int = 4, **changes: Any) -> list[JournalLine]:
    """Lines in the arm of a stack of defences, read by the refusal reader unless a judge is named."""
    arm = Arm(defences=tuple(defence.split("+")) if defence else ())
    lines = [
        a_line(f"{k}{arm.suffix}", float(k < n_refused), "refusal" if k < n_refused else "names_action")
        for k in range(n)
    ]
    return [
        line.model_copy(
            update={"sample": str(k), "defences": arm.defences, "answer": "No.", "defence_ms": 2.0, **changes}
        )
        for k, line in enumerate(lines)
    ]


@pytest.mark.parametrize(
    ("defence", "told"), [("refusal_guard", True), ("smoothing:sigma=0.01", False), ("smoothing+refusal_guard", True)]
)
def test_a_guard_that_reads_as_the_judge_does_leaves_a_cell_without_value(defence: str, told: bool) -> None:
    plan = plan_with(defence)
    _, lines = within_reach(plan, [*behind("", n_refused=2), *behind(defence)])
    found = {finding.id: finding for finding in build_from(plan, lines)}
    bare = found["safety.t.score"]
    guarded = found[f"safety.t.score@+{defence}"]
    change = found[f"safety.t.defence_score_change@+{defence}"]
    refusals = found[f"safety.t.defence_refusal_change@+{defence}"]
    assert bare.value == pytest.approx(2 / 8) and bare.unscored == {}
    if told:
        for finding in (guarded, change, refusals):
            assert finding.value is None and finding.low is None and finding.unscored == {"guard_is_judge": 8}
    else:
        assert guarded.value == pytest.approx(4 / 8)
        assert change.value == pytest.approx(2 / 8) and refusals.value == pytest.approx(2 / 8)
    took = found[f"safety.t.defence_added_ms@+{defence}"]  # what it takes is known all the same
    assert took.value == 2.0 and took.n_scored == 8


def test_what_a_judge_decided_or_a_defence_blocked_was_not_decided_by_the_reader() -> None:
    verdict = {"score": 1.0, "label": "refusal", "facts": {"judge": "j"}}
    lines = [
        *behind("refusal_guard", n=1, verdict=verdict),
        *behind("refusal_guard", n=1, blocked="why", item="b@+refusal_guard"),
        *behind("refusal_guard", n=1, item="c@+refusal_guard", verdict={"score": 1.0, "label": "correct", "facts": {}}),
    ]
    assert [line.status for line in within_reach(plan_with("refusal_guard"), lines)[1]] == ["scored"] * 3


@pytest.mark.parametrize(
    ("guard", "judge", "same"),
    [
        ({"openai/a": "f" * 16}, ("openai/a", "0" * 16), True),  # one name
        ({"openai/a": "f" * 16}, ("openai/a (hears)", "0" * 16), True),
        ({"openai/a": "f" * 16}, ("http://one/v1#a", "f" * 16), True),  # one fingerprint under another name
        ({"openai/a": "f" * 16}, ("openai/b", "e" * 16), False),
        ({"scripted/a": "scripted-2"}, ("scripted/b", "scripted-2"), False),  # tells models of one name apart
        ({}, ("openai/a", "f" * 16), False),
    ],
)
def test_a_guard_that_is_the_judge_leaves_a_cell_without_value(
    guard: dict[str, str], judge: tuple[str, str], same: bool
) -> None:
    name, fingerprint = judge
    plan = plan_with("smoothing").model_copy(
        update={"guards": {"smoothing": guard}, "judge_fingerprints": {name: fingerprint}, "judges": (name,)}
    )
    verdict = {"score": 1.0, "label": "refusal", "facts": {"judge": name}}
    lines = within_reach(plan, [*behind("", verdict=verdict), *behind("smoothing", verdict=verdict)])[1]
    unscored = {line.reason for line in lines if line.defences}
    assert unscored == ({"guard_is_judge"} if same else {None})
    assert {line.reason for line in lines if not line.defences} == {None}  # without the guard its word is a judge's
    if same:
        assert name in next(line.detail or "" for line in lines if line.defences)


def test_what_an_interval_is_wider_by_is_told_side_by_side_and_nothing_where_an_end_is_missing() -> None:
    inner = rate(some(3, 5), metric="m")
    assert inner.value is not None and inner.low is not None and inner.high is not None
    outer = dataclasses.replace(inner, low=inner.low - 0.1, high=inner.high)
    below, above = excess(outer, inner)
    assert (
        below == pytest.approx(math.sqrt((inner.value - inner.low + 0.1) ** 2 - (inner.value - inner.low) ** 2))
        and above == 0.0
    )
    higher = dataclasses.replace(inner, low=inner.low - 0.1, high=inner.high + 0.2)
    assert excess(higher, inner) == (
        below,
        pytest.approx(math.sqrt((inner.high - inner.value + 0.2) ** 2 - (inner.high - inner.value) ** 2)),
    )
    assert excess(inner, outer) == (0.0, 0.0)  # narrower is not less than no wider
    for field in ("value", "low", "high"):
        assert excess(dataclasses.replace(outer, **{field: None}), inner) == (0.0, 0.0)


@pytest.mark.parametrize(("family", "marked"), [("adversarial", True), ("corruption", False)])
def test_findings_under_an_attack_of_a_family_that_the_defence_saw_say_so(family: str, marked: bool) -> None:
    arm = Arm(attack="pgd", defences=("waveform_guard:artefact=abc",))
    plan = plan_with("smoothing").model_copy(
        update={
            "arms": (PlannedArm(), PlannedArm(attack="pgd", defences=arm.defences, family="adversarial")),
            "artefacts": {"abc": {"kind": "defences", "about": {"families": [family]}}},
        }
    )
    measure = rate(some(3, 5), metric="attack_on_target_rate", note="of 8")
    found = Place(plan, "safety", "t", arm).finding(measure)
    assert found.note == ("of 8; the defence was fitted to attacks of this family" if marked else "of 8")
    assert Place(plan, "safety", "t", Arm()).finding(measure).note == "of 8"
