"""What was asked behind a random defence, under attack, and sampled, is asked again as it was."""

from __future__ import annotations

import hashlib
from pathlib import Path

import earnest
from earnest.models.access import Answer, Model, Sampling
from earnest.results.build import read_lines
from earnest.runs.suite import replay


class Exact(Model):
    """Says what depends on every sample that it hears and on the seed, and nothing else."""

    name, fingerprint, batch_size = "exact", "e", 8

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        return [
            Answer(text=hashlib.sha256(f"{s.clip.digest} {sampling.seed}".encode()).hexdigest()[:12]) for s in stimuli
        ]


def test_attacked_items_behind_a_random_defence_replay(tmp_path: Path) -> None:
    run = earnest.run(
        "core",
        model=Exact(),
        task="harmful_refusal",
        limit=4,
        attack="best_of_n:n=3",
        defence="smoothing:sigma=0.01",
        temperature=0.7,
        cache=False,
        out=tmp_path / "run",
    )
    lines = [line for line in read_lines(run.folder) if line.kind == "item" and line.answer is not None]
    assert len(lines) == 16
    attacked = [line for line in lines if line.attack]
    assert {line.draw for line in attacked} == {1} and {line.draw for line in lines if not line.attack} == {0}
    assert {line.parameters["seed"] for line in attacked} == {1}  # the seed that was drawn with, not the run's
    for line in lines:
        again = replay(run.folder, line.item, model=Exact())
        assert again.same, line.item
