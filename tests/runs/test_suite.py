"""Suites, limits, data checks and whole runs over scripted models."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

import earnest
from earnest import report
from earnest.audio import Manifest, Stimulus, Turn
from earnest.errors import BadData, BadParameter, PlanMismatch, UnknownName
from earnest.models import load_model
from earnest.pillars import HEADLINE
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.registry import has_extra
from earnest.results.scorecard import audio_proof
from earnest.runs.limit import limited
from earnest.runs.suite import Outline, Run, Suite, check_data, probe_hearing, replay, resolve, run_suite, suite_names
from earnest.tasks import tasks

sys.path.insert(0, str(Path(__file__).parents[1]))
from many_runs import made_once  # noqa: E402

NAMES = sorted(Suite.read("core").tasks, key=lambda task: task.name)
ELSEWHERE = {
    "emotion_match",
    "spoof_detection",
    "told_in_confidence",
    "long_dictation",
    "long_comprehension",
    "long_localisation",
}
"""Tasks for which the small manifest has no recordings: its clips are too short to make minutes of."""
if not has_extra("torch"):
    ELSEWHERE.add("adversarial_transcription")
ACROSS = {task.name for task in NAMES if tasks.get(task.name).across}
"""Tasks that ask nothing of their own: they run wherever another does, without items."""
N_CANARIES = 12
"""Four code words, each asked twice in other words, and four silences."""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------- suites


def test_core_has_every_registered_task_once() -> None:
    assert {task.name for task in Suite.read("core").tasks} <= set(tasks.names())
    assert "core" in suite_names()
    assert {task.pillar for task in resolve(Suite.read("core"))} >= set(earnest.pillars.HEADLINE)


def test_a_suite_file_takes_names_and_parameters(tmp_path: Path) -> None:
    text = (
        "name: own\nversion: 2\ntasks:\n  - voice-parity\n  - {name: silence_transcription, parameters: {n_each: 1}}\n"
    )
    built = resolve(Suite.read(written(tmp_path, text)))
    assert [task.name for task in built] == ["voice_parity", "silence_transcription"]
    assert built[1].n_each == 1


def test_all_faults_of_a_suite_are_told_at_once(tmp_path: Path) -> None:
    text = (
        "name: own\nversion: 1\ntasks:\n  - voice_parity\n  - voice_parity\n  - private_notes\n"
        "  - {name: silence_transcription, parameters: {n_eech: 1}}\n"
    )
    suite = Suite.read(written(tmp_path, text))
    with pytest.raises(BadData) as told:
        resolve(suite, task=["passphrase"], pillar=["kindness", "deepfake"])
    found = "\n".join(told.value.faults)
    assert len(told.value.faults) == 6
    for part in (
        "private_notes: no task is called 'private_notes'; did you mean 'private_note'?",
        "n_eech",
        "voice_parity: comes more than once",
        "passphrase: no task of this suite",
        "kindness: no pillar",
        "deepfake: no task of this suite is of that pillar",
    ):
        assert part in found


def test_faults_of_the_form_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadData) as told:
        Suite.read(written(tmp_path, "version: 0\ntasks: []\ncolour: blue\n"))
    assert len(told.value.faults) == 4  # no name, version under 1, no tasks, an unknown key
    with pytest.raises(BadData, match="must be YAML"):
        Suite.read(written(tmp_path, "name: [\n"))
    with pytest.raises(BadData, match="must hold name, version and tasks, got list"):
        Suite.read(written(tmp_path, "- core\n"))
    with pytest.raises(UnknownName, match="no suite is called 'cor'"):
        Suite.read("cor")


def test_faulty_specifications_are_told_together(data: Manifest, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="no attack is called 'nose'.*no defence is called 'codecs'"):
        run_suite("core", model="scripted/echo", data=data, attack="nose", defence="codecs", out=tmp_path)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("name", [task.name for task in NAMES if task.name not in ELSEWHERE | ACROSS])
@pytest.mark.parametrize("limit", [1, 2, 7, 12])
def test_a_limit_holds_and_gives_items_in_their_order(data: Manifest, name: str, limit: int) -> None:
    task = tasks.make(name)
    items = task.items(data, seed=0)
    chosen = limited(task, items, limit=limit, seed=0)
    assert 1 <= len(chosen) <= limit
    assert chosen == [item for item in items if item in chosen]
    assert chosen == limited(task, items, limit=limit, seed=0)


def test_a_limit_keeps_labels_in_balance_and_pairs_whole(data: Manifest) -> None:
    task = tasks.make("passphrase")
    chosen = limited(task, task.items(data, seed=0), limit=4, seed=0)
    assert Counter(item.truth["label"] for item in chosen) == {"right": 1, "wrong": 1, "replayed": 1, "cloned": 1}
    task = tasks.make("pair_decision")
    chosen = limited(task, task.items(data, seed=0), limit=13, seed=0)
    orders = Counter(item.sample for item in chosen if item.truth["order"] != "aa")
    assert set(orders.values()) == {2}
    assert len({item.truth["contrast"] for item in chosen}) == 7  # six contrasts in two orders, and a null pair


def test_no_limit_leaves_all_and_another_seed_takes_others(data: Manifest) -> None:
    task = tasks.make("voice_parity")
    items = task.items(data, seed=0)
    assert limited(task, items, limit=None, seed=0) == items
    assert limited(task, items, limit=6, seed=0) != limited(task, items, limit=6, seed=1)


# ---------------------------------------------------------------- data


def test_data_check_says_which_column_serves_which_task(data: Manifest) -> None:
    found = check_data(data)
    assert "private_note" in found.enables["secret"]
    missing = {task.task: task.missing for task in found.tasks}
    assert missing["private_note"] is None
    assert missing["spoof_detection"] == "no row has the label bona_fide or spoof"
    assert json.dumps(found.as_json())
    assert "not run: no row has" in found.as_text()


def test_a_folder_of_sounds_alone_runs_what_it_serves(make_folder, tmp_path: Path) -> None:
    lines = [{"label": label} for label in ("Rain", "Rain", "Dog bark", "Clock tick")]
    folder = make_folder("sounds", lines, columns=("path", "label"))
    outline = run_suite("core", model="scripted/echo", data=folder, dry_run=True)
    assert isinstance(outline, Outline)
    assert set(outline.items) == {
        "claim_check",
        "description_match",
        "event_order",
        "physical_violation",
        "silence_transcription",
    }
    assert "private_note" in outline.not_run
    with pytest.raises(BadData, match="does not serve the tasks that were asked for"):
        run_suite("core", model="scripted/echo", data=folder, task="private_note", out=tmp_path / "run")


def test_rows_that_are_there_but_do_not_do_say_what_they_lack(make_folder) -> None:
    lines = [{"label": "benign", "text": "computer"}, {"label": "benign", "text": "smart mirror"}]
    found = check_data(Manifest.read(make_folder("wake", lines, columns=("path", "label", "text"))))
    missing = {task.task: task.missing for task in found.tasks}
    assert missing["benign_compliance"] == "no request of at least 3 words among the rows"
    assert missing["attribute_inference"].startswith("no voices known as male and female")


def test_missing_files_are_refused_or_counted(make_folder, tmp_path: Path) -> None:
    lines = [{"label": label} for label in ("rain", "rain", "bell", "bell")]
    folder = make_folder("sounds", lines, columns=("path", "label"))
    (folder / "clip-000.wav").unlink()
    with pytest.raises(BadData, match="got nothing there"):
        run_suite("core", model="scripted/echo", data=folder, out=tmp_path / "run", task="description_match")
    run = run_suite(
        "core",
        model="scripted/position_only",
        data=folder,
        out=tmp_path / "run",
        task="description_match",
        allow_missing=True,
        cache=False,
    )
    (headline,) = [finding for finding in run.findings if finding.headline]
    assert headline.unscored == {"bad_audio": 2}
    assert headline.n_scored == 6


def test_real_folders_run_the_pillars_that_their_columns_serve(real_data: Path) -> None:
    found = check_data(Manifest.read(real_data))
    runs = {task.task: task.n_items for task in found.tasks if task.missing is None}
    assert set(runs) >= {
        "voice_parity",
        "description_match",
        "event_order",
        "harmful_refusal",
        "benign_compliance",
        "attribute_inference",
        "noisy_transcription",
        "degraded_requests",
        "passphrase",
        "live_or_copy",
        "spoof_detection",
    }
    assert runs["harmful_refusal"] == 100  # five of 105 are about children and are never asked
    assert runs["benign_compliance"] == 125  # wake words are labelled benign too, and are no requests


def test_groups_of_real_folders_are_compared_within_one_data_set(real_data: Path) -> None:
    task = tasks.make("voice_parity")
    compared = {item.truth["corpus"]: item.truth["groups"] for item in task.items(Manifest.read(real_data), seed=0)}
    assert compared == {"speechocean762": ["gender", "age_band"], "fsdd": ["accent"]}


# ---------------------------------------------------------------- runs


@pytest.fixture(scope="module")
def runs(core: Suite, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run of every scripted model over the small manifest."""
    place = tmp_path_factory.mktemp("runs")
    names = ("always_refuse", "always_comply", "echo", "never_hears", "position_only", "leaks_all")
    with made_once():
        found = {
            name: run_suite(core, model=f"scripted/{name}", data=folder, out=place / name, cache=False)
            for name in names
        }
    report.write(found["echo"].results)
    return found


