#!/usr/bin/env python3
"""How often a planted preference for one of two groups of voices is found, and how often one that is not there.

    python benchmarks/power.py [--runs 200] [--data FOLDER] [--json]

Pairs. The items are those that `pair_decision` makes of readings in which statements and voices are crossed: V voices a
group, each in one block of voices, all of which say the same S statements. A model chooses between the two voices of every
item by a latent lean: 20 points of it, on average over voices and statements, are for the one group (it is chosen 60 : 40),
the rest is chance, a bias for the first place, leans of single voices (`voices`) and of single statements (`statements`).
The interval is that of `share_chosen`; a preference is found where it excludes 0.5.

Groups. A model mishears 20 points more of the words of one group (`voice_parity`), or refuses 20 points more of its
requests (`harmful_refusal`), voices differing among themselves; it is found where the interval of the gap excludes 0.

`found` is the share of runs in which 20 points are found, `false` that in which something is found where nothing was planted,
`ratio` is `found` over the 0.8 that we ask for. With 200 runs two standard errors of a share of 0.9 are 0.04. The design of the
probe set is the row marked so; with `--data` the pairs are those that the task makes of a folder's own readings.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from earnest.audio import Entry, Manifest
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Verdict
from earnest.registry import registry
from earnest.results import worst_gap
from earnest.results.gaps import group_by
from earnest.tasks.fairness._outcomes import Outcomes

POINTS = 20
WANTED = 0.8
GENDER = ("gender", "female", "male")
N_WORDS = 8
"""Words of a statement."""
N_REQUESTS = 48
"""Harmful requests, each in one voice, half of them in voices of either group."""


@dataclass(frozen=True)
class Design:
    """Voices a group, statements a voice, blocks of voices that share statements, and couples that a voice is in."""

    n_voices: int
    n_statements: int
    n_blocks: int
    n_couples: int = 2

    def manifest(self) -> Manifest:
        rows = [
            self._row(gender, voice, block * self.n_statements + number)
            for gender in GENDER[1:]
            for voice in range(self.n_voices)
            for block in [voice * self.n_blocks // self.n_voices]
            for number in range(self.n_statements)
        ]
        return Manifest(Path("."), tuple(rows))

    def _row(self, gender: str, voice: int, number: int) -> Entry:
        speaker = f"{gender}-{voice}"
        text = "statement " + " ".join(chr(ord("a") + int(digit)) for digit in f"{number:02d}") + " is the one i give"
        return Entry(path=f"{speaker}-{number}.flac", text=text, speaker=speaker, gender=gender, role="read")


PROBE = Design(12, 3, 4)
DESIGNS = (
    Design(12, 2, 4), Design(12, 3, 4, n_couples=1), PROBE, Design(12, 4, 3, n_couples=1), Design(12, 4, 3), Design(12, 3, 1),
    Design(16, 2, 4), Design(16, 3, 4),
)  # fmt: skip  # a table: one row a line


@dataclass(frozen=True)
class World:
    """Standard deviations of what single voices and statements lean, beside a chance of 1, and the bias for a place."""

    voices: float = 0.0
    statements: float = 0.0
    position: float = 0.0

    def lean(self, points: float) -> float:
        """The latent lean that makes the one group's share `points` larger than the other's, on average."""
        spread = math.sqrt(1 + 2 * self.voices**2 + self.statements**2)
        cdf = NormalDist().cdf
        low, high = -5.0, 5.0
        for _ in range(60):
            middle = (low + high) / 2
            share = (cdf((middle + self.position) / spread) + cdf((middle - self.position) / spread)) / 2
            low, high = (low, middle) if share > 0.5 + points / 200 else (middle, high)
        return low


WORLDS = (World(), World(position=0.7), World(voices=0.15), World(statements=0.25), World(voices=0.15, statements=0.15))


class Pairs:
    """The items on two genders that the task makes of a design, each with its line for either answer."""

    def __init__(self, data: Manifest, *, n_couples: int | None = None) -> None:
        """All pairs, or those of the first `n_couples` couples: those of the first round come first."""
        task = registry("tasks").make("pair_decision" if n_couples is None else "pair_decision:n_each=100000")
        items = [item for item in task.items(data, seed=0) if item.truth["contrast"] == GENDER[0]]
        couples = dict.fromkeys((item.truth["speaker_a"], item.truth["speaker_b"]) for item in items)
        kept = set(list(couples)[:n_couples])
        self.items = [item for item in items if (item.truth["speaker_a"], item.truth["speaker_b"]) in kept]
        self.lines = [
            {place: _line(item, task.score(item, Answer(text=place))) for place in ("first", "second")}
            for item in self.items
        ]

    def answered(self, world: World, points: float, *, rng: np.random.Generator) -> list[JournalLine]:
        """The lines of one run."""
        voices, statements = _Leans(world.voices, rng), _Leans(world.statements, rng)
        lean = world.lean(points)
        lines = []
        for item, by_place in zip(self.items, self.lines, strict=True):
            truth = item.truth
            forwards = truth["order"] == "ab"
            own = lean + voices[truth["speaker_a"]] - voices[truth["speaker_b"]] + statements[truth["text"]]
            first = rng.normal() + world.position + (own if forwards else -own) > 0
            lines.append(by_place["first" if first else "second"])
        return lines

    def found(self, world: World, points: float, *, rng: np.random.Generator) -> bool:
        share = Outcomes(self.answered(world, points, rng=rng)).share_chosen(GENDER)
        return not share.low <= 0.5 <= share.high


class _Leans(dict[str, float]):
    """What each voice, or statement, leans; drawn when it is met first."""

    def __init__(self, sd: float, rng: np.random.Generator) -> None:
        super().__init__()
        self._sd, self._rng = sd, rng

    def __missing__(self, name: str) -> float:
        self[name] = float(self._rng.normal(0.0, self._sd)) if self._sd else 0.0
        return self[name]


def _line(item: Item, verdict: Any) -> JournalLine:
    assert isinstance(verdict, Verdict)
    return JournalLine(
        item=item.id,
        sample=item.sample,
        task=item.task,
        prompt_hash="",
        model="planted",
        status="scored",
        verdict={"score": verdict.score, "label": verdict.label, "facts": dict(verdict.facts)},
        cluster=item.cluster,
        truth=dict(item.truth),
    )


# ---------------------------------------------------------------- groups


def parity_gap(points: float, *, voices: float, rng: np.random.Generator) -> bool:
    """Whether `voice_parity` finds a gap, of voices whose word error rates differ by `voices` among themselves."""
    task = registry("tasks").make("voice_parity")
    own = _Leans(voices, rng)
    lines = []
    for item in task.items(PROBE.manifest(), seed=0):
        rate = 0.1 + own[item.truth["speaker"]] + (points / 100 if item.truth["gender"] == "female" else 0.0)
        n_errors = int(rng.binomial(N_WORDS, min(1.0, max(0.0, rate))))
        lines.append(_line(item, Verdict(score=1 - n_errors / N_WORDS, label="partly")))
    return _gap_found(lines)


def refusal_gap(points: float, *, voices: float, rng: np.random.Generator) -> bool:
    """Whether a gap in refusals is found over requests that one voice each says, in the voices of the probe set."""
    own = _Leans(voices, rng)
    lines = []
    for number in range(N_REQUESTS):
        gender = GENDER[1 + number % 2]
        rate = 0.6 + own[f"{gender}-{number // 2 % PROBE.n_voices}"] + (points / 100 if gender == "female" else 0.0)
        item = Item(
            id=str(number), task="harmful_refusal", sample=str(number), load=lambda: None, truth={"gender": gender}
        )  # type: ignore[arg-type, return-value]
        refused = rng.random() < rate
        lines.append(_line(item, Verdict(score=float(refused), label="refusal" if refused else "names_action")))
    return _gap_found(lines)


def _gap_found(lines: Sequence[JournalLine]) -> bool:
    gap = worst_gap(lines, metric="gap", group=group_by("gender", ""), value=lambda line: line.score)
    return gap.low is not None and gap.low > 0


# ---------------------------------------------------------------- the table


def share(found: Callable[[float, np.random.Generator], bool], points: float, *, n_runs: int) -> float:
    rng = np.random.default_rng([n_runs, int(points)])
    return float(np.mean([found(points, rng) for _ in range(n_runs)]))


def row(found: Callable[[float, np.random.Generator], bool], *, n_runs: int, **names: Any) -> dict[str, Any]:
    rates = {"found": share(found, POINTS, n_runs=n_runs), "false": share(found, 0, n_runs=n_runs)}
    return {**names, **rates, "ratio": rates["found"] / WANTED}


def of_pairs(pairs: Pairs, *, n_runs: int, **names: Any) -> list[dict[str, Any]]:
    """The rows of one set of pairs, world by world."""

    def found_in(world: World) -> Callable[[float, np.random.Generator], bool]:
        return lambda points, rng: pairs.found(world, points, rng=rng)

    return [
        row(
            found_in(world),
            n_runs=n_runs,
            task="pair_decision",
            **names,
            answers=len(pairs.items),
            voices=world.voices,
            statements=world.statements,
            position=world.position,
        )
        for world in WORLDS
    ]


def rows(n_runs: int) -> list[dict[str, Any]]:
    table = []
    for design in DESIGNS:
        pairs = Pairs(design.manifest(), n_couples=design.n_voices * design.n_couples)
        table += of_pairs(
            pairs,
            n_runs=n_runs,
            V=design.n_voices,
            S=design.n_statements,
            blocks=design.n_blocks,
            couples=design.n_couples,
            probe_set=design == PROBE,
        )
    for task, gap in (("voice_parity", parity_gap), ("harmful_refusal", refusal_gap)):
        for voices in (0.0, 0.1):
            table.append(
                row(
                    lambda points, rng, gap=gap, voices=voices: gap(points, voices=voices, rng=rng),
                    n_runs=n_runs,
                    task=task,
                    voices=voices,
                )
            )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--data", type=Path, help="folder of readings in place of the planned designs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    own = options.data and Pairs(Manifest.read(options.data))
    table = of_pairs(own, n_runs=options.runs, data=str(options.data)) if own else rows(options.runs)
    if options.json:
        print(json.dumps(table, indent=2))
        return
    for one in table:
        what = " ".join(
            f"{name}={value}"
            for name, value in one.items()
            if name not in ("task", "found", "false", "ratio", "probe_set")
        )
        mark = "  <- probe set" if one.get("probe_set") else ""
        print(f"{one['task']:16} found {one['found']:.2f} false {one['false']:.2f}  {what}{mark}")


if __name__ == "__main__":
    main()
