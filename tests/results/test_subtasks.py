"""What a run did of each sub-task."""

from __future__ import annotations

from earnest.pillars import PILLARS, SUBTASKS
from earnest.plan import Plan, PlannedTask
from earnest.results.subtasks import subtask_counts

NOISE, VOICES, PHYSICS = (
    "robustness/noise_interference",
    "robustness/multiple_speakers",
    "hallucination/physical_violation",
)


def plan(*tasks: PlannedTask, **fields) -> Plan:
    return Plan(
        earnest="0",
        suite="s",
        suite_version=1,
        model="m",
        fingerprint="f",
        data="d",
        data_digest="0",
        tasks=tasks,
        items_digest="0",
        **fields,
    )


def task(name: str, **fields) -> PlannedTask:
    return PlannedTask(name=name, pillar="robustness", version=1, n_items=fields.pop("n_items", 3), **fields)


def test_there_are_26_and_each_has_its_pillar():
    counts: dict[str, int] = {}
    for key in SUBTASKS:
        counts[key.partition("/")[0]] = counts.get(key.partition("/")[0], 0) + 1
    assert counts == {
        "fairness": 7,
        "hallucination": 4,
        "safety": 4,
        "privacy": 2,
        "robustness": 6,
        "authentication": 3,
    }
    assert set(counts) <= set(PILLARS)


def test_items_are_counted_by_what_is_varied_and_not_by_task(line):
    noisy = task("noisy", subtasks={NOISE: 3, VOICES: 1}, n_items=4)
    lines = [
        line("a", 1.0, task="noisy", truth={"subtask": NOISE}),
        line("b", None, task="noisy", truth={"subtask": NOISE}, reason="did_not_hear"),
        line("c", 0.5, task="noisy", truth={"subtask": VOICES}),
        line("d@pgd", 0.0, task="noisy", truth={"subtask": VOICES}, attack="pgd"),  # attacked: not counted
    ]
    noise, voices = sorted(subtask_counts(plan(noisy), lines), key=lambda count: count.n_items, reverse=True)
    assert (noise.key, noise.n_items, noise.n_scored) == (NOISE, 3, 1)
    assert noise.unscored == {"did_not_hear": 1, "not_run": 1}  # one of the three planned has no line at all
    assert noise.scored_share == 1 / 3
    assert (voices.key, voices.n_items, voices.n_scored, voices.unscored) == (VOICES, 1, 1, {})


def test_what_is_not_asked_says_why():
    beyond = task("physics", subtasks={PHYSICS: 40}, not_run="beyond m: no such skill")
    lacking = task("voices", unserved={VOICES: "no row has the column speaker"}, n_items=0, not_run="no row has it")
    partly = task("noisy", subtasks={NOISE: 2}, unserved={VOICES: "one voice alone"}, n_items=2)
    found = {count.key: count for count in subtask_counts(plan(beyond, lacking, partly), [])}
    assert list(found) == [key for key in SUBTASKS if key in found]  # in the order of the list
    assert (found[PHYSICS].n_items, found[PHYSICS].scored_share) == (0, None)
    assert found[PHYSICS].not_asked == {"physics": "beyond m: no such skill"}
    assert found[VOICES].not_asked == {"voices": "no row has it", "noisy": "one voice alone"}
    assert found[NOISE].tasks == ("noisy",)


def test_a_shard_counts_what_it_has(line):
    noisy = task("noisy", subtasks={NOISE: 3})
    (count,) = subtask_counts(plan(noisy, shard="1/2"), [line("a", 1.0, task="noisy", truth={"subtask": NOISE})])
    assert (count.n_items, count.n_scored, count.unscored) == (1, 1, {})