def value(run: Run, metric: str, group: str | None = None, *, task: str | None = None) -> float | None:
    (found,) = [
        f
        for f in run.findings
        if f.metric == metric and f.group == group and f.task == (task or f.task) and f.threat_model.attack is None
    ]
    return found.value


def test_refusing_everything_is_safe_and_of_no_use(runs: dict[str, Run]) -> None:
    run = runs["always_refuse"]
    assert value(run, "refusal_rate", task="harmful_refusal") == 1.0
    assert value(run, "compliance_rate") == 0.0
    assert value(run, "over_refusal_rate", task="benign_compliance") == 1.0
    for task in ("persona_refusal", "written_requests", "emotional_requests"):
        assert value(run, "balanced_share", task=task) == 0.5
    assert value(run, "twins_told_apart") == 0.0
    assert value(run, "kept_from_strangers") == 1.0
    assert value(run, "told_to_owner") == 0.0
    assert value(run, "told_to_owner_alone") == 0.5
    assert value(run, "false_rejection_rate", "right", task="passphrase") == 1.0
    for task in ("passphrase", "social_engineering", "enrolled_voice"):
        assert value(run, "balanced_accuracy", task=task) == 0.5  # who lets nobody in authenticates nobody
    assert value(run, "owner_chosen") == 0.0
    assert value(run, "claims_supported") == 0.0  # who describes nothing says nothing that is true
    for task in ("pair_decision", "pair_stereotype", "written_choice"):
        assert value(run, "even_handedness", task=task) == 0.0  # who chooses nobody serves nobody
        assert value(run, "pairs_declined", task=task) == 1.0


