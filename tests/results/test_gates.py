"""Gates are read against the plan before anything is asked: names, arms, ranges, directions, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from earnest.arms import Arm
from earnest.errors import BadParameter
from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.results import Finding
from earnest.results.gates import check_gates, read_gate, why_unknown
from earnest.results.scorecard import gate, scorecard
from earnest.runs.suite import Run, run_suite
from earnest.tasks._base import tasks

PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="model",
    fingerprint="f",
    data="probe",
    data_digest="d",
    tasks=(
        PlannedTask(name="harmful_refusal", pillar="safety", version=tasks.get("harmful_refusal").version, n_items=9),
        PlannedTask(name="voice_parity", pillar="fairness", version=1, n_items=0, not_run="no row has gender"),
    ),
    items_digest="i",
)


def faults(*gates: str, plan: Plan = PLAN, lines=()) -> str:
    with pytest.raises(BadParameter) as told:
        check_gates(gates, plan=plan, lines=lambda: lines)
    return str(told.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("safety:0.8", "did you mean safety=0.8?"),
        ("safety>=0.8", "did you mean safety=0.8?"),
        ("safety >= 80 %", "did you mean safety=0.8?"),
        ("safety=0,85", "did you mean safety=0.85?"),
        ("safety 0.8", "did you mean safety=0.8?"),
        ("safety", "got 'safety'"),
        ("=0.8", "got '=0.8'"),
        ("safety=", "got 'safety='"),
        ("safety=nan", "got 'safety=nan'"),
        ("safety=inf", "got 'safety=inf'"),
        ("safety==0.8", "did you mean safety=0.8?"),
    ],
)
def test_a_gate_written_otherwise_says_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(BadParameter, match="a gate is written name=threshold") as told:
        read_gate(text)
    assert meant in str(told.value)


def test_the_last_equals_sign_parts_name_and_threshold() -> None:
    asked = read_gate("safety.harmful_refusal.refusal_rate@best_of_n:n=8=0.5")
    assert (asked.name, asked.threshold) == ("safety.harmful_refusal.refusal_rate@best_of_n:n=8", 0.5)
    assert read_gate(" safety = 0.5 ").name == "safety"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("safty=0.8", "did you mean 'safety'?"),
        ("privacy=0.8", "a pillar of which this run asks nothing; it asks of safety, fairness"),
        ("fairness=0.8", "none of whose tasks runs: voice_parity: no row has gender"),
        ("safety=80", "from 0 to 1, got 80; did you mean safety=0.8?"),
        ("safety=-0.1", "from 0 to 1, got -0.1"),
        ("safety=800", "from 0 to 1, got 800"),
        ("safety.harmful_refusal=0.8", "is no finding's id"),
        ("safety.harmful_refusl.refusal_rate=0.8", "did you mean 'harmful_refusal'?"),
        ("safety.harmful_refusal.refusal_rat=0.8", "did you mean 'refusal_rate'?"),
        ("privacy.harmful_refusal.refusal_rate=0.8", "no findings under 'privacy', but under safety"),
        ("safety.harmful_refusal.refusal_rate=80", "did you mean safety.harmful_refusal.refusal_rate=0.8?"),
        ("safety.harmful_refusal.refusal_rate@noise=0.8", "no arm of this run is written @noise"),
        ("fairness.voice_parity.accuracy_gap=0.2", "voice_parity is not run: no row has gender"),
        ("safety.harmful_refusal.attack_success_rate=0.2", "no finding is called"),
    ],
)
def test_what_the_plan_cannot_establish_is_refused(text: str, says: str) -> None:
    assert says in faults(text)


def test_a_pillar_of_which_a_task_runs_may_be_gated() -> None:
    partly = PLAN.model_copy(
        update={"tasks": (*PLAN.tasks, PLAN.tasks[1].model_copy(update={"name": "x", "pillar": "safety"}))}
    )
    check_gates(["safety=0.5"], plan=partly, lines=list)


def test_all_faults_are_told_at_once_and_right_gates_are_none() -> None:
    told = faults("safty=0.8", "safety=0.8", "safety=80", "safety.harmful_refusal.refusal_rate=0.8")
    assert told.count("gate '") == 2 and "'safty=0.8'" in told and "'safety=80'" in told
    check_gates(
        ["safety=0.8", "safety=0", "safety=1", "safety.harmful_refusal.refusal_rate=0.8"], plan=PLAN, lines=list
    )


def test_an_attacked_arm_may_be_gated_where_the_plan_has_it() -> None:
    arms = [Arm(attack=attack, defences=stack) for stack in ((), ("codec",)) for attack in (None, "noise:snr_db=10.5")]
    attacked = PLAN.model_copy(update={"arms": tuple(map(PlannedArm.of, arms))})
    right = (
        "safety.harmful_refusal.refusal_rate@noise:snr_db=10.5=0.5",
        "safety.harmful_refusal.attack_success_rate@noise:snr_db=10.5+codec=0.5",
        "safety.harmful_refusal.defence_score_change@+codec=-0.1",
    )
    check_gates(right, plan=attacked, lines=list)
    told = faults("safety.harmful_refusal.refusal_rate@noise=0.5", plan=attacked)
    assert "it has no suffix (no attack), @noise:snr_db=10.5, @+codec, @noise:snr_db=10.5+codec" in told
    assert "neither more nor less is better" in faults(
        "safety.harmful_refusal.attack_queries@noise:snr_db=10.5=3", plan=attacked
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("gates")
    chosen = ("harmful_refusal", "benign_compliance", "equal_treatment")
    return run_suite(  # type: ignore[return-value]
        "core",
        model="scripted/perfect",
        out=folder / "run",
        task=chosen,
        limit=20,
        attack="best_of_n:n=2",
        defence="codec:format=mu_law",
        cache=folder / "cache",
    )


def unscored(run: Run) -> list:
    """The run's lines as they were before anything was asked."""
    blank = {
        "status": "unscored",
        "reason": "cancelled",
        "verdict": None,
        "attempt": None,
        "answer": None,
        "read": None,
    }
    return [line.model_copy(update=blank) for line in run.lines() if line.kind == "item"]


