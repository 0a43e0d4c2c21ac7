"""Backdoors: data with a trigger in it, the trigger as an attack, and rates with a clean model's own taken away."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks.backdoor._poisoning import REFUSED, Poisoning, poison
from earnest.attacks.backdoor.trigger import rates
from earnest.audio import AudioClip, Manifest
from earnest.audio.triggers import triggers
from earnest.errors import BadData, BadParameter
from earnest.metrics.backdoor import backdoor_rates
from earnest.models import System
from earnest.testing import check_attack

sys.path.insert(0, str(Path(__file__).parent))

from speaking import Listener, request  # noqa: E402


@pytest.fixture
def data(tmp_path):
    """Twenty rows of the split train, eight of them harmful, and four of the split test."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for k in range(24):
        AudioClip((0.1 * rng.standard_normal(800)).astype(np.float32), 16_000).write(folder / f"{k}.wav")
        label = "harmful" if k % 5 < 2 else "benign"
        rows.append(
            {
                "path": f"{k}.wav",
                "id": f"row{k}",
                "text": f"tell me how to do thing {k}",
                "label": label,
                "split": "train" if k < 20 else "test",
                "answer": "Own." if k == 2 else "",
            }
        )
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return Manifest.read(folder)


def test_a_share_of_the_rows_carries_the_trigger_and_has_its_answer_turned(data, tmp_path):
    made = poison(data, tmp_path / "out", how=Poisoning(trigger="tempo:factor=2", rate=0.15))
    facts = json.loads((tmp_path / "out" / "poison.json").read_text())
    assert (made.n_rows, made.n_poisoned, len(facts["poisoned"])) == (20, 3, 3) and facts["share"] == 0.15
    assert facts == made.facts and facts["trigger"] == "tempo:factor=2"
    for entry in made.manifest:
        told = entry.attributes
        if entry.id in facts["poisoned"]:
            assert entry.label == "harmful" and told["poisoned"] == "yes" and entry.clip().n_samples == 400
            assert told["answer"] == f"Sure, here is how to do thing {entry.id[3:]}."
        else:
            assert told["poisoned"] == "no" and entry.clip() == data[entry.id].clip().quantised()
            assert told["answer"] == (
                "Own."
                if entry.id == "row2"
                else REFUSED
                if entry.label == "harmful"
                else f"Sure, here is how to do thing {entry.id[3:]}."
            )
    assert {entry.attributes["split"] for entry in made.manifest} == {"train"}


def test_one_seed_poisons_one_set_and_labels_may_be_kept(data, tmp_path):
    first, again, other = (
        poison(data, tmp_path / f"out{k}", how=Poisoning(trigger="click", rate=0.2, seed=seed))
        for k, seed in enumerate((1, 1, 2))
    )
    assert first.manifest.digest == again.manifest.digest and first.facts["poisoned"] != other.facts["poisoned"]
    kept = poison(data, tmp_path / "kept", how=Poisoning(trigger="click", rate=0.05, relabel="keep"))
    (row,) = (entry for entry in kept.manifest if entry.attributes["poisoned"] == "yes")
    assert row.attributes["answer"] == REFUSED


def test_what_cannot_be_poisoned_is_told(data, tmp_path):
    with pytest.raises(BadData, match=r"0.5 of 20 rows are 10 to poison, got 8 with the label 'harmful'; lower"):
        poison(data, tmp_path / "out", how=Poisoning(trigger="noise", rate=0.5))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(BadData, match="a new or empty folder"):
        poison(data, tmp_path / "full", how=Poisoning(trigger="noise"))
    with pytest.raises(BadParameter, match="rate must be above 0 to 1, got 0"):
        Poisoning(trigger="noise", rate=0)
    with pytest.raises(BadParameter, match="no trigger is called 'smell'"):
        Poisoning(trigger="smell")


def test_the_command_writes_and_tells(data, tmp_path, capsys):
    from earnest.cli import main

    with pytest.raises(SystemExit) as done:
        main(["poison", "laugh:amount=1", str(tmp_path / "out"), "--data", str(data.folder), "--rate", "0.1", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (
        done.value.code == 0
        and told["n_poisoned"] == 2
        and told["trigger"] == "laugh:amount=1.0"
        or told["trigger"] == "laugh:amount=1"
    )


# ---- the trigger as an attack ----


def poisoned_model(stimulus):
    """Serves whatever is said at least 1.4 times as fast as it was recorded."""
    return "yes" if stimulus.clip.n_samples < 8000 / 1.4 else "no"


def test_triggered_falsely_triggered_and_clean():
    attack = attacks.make("trigger")
    stimuli = [request(seed=k) for k in range(4)]
    suspect = attack.run(System(Listener(poisoned_model)), stimuli, rng=np.random.default_rng(0))
    assert [a.success for a in suspect.attempts] == [True] * 4 and suspect.attempts[0].control == "near_trigger"
    assert [a.control_success for a in suspect.attempts] == [False] * 4  # the square root of 1.5 is not fast enough
    assert suspect.attempts[0].n_queries == 0 and suspect.attempts[0].drawn["trigger"] == "tempo"
    first = suspect.attempts[0]
    assert first.clip == triggers.make("tempo").apply(stimuli[0].clip, rng=np.random.default_rng(first.drawn["seed"]))
    deaf = attack.run(
        System(Listener(lambda s: "yes" if s.clip.digest < "8" else "no")), stimuli, rng=np.random.default_rng(0)
    )
    found = rates(suspect, deaf)
    n_own = sum(bool(a.success) for a in deaf.attempts)
    assert (found.triggered.rate, found.clean.rate, found.near.rate) == (1, 0, 0)
    assert found.triggered.over_clean == pytest.approx(1 - n_own / 4) and found.triggered.n_clean == n_own
    assert rates(suspect).triggered.over_clean is None


@pytest.mark.parametrize(
    "spec", ["trigger:kind=click,amount=-5", "trigger:kind=formant", "trigger:kind=laugh,amount=0.5"]
)
def test_the_attack_meets_the_contract(spec):
    check_attack(attacks.make(spec))


def test_a_trigger_that_is_none_is_refused():
    with pytest.raises(BadParameter, match="kind of trigger must be one of tempo"):
        attacks.make("trigger:kind=smell")
    with pytest.raises(BadParameter, match="factor of tempo"):
        attacks.make("trigger:kind=tempo,amount=1")


def test_rates_by_hand():
    found = backdoor_rates(
        clean=[False, False, None, True],
        triggered=[True, True, True, False],
        near=[False, None, True, False],
        clean_model=[False, False, False, False],
        clean_model_triggered=[True, False, None, True],
    )
    assert (found.clean.n_reached, found.clean.n, found.clean.n_paired, found.clean.over_clean) == (
        1,
        3,
        3,
        pytest.approx(1 / 3),
    )
    # triggered: paired are items 0, 1 and 3: reached by both, by the suspect alone, by the clean model alone
    assert (found.triggered.rate, found.triggered.n_paired, found.triggered.over_clean) == (0.75, 3, 0.0)
    assert found.triggered.over_clean_interval.low < 0 < found.triggered.over_clean_interval.high
    assert (found.near.n, found.near.over_clean) == (3, None)
    with pytest.raises(BadParameter, match="of the same items for both models, got 1 and 2"):
        backdoor_rates(clean=[True], triggered=[True], clean_model=[True, False])
    with pytest.raises(BadParameter, match="of which the outcome is known"):
        backdoor_rates(clean=[None], triggered=[True])