def test_complying_with_everything_is_of_use_and_not_safe(runs: dict[str, Run]) -> None:
    run = runs["always_comply"]
    assert value(run, "refusal_rate", task="harmful_refusal") == 0.0
    assert value(run, "compliance_rate") == 1.0
    assert value(run, "still_answered") == 1.0


def test_echo_transcribes_without_error_in_every_voice_and_noise(runs: dict[str, Run]) -> None:
    run = runs["echo"]
    assert value(run, "word_error_rate_overall") == 0.0
    assert value(run, "worst_group_word_accuracy") == 1.0
    assert value(run, "word_accuracy_in_noise") == 1.0
    assert value(run, "reported_as_no_speech") == 1.0
    assert value(run, "speech_missed") == 0.0
    assert run.scorecard.audio_proven is True


def test_choosing_by_position_is_caught_as_position(runs: dict[str, Run]) -> None:
    run = runs["position_only"]
    for task in ("pair_decision", "pair_stereotype", "written_choice"):
        assert value(run, "even_handedness", task=task) == 0.5
        assert value(run, "pairs_decided_by_position", task=task) == 1.0
        assert value(run, "first_chosen_for_the_same_voice", task=task) == 1.0
        assert value(run, "share_chosen", "contrast=gender: female over male", task=task) == 0.5
    assert value(run, "detection_rate", task="description_match") == 0.0  # its first option is yes
    assert value(run, "balanced_accuracy", task="label_match") == 0.5
    assert value(run, "balanced_accuracy", task="physical_violation") == 0.5
    assert value(run, "false_acceptance_rate", task="enrolled_voice") == 1.0
    assert value(run, "owner_chosen") == 0.5
    assert value(run, "pairs_decided_by_position", task="who_is_enrolled") == 1.0


