"""`earnest attack`: a run towards one goal, its hits, and the hits on another model."""

import json
from pathlib import Path

import pytest

from earnest.cli import main
from earnest.cli.attack import GOALS, _spec, _task_of
from earnest.errors import BadParameter, UnknownName
from earnest.registry import registry
from earnest.runs.suite import HITS, replay_hits, write_hits


def ended(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code


def test_every_goal_is_of_a_task_whose_items_have_goals() -> None:
    assert all(registry("tasks").make(task).has_goals for task in GOALS.values())
    assert _task_of("pair-decision") == "pair_decision"
    with pytest.raises(UnknownName, match="did you mean 'comply'"):
        _task_of("complie")
    with pytest.raises(BadParameter, match="no goal that an attack could reach"):
        _task_of("benign_compliance")


def test_a_budget_is_parameters_of_the_attack() -> None:
    assert _spec("best_of_n:n=64", ("queries=40,usd=1.5",), None) == "best_of_n:n=64,queries=40,usd=1.5"
    assert (
        _spec("pgd", ("snr_db=35", "seconds=9"), "earnest/reference")
        == "pgd:crafted_on=earnest/reference,seconds=9,snr_db=35"
    )
    with pytest.raises(BadParameter, match="'best_of_n' has no budget in snr_db; it takes queries, seconds, usd"):
        _spec("best_of_n", ("snr_db=3",), None)


@pytest.mark.parametrize("access", ["none", "responses", "gradients"])
def test_attacks_are_listed_by_access(access: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["attack", "list", "--access", access, "--json"]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)["attacks"]}
    assert ("noise" in names, "best_of_n" in names, "pgd" in names) == (True, access != "none", access == "gradients")


def test_an_attack_leaves_hits_that_are_tried_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    arguments = f"attack best_of_n --model scripted/always_refuse --budget queries=2 --limit 2 --log-queries --no-cache --out {out}"
    assert ended(arguments.split()) == 0
    assert "0 hits" in capsys.readouterr().out and (out / HITS).read_text() == ""
    lines = [json.loads(line) for line in (out / "queries.jsonl").read_text().splitlines()]
    assert sum(line["part"] == "attack" for line in lines) == sum(line["part"] == "control" for line in lines) == 4

    # a refusing model gives no hit; told that it was beaten once, the file holds that one with all that asks it again
    import earnest

    run = earnest.Run.open(out)
    attacked = [line for line in run.lines() if line.attempt]
    won = attacked[0].model_copy(update={"attempt": {**attacked[0].attempt, "success": True}})
    hits = write_hits(out, run.plan, [won, *attacked[1:]])
    (hit,) = [json.loads(line) for line in hits.read_text().splitlines()]
    assert hit["item"] == won.item and hit["registered"] == "harmful_refusal" and hit["n_queries"] == 2
    refused, complied = (replay_hits(hits, model=f"scripted/{name}") for name in ("always_refuse", "always_comply"))
    assert (refused.on_target.n_success, refused.complied.n_success, refused.on_target.n) == (0, 0, 1)
    assert complied.complied.n_success == 1 and complied.tried[0].now.startswith("Sure")
    assert ended(["attack", "replay", str(hits), "--model", "scripted/always_comply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["complied"]["n_success"] == 1
    (out / "clips" / f"{hit['clips']['speech']}.flac").unlink()
    assert ended(["attack", "replay", str(hits), "--model", "scripted/always_comply"]) == 2
    assert "copy the whole run folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"), [("", "the attack found nothing"), ('{"item": 1}\n', "has no task"), ("{\n", "line 1")]
)
def test_a_file_without_hits_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    (tmp_path / HITS).write_text(text)
    assert ended(["attack", "replay", str(tmp_path / HITS), "--model", "scripted/always_comply"]) == 2
    assert says in capsys.readouterr().err


def test_what_it_would_ask_is_told_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("attack best_of_n:n=3 --model scripted/always_refuse --limit 2 --dry-run --json".split()) == 0
    told = json.loads(capsys.readouterr().out)
    # no attack 2, attacked 2 * (clean, attacked, control) + 2 * 3 + 2 * 3 queries, twins 2 * 2, and the canaries
    assert told["estimate"]["n_calls"] == 2 + 6 + 12 + 4 + told["n_canaries"]
    assert ended("attack best_of_n --limit 2".split()) == 2
