"""What the literature covers, and what of it runs here: pillar by kind, attack by defence, and offence against defence.

A cell without a work, or without one that runs here, is a call for work. What was evaluated is read from finished run
folders, by their `report.json` alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from earnest.catalogue.work import Kind, Work
from earnest.errors import BadData
from earnest.pillars import PILLARS
from earnest.registry import parse_spec

KINDS: tuple[str, ...] = (
    "attack",
    "defence",
    "benchmark",
    "dataset",
    "metric",
    "method",
    "study",
    "survey",
    "toolkit",
    "model",
)
assert set(KINDS) == set(get_args(Kind))
CALLED_FOR = ("attack", "defence", "benchmark", "metric")
"""Kinds that a pillar should have; an empty cell of another kind is no call for work."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A pillar and a kind.

    Parameters
    ----------
    pillar, kind : str
    works : tuple of str
        Keys of the works.
    runnable : tuple of str
        Those of them that run here.
    evaluated : tuple of str
        Those of them of which a run folder that was given holds a number.
    """

    pillar: str
    kind: str
    works: tuple[str, ...]
    runnable: tuple[str, ...]
    evaluated: tuple[str, ...]

    @property
    def called_for(self) -> bool:
        """Whether it lacks a work that runs here, and should have one."""
        return self.kind in CALLED_FOR and not self.runnable


@dataclass(frozen=True, kw_only=True)
class Tested:
    """An attack against a defence, as a run measured it.

    Parameters
    ----------
    attack, defence : str
        Registered names; the defence "none" is the undefended model.
    value, low, high : float
        Success rate of the attack.
    n : int
        Items.
    metric, model, run : str
        What was measured, of which model, in which folder.
    knowledge : str
        `adaptive` or `transfer`; empty where that makes no difference or is not told.
    of : str
        The attack and the defence with their parameters, where they are known.
    """

    attack: str
    defence: str
    value: float
    low: float | None
    high: float | None
    n: int
    metric: str
    model: str
    run: str
    knowledge: str = ""
    of: str = ""


@dataclass(frozen=True, kw_only=True)
class Year:
    """Works on attacks and on defences of a year."""

    year: int
    attacks: int
    defences: int


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The map."""

    cells: tuple[Cell, ...]
    attacks: tuple[str, ...]
    defences: tuple[str, ...]
    matrix: tuple[Tested, ...]
    years: tuple[Year, ...]
    evaluated_from: tuple[str, ...] = field(default=())

    @property
    def imbalance(self) -> float | None:
        """Works on attacks for every work on a defence, over all years; None without a defence."""
        attacks, defences = sum(y.attacks for y in self.years), sum(y.defences for y in self.years)
        return attacks / defences if defences else None

    @property
    def calls(self) -> list[str]:
        """What is called for, in words."""
        cells = [f"{cell.pillar}: no {cell.kind} runs here" for cell in self.cells if cell.called_for]
        tested = {(pair.attack, pair.defence) for pair in self.matrix}
        pairs = [f"{a} against {d}: not tested" for a in self.attacks for d in self.defences if (a, d) not in tested]
        return [*cells, *pairs]

    def as_text(self) -> str:
        """The map for a terminal: works / of them runnable here / of them evaluated."""
        lines = [f"{'':<18}" + "".join(f"{kind:>12}" for kind in KINDS)]
        for pillar in dict.fromkeys(cell.pillar for cell in self.cells):
            row = [cell for cell in self.cells if cell.pillar == pillar]
            lines.append(f"{pillar:<18}" + "".join(f"{_counts(cell):>12}" for cell in row))
        lines.append("works / runnable here / evaluated here; ! is a call for work")
        lines += [f"{y.year}: {y.attacks} works on attacks, {y.defences} on defences" for y in self.years]
        if self.imbalance is not None:
            lines.append(f"{self.imbalance:.1f} works on attacks for every one on a defence")
        for pair in self.matrix:
            interval = "" if pair.low is None or pair.high is None else f" ({pair.low:.0%} to {pair.high:.0%})"
            knowledge = f", {pair.knowledge}" if pair.knowledge else ""
            lines.append(
                f"{pair.of or f'{pair.attack} against {pair.defence}'}: {pair.value:.0%}{interval}, n {pair.n}{knowledge}, {pair.model}, {pair.run}"
            )
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The map as JSON values."""
        return asdict(self) | {"imbalance": self.imbalance, "calls": self.calls}


def coverage(
    works: Mapping[str, Work],
    *,
    attacks: Sequence[str],
    defences: Sequence[str],
    runs: Iterable[Path] = (),
    tested: Iterable[Tested] = (),
) -> Coverage:
    """The map of `works`; what was evaluated comes from the run folders `runs`, and from what is known as `tested`.

    Raises
    ------
    BadData
        If a run folder has no report that can be read.
    """
    folders = [Path(run) for run in runs]
    reports = [(folder, _report(folder)) for folder in folders]
    evaluated = {component for _, report in reports for component in _components(report)}
    trust = [work for work in works.values() if set(work.pillars) - {"general"}]
    return Coverage(
        cells=tuple(_cell(pillar, kind, trust, evaluated) for pillar in PILLARS for kind in KINDS),
        attacks=tuple(attacks),
        defences=("none", *defences),
        matrix=(*(pair for folder, report in reports for pair in _tested(folder, report)), *tested),
        years=_years(trust),
        evaluated_from=tuple(folder.name for folder in folders),
    )


def _counts(cell: Cell) -> str:
    if not cell.works:
        return "!" if cell.called_for else "."
    return f"{len(cell.works)}/{len(cell.runnable)}/{len(cell.evaluated)}" + ("!" if cell.called_for else "")


def _cell(pillar: str, kind: str, works: Sequence[Work], evaluated: set[str]) -> Cell:
    here = [work for work in works if pillar in work.pillars and kind in work.kind]
    runnable = [work for work in here if work.runs_in_earnest]
    return Cell(
        pillar=pillar,
        kind=kind,
        works=tuple(work.id for work in here),
        runnable=tuple(work.id for work in runnable),
        evaluated=tuple(w.id for w in runnable if any(run.component in evaluated for run in w.runs_in_earnest)),
    )


def _years(works: Sequence[Work]) -> tuple[Year, ...]:
    attacks: dict[int, int] = defaultdict(int)
    defences: dict[int, int] = defaultdict(int)
    for work in works:
        attacks[work.year] += "attack" in work.kind
        defences[work.year] += "defence" in work.kind
    years = sorted(year for year in {*attacks, *defences} if attacks[year] or defences[year])
    return tuple(Year(year=year, attacks=attacks[year], defences=defences[year]) for year in years)


def _report(folder: Path) -> Mapping[str, Any]:
    path = folder / "report.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadData(
            f"{folder} has no report that can be read: {error}; write it with `earnest report {folder}`"
        ) from error


def _components(report: Mapping[str, Any]) -> set[str]:
    """The tasks, attacks and defences of which a report holds a number."""
    found = set()
    for finding in report["findings"]:
        if finding["value"] is None:
            continue
        found.add(f"tasks/{finding['task']}")
        threat = finding["threat_model"]
        found |= {f"attacks/{parse_spec(threat['attack']).name}"} if threat["attack"] else set()
        found |= {f"defences/{parse_spec(spec).name}" for spec in _stack(threat)}
    return found


def _stack(fields: Mapping[str, Any]) -> list[str]:
    """The defences of a threat model or pair; versions before 0.3 wrote them as one string."""
    if "defences" in fields:
        return list(fields["defences"])
    return [spec for spec in (fields["defence"] or "").split("+") if spec]


def _tested(folder: Path, report: Mapping[str, Any]) -> list[Tested]:
    """Every attack pair of a report: how often the attack succeeded, and against what."""
    findings = {finding["id"]: finding for finding in report["findings"]}
    found = []
    for pair in report["pairs"]:
        finding = findings.get(pair["findings"].get("attack_success_rate", ""))
        if pair["kind"] != "attack" or finding is None or finding["value"] is None:
            continue
        defences = [parse_spec(spec).name for spec in _stack(pair)]
        found.append(
            Tested(
                attack=parse_spec(pair["attack"]).name,
                defence="+".join(defences) or "none",
                value=finding["value"],
                low=finding["low"],
                high=finding["high"],
                n=finding["n_scored"],
                metric=finding["id"],
                model=finding["model"],
                run=folder.name,
            )
        )
    return found
