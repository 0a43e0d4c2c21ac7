"""Attributes read from activations: what is there is found, what is not is not, and controls say what chance gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.audio import AudioClip, Manifest, Stimulus
from earnest.cli import cli
from earnest.errors import BadData
from earnest.models.access import Answer, Model, Reply, Sampling
from earnest.runs.attributes import infer_attribute

N = 24


class Known(Model):
    """Keeps in one site whether a speaker is loud, together with much else, and nothing in the other."""

    name = "known"
    access = frozenset({"responses", "activations"})
    sites = ("keeps", "forgets")

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        return [Answer(text="") for _ in stimuli]

    def activations(self, stimuli, *, sites=None, at=None):
        found = []
        for stimulus in stimuli:
            clip = stimulus.clip
            noise = np.random.default_rng(int(clip.digest[:8], 16)).standard_normal((2, 12)).astype(np.float32)
            noise[0, 3] += 3.0 * (clip.peak > 0.2)
            found.append({"keeps": noise[0], "forgets": noise[1]})
        return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Speakers of two levels, which is told in the column `level`, and a column that has nothing to do with it."""
    folder = tmp_path_factory.mktemp("levels")
    rows = ["path,speaker,level,coin"]
    coins = np.random.default_rng(5).permutation(["heads", "tails"] * (N // 2))
    for speaker in range(N):
        for take in range(3):
            samples = np.random.default_rng([speaker, take]).standard_normal(4000)
            level = 0.4 if speaker % 2 else 0.1
            clip = AudioClip((level * samples / np.abs(samples).max()).astype(np.float32), 16_000)
            clip.write(folder / f"{speaker}_{take}.flac")
            loud = "loud" if speaker % 2 else "soft"
            rows.append(f"{speaker}_{take}.flac,s{speaker},{loud},{coins[speaker]}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return Manifest.read(folder)


def test_what_is_kept_is_read_and_what_is_forgotten_is_not(data: Manifest) -> None:
    found = infer_attribute(Known(), data, "level", n_control=40)
    keeps, forgets = found.sites
    assert (keeps.site, forgets.site) == ("keeps", "forgets") and found.values == {"loud": 12, "soft": 12}
    assert keeps.balanced_accuracy > 0.85 and keeps.p <= 0.05 and keeps.low > 0.6
    assert 0.3 < forgets.balanced_accuracy < 0.7 and forgets.p > 0.05
    assert 0.35 < keeps.control < 0.65 and keeps.control_high < keeps.balanced_accuracy
    assert set(keeps.recall) == {"loud", "soft"} and found.chance == 0.5
    assert np.mean(list(keeps.recall.values())) == pytest.approx(keeps.balanced_accuracy, abs=1e-3)
    other = infer_attribute(Known(), data, "coin", n_control=20)
    assert all(0.25 < one.balanced_accuracy < 0.75 for one in [*other.sites, other.baseline])


def test_groups_under_other_names_leave_the_numbers_unchanged(data: Manifest) -> None:
    from dataclasses import replace

    from earnest.audio.entry import placed

    swapped = tuple(
        placed(
            entry.model_copy(
                update={
                    "attributes": {"level": {"loud": "b_was_loud", "soft": "c_was_soft"}[entry.attributes["level"]]}
                }
            ),
            data.folder,
        )
        for entry in data
    )
    first = infer_attribute(Known(), data, "level", n_control=2).sites[0]
    second = infer_attribute(Known(), replace(data, entries=swapped), "level", n_control=2).sites[0]
    assert first.balanced_accuracy == second.balanced_accuracy
    assert list(first.recall.values()) == list(second.recall.values())


def test_bad_columns_are_told(data: Manifest) -> None:
    with pytest.raises(BadData, match="two values of 'mood' must have 10 speakers each, got none"):
        infer_attribute(Known(), data, "mood")
    first = data.entries[0]
    changed = first.model_copy(update={"attributes": {"level": "other"}})
    from dataclasses import replace

    with pytest.raises(BadData, match=r"must be one for all rows of a speaker, got 'other' and 'soft' for 's0'"):
        infer_attribute(Known(), replace(data, entries=(changed, *data.entries[1:])), "level")


def test_the_command_reads_a_users_model(data: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "privacy",
        "attributes",
        str(data.folder),
        "--model",
        "scripted/echo",
        "--attribute",
        "level",
        "--limit",
        "24",
    ]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert "activations" in str(done.exception)  # a model that grants none is refused
    monkeypatch.setattr("earnest.models.load_model", lambda spec, **options: Known())
    done = CliRunner().invoke(cli, [*words, "--out", str(tmp_path), "--control", "3"], standalone_mode=False)
    assert done.exception is None and "keeps" in done.output
    assert json.loads((tmp_path / "privacy_attributes.json").read_text())["attribute"] == "level"