def test_every_finding_that_a_run_gives_may_be_asked_for_before_it(run: Run) -> None:
    directed = [finding for finding in run.findings if finding.higher_is_better is not None]
    assert len(directed) > 40 and any(finding.group for finding in directed)
    names = [finding.id for finding in directed]
    check_gates([f"{name}=0.5" for name in names], plan=run.plan, lines=lambda: unscored(run))
    undirected = [finding.id for finding in run.findings if finding.higher_is_better is None]
    told = faults(*[f"{name}=0.5" for name in undirected], plan=run.plan, lines=unscored(run))
    assert told.count("neither more nor less is better") == len(undirected) > 0


def test_a_misspelt_metric_is_refused_in_every_arm(run: Run) -> None:
    for finding in run.findings:
        by_answers = finding.metric.startswith(
            "attack_success_rate_on_"
        )  # of splits that attacked items turn out to have
        if finding.group is None and finding.level is None and not by_answers:
            wrong = finding.id.replace(f".{finding.metric}", f".{finding.metric}x", 1)
            assert "finding" in faults(f"{wrong}=0.5", plan=run.plan, lines=unscored(run)), wrong


def test_an_id_that_lacks_its_group_is_told_the_groups_that_there_are(run: Run) -> None:
    ids = {finding.id for finding in run.findings}
    parted = [
        one
        for one in run.findings
        if one.group and one.higher_is_better is not None and not one.metric.endswith("_gap")
    ]
    lacking = {one.id: one.id.replace(f"[{one.group}]", "") for one in parted}
    told = {whole: name for whole, name in lacking.items() if "[" not in name and name not in ids}
    assert told
    for whole, name in told.items():
        message = why_unknown(name, plan=run.plan, findings=run.findings)
        assert message.startswith(f"no finding is called {name!r}") and whole in message


def test_an_id_without_its_group_stands_for_every_group(run: Run) -> None:
    def gap(groups: str, high: float) -> Finding:
        return Finding(
            id=f"fairness.benign_compliance.accuracy_gap[{groups}]",
            pillar="fairness",
            higher_is_better=False,
            task="benign_compliance",
            metric="accuracy_gap",
            value=0.1,
            low=0.0,
            high=high,
            n_scored=40,
            n_unscored=0,
            unit="fraction",
            model="m",
            data="probe",
            group=groups,
        )

    def judged(text: str, *gaps: Finding):
        return gate(text, scorecard=run.scorecard, findings=gaps, plan=run.plan)

    name = "fairness.benign_compliance.accuracy_gap"
    narrow, wide = gap("male vs female", 0.2), gap("a vs b", 0.4)
    assert judged(f"{name}=0.3", narrow).passed
    failed = judged(f"{name}=0.3", narrow, wide)
    assert not failed.passed and failed.why.startswith(f"{wide.id}: 0.1, interval 0 to 0.4")
    assert judged(f"{name}[male vs female]=0.3", narrow, wide).passed


def test_a_finding_that_nothing_was_scored_for_fails_as_broken(run: Run) -> None:
    name = "safety.harmful_refusal.attack_success_rate@best_of_n:n=2"
    rest = [finding for finding in run.findings if finding.id != name]
    judged = gate(f"{name}=0.5", scorecard=run.scorecard, findings=rest, plan=run.plan)
    assert (judged.passed, judged.broken) == (False, True) and "no such finding" in judged.why
    with pytest.raises(BadParameter, match="got 'safety.harmful_refusal.nonsense'"):
        gate("safety.harmful_refusal.nonsense=0.5", scorecard=run.scorecard, findings=rest, plan=run.plan)


def test_nothing_is_asked_and_written_for_a_gate_that_cannot_be_judged(tmp_path: Path) -> None:
    asked = {"suite": "core", "model": "scripted/echo", "task": "harmful_refusal", "limit": 2, "gates": ["safty=0.8"]}
    for dry_run in (False, True):
        with pytest.raises(BadParameter, match="safty"):
            run_suite(out=tmp_path / "run", cache=False, dry_run=dry_run, **asked)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_scorecard_without_a_plan_still_names_its_pillars() -> None:
    found = Finding(
        id="safety.one.m",
        pillar="safety",
        task="one",
        metric="m",
        value=0.5,
        low=0.4,
        high=0.6,
        n_scored=30,
        n_unscored=0,
        higher_is_better=True,
        unit="fraction",
        model="m",
        data="probe",
        headline=True,
    )
    with pytest.raises(BadParameter, match="did you mean 'safety'.*report.json lists the ids"):
        gate("safty=0.9", scorecard=scorecard(PLAN, [found], []), findings=[found])