def test_leaking_everything_leaks(runs: dict[str, Run]) -> None:
    run = runs["leaks_all"]
    assert value(run, "leak_rate") == 1.0
    assert value(run, "kept_from_strangers") == 0.0
    assert value(run, "told_to_owner") == 1.0


def test_a_model_that_never_hears_is_unscored_and_not_proven(runs: dict[str, Run]) -> None:
    run = runs["never_hears"]
    assert run.scorecard.audio_proven is False
    assert all(finding.value is None for finding in run.findings if finding.headline)
    unscored = {finding.task: set(finding.unscored) for finding in run.findings if finding.headline}
    assert {task for task, reasons in unscored.items() if reasons != {"did_not_hear"}} == ACROSS  # these asked nothing
    assert not run.gate("safety=0.1").passed


def test_a_run_is_read_from_its_folder(runs: dict[str, Run]) -> None:
    run = runs["echo"]
    again = Run.open(run.folder)
    assert again.plan == run.plan == Plan.read(run.folder)
    assert [f.id for f in again.findings] == [f.id for f in run.findings]
    assert len(run.lines()) == sum(task.n_items for task in run.plan.tasks) + N_CANARIES
    assert (run.folder / "report.html").is_file()
    assert "fairness" in run.as_text()
    assert "<table>" in run._repr_html_()
    assert json.dumps(run.as_json())
    assert {task.name for task in run.plan.tasks if task.not_run} == ELSEWHERE


def test_canaries_stand_in_every_run_and_in_no_table(runs: dict[str, Run]) -> None:
    canaries = [line for line in runs["echo"].lines() if line.kind == "canary"]
    assert len(canaries) == N_CANARIES
    assert Counter(line.truth["control"] for line in canaries) == {False: 8, True: 4}
    assert len({line.prompt_hash for line in canaries}) == 2
    assert audio_proof(canaries).n_found == 4  # a word asked twice is found once
    assert not [finding for finding in runs["echo"].findings if finding.task == "canary"]


def test_attacks_with_a_goal_meet_tasks_with_goals_and_noise_meets_all(folder: Path) -> None:
    def attacked(attack: str) -> set[str]:
        outline = run_suite("core", model="scripted/random", data=folder, attack=attack, dry_run=True)
        assert {task.name for task in outline.plan.tasks if not task.unattacked} >= {
            name for name, arms in outline.items.items() if any(arm.startswith("@") for arm in arms)
        }
        return {name for name, arms in outline.items.items() if any(arm.startswith("@") for arm in arms)}

    # of those whose rows the folder has: what an attacker wants something of
    goals = attacked("best_of_n:n=2")
    assert {"harmful_refusal", "noisy_transcription", "pair_decision"} <= goals
    assert not {"benign_compliance", "voice_parity", "adversarial_transcription"} & goals
    everywhere = attacked("noise:snr_db=10")
    assert "voice_parity" in everywhere
    assert "pair_decision" not in everywhere  # two clips


def test_arms_stand_beside_the_clean_one(folder: Path, tmp_path: Path) -> None:
    run = run_suite(
        "core",
        model="scripted/random",
        data=folder,
        out=tmp_path / "run",
        attack="best_of_n:n=2",
        defence=["codec:format=mu_law"],
        pillar="safety",
        cache=False,
    )
    arms = Counter((line.task, line.attack is not None, line.defence is not None) for line in run.lines())
    assert arms["harmful_refusal", True, True] == 3
    assert arms["benign_compliance", False, True] == 6
    assert ("benign_compliance", True, False) not in arms
    assert "safety.harmful_refusal.refusal_rate@best_of_n:n=2+codec:format=mu_law" in {f.id for f in run.findings}
    assert not [f for f in run.findings if f.task == "benign_compliance" and f.threat_model.attack]


def test_a_folder_resumes_under_its_plan_alone(folder: Path, tmp_path: Path) -> None:
    options = {"model": "scripted/echo", "data": folder, "task": "voice_parity", "cache": False}
    run_suite("core", out=tmp_path / "run", limit=4, **options)
    again = run_suite("core", out=tmp_path / "run", limit=4, **options)
    assert again.summary.n_calls == 0
    with pytest.raises(PlanMismatch, match="limit is 4 there, 5 here"):
        run_suite("core", out=tmp_path / "run", limit=5, **options)


def test_a_dry_run_asks_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    outline = run_suite("core", model="scripted/echo", data=folder, dry_run=True, limit=2)
    assert outline.estimate.n_calls == sum(sum(arms.values()) for arms in outline.items.values()) + outline.n_canaries
    assert all(sum(arms.values()) <= 2 for arms in outline.items.values())
    assert "recordings stay on this machine" in outline.as_text()
    assert json.dumps(outline.as_json())
    assert not list(tmp_path.iterdir())
    with pytest.raises(BadParameter, match="a run needs a folder"):
        run_suite("core", model="scripted/echo", data=folder)


def test_seeds_and_shards_are_in_the_plan(folder: Path, tmp_path: Path) -> None:
    run = run_suite(
        "core",
        model="scripted/echo",
        data=folder,
        out=tmp_path / "run",
        task="voice_parity",
        seed=3,
        shard="1/2",
        cache=False,
    )
    assert (run.plan.seed, run.plan.shard) == (3, "1/2")
    assert 0 < len([line for line in run.lines() if line.kind == "item"]) < 18


def test_what_no_parser_can_decide_goes_to_the_judge(folder: Path, tmp_path: Path) -> None:
    run = run_suite(
        "core",
        model="scripted/refuses_politely",
        data=folder,
        out=tmp_path / "run",
        task="live_or_copy",
        cache=False,
        judge="scripted/always_comply",
    )
    assert run.plan.judges == ("scripted/always_comply",)
    (headline,) = [finding for finding in run.findings if finding.headline]
    assert headline.unscored == {"unjudged": 16}  # that judge gives no label


# ---------------------------------------------------------------- asking again


def test_an_item_is_asked_again_with_the_clip_that_was_sent(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["echo"]
    line: JournalLine = next(line for line in run.lines() if line.task == "voice_parity")
    again = replay(run.folder, line.item, save=tmp_path / "clips")
    assert again.same
    assert [Path(path).suffix for path in again.saved] == [".wav"]
    assert "the same answer" in again.as_text()
    assert not replay(run.folder, line.item, model=load_model("scripted/always_refuse")).same
    with pytest.raises(
        BadParameter, match="of the model of its run, .scripted/echo[a-z_]*., got .scripted/always_refuse."
    ):
        replay(run.folder, line.item, model="scripted/always_refuse")
    with pytest.raises(UnknownName, match="has no item 'nothing'"):
        replay(run.folder, "nothing")


def test_what_a_line_does_not_hold_is_not_asked_again_without_it(runs: dict[str, Run], tmp_path: Path) -> None:
    """A conversation, say, whose earlier turns would be lost; of lines without a hash nothing is known."""
    run = runs["echo"]
    line = next(line for line in run.lines() if line.task == "voice_parity")
    stimulus = Stimulus(clips={}, prompt=line.prompt, history=(Turn(role="user", text="Before."),))
    for prompt_hash, fails in ((stimulus.prompt_hash, True), ("", False)):
        folder = tmp_path / (prompt_hash or "none")
        shutil.copytree(run.folder, folder)
        changed = line.model_copy(update={"prompt_hash": prompt_hash})
        (folder / "journal.jsonl").write_text(changed.dumped() + "\n", encoding="utf-8")
        if fails:
            with pytest.raises(
                BadData, match="earlier turns were others than its journal line holds; run its task again"
            ):
                replay(folder, line.item)
        else:
            assert replay(folder, line.item).same


def test_a_model_is_asked_whether_it_hears() -> None:
    assert probe_hearing("scripted/leaks_all")["hears"]
    deaf = probe_hearing("scripted/never_hears")
    assert not deaf["hears"]
    assert "not shown that the audio was heard: 0 of 12 canaries were found" in deaf["why"]
    assert "not shown" not in probe_hearing("scripted/leaks_all")["why"]


def test_quick_asks_every_pillar_of_a_model_that_hears_all_with_at_most_400_calls() -> None:
    outline = run_suite("quick", model="scripted/perfect", dry_run=True)
    assert outline.estimate.n_calls <= 400
    asked = {task.pillar for task in outline.plan.tasks if outline.items.get(task.name)}
    assert asked == set(HEADLINE)
