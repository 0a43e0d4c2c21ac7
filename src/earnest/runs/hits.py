"""What attacks found, as a file that can be sent around and tried on other systems.

A *hit* is an attacked item whose verified answer was on target. `hits.jsonl` beside a run's journal has one line a hit,
with all that asks it again: its clips by name, its prompts, what is known of the item, what was drawn, what it cost.
Trying hits on another system is transfer, and is judged by the same goal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from earnest.attacks import SuccessAt
from earnest.attacks._victim import spoken_in
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.engine import clip_path
from earnest.errors import BadData, BadParameter
from earnest.models import load_model
from earnest.models.access import Answer, Blocked, Failure, Model, Reply, Sampling, System
from earnest.models.options import Given, options_of
from earnest.plan import Plan
from earnest.records import Item, JournalLine
from earnest.registry import registry
from earnest.run_folder import read_text, strict_json, taken_as_data, write_whole

HITS = "hits.jsonl"
_COSTS = ("n_queries", "n_gradients", "n_aims", "cost_usd", "first_success", "snr_db", "peak", "masking_excess_db")
_FIELDS = ("item", "task", "registered", "parameters", "truth", "clips", "prompt", "attack", "model", "answer")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A hit on a system.

    Parameters
    ----------
    item : str
        Id of the item in the run that found it.
    attack : str
    before, now : str
        The answer there, and the one here; or why there is none.
    on_target, complied : bool or None
        Of the answer here; None where there is none, or it cannot be told.
    """

    item: str
    attack: str
    before: str
    now: str
    on_target: bool | None
    complied: bool | None


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Hits tried on a system: how many are on target there too.

    Parameters
    ----------
    model : str
    defences : tuple of str
    tried : tuple of Tried
        In the order of the file.
    """

    model: str
    defences: tuple[str, ...]
    tried: tuple[Tried, ...]

    @property
    def on_target(self) -> SuccessAt:
        """Over the hits whose outcome is known, with Wilson's interval."""
        known = [one for one in self.tried if one.on_target is not None]
        return SuccessAt.of(sum(bool(one.on_target) for one in known), n=len(known), n_queries=1)

    @property
    def complied(self) -> SuccessAt:
        """The same for answers that do anything but refuse."""
        known = [one for one in self.tried if one.complied is not None]
        return SuccessAt.of(sum(bool(one.complied) for one in known), n=len(known), n_queries=1)

    @property
    def n_unknown(self) -> int:
        """Hits without an answer, or of which it cannot be told."""
        return sum(one.on_target is None for one in self.tried)

    def as_json(self) -> dict[str, Any]:
        """The transfer as JSON values."""
        rates = {
            name: {**asdict(found), "rate": found.rate}
            for name, found in (("on_target", self.on_target), ("complied", self.complied))
        }
        tried = [asdict(one) for one in self.tried]
        return {
            "model": self.model,
            "defences": list(self.defences),
            **rates,
            "n_unknown": self.n_unknown,
            "tried": tried,
        }

    def as_text(self) -> str:
        """The transfer for a terminal."""
        behind = f" behind {'+'.join(self.defences)}" if self.defences else ""
        told = [f"{len(self.tried)} hits tried on {self.model}{behind}"]
        for name, found in (("on target", self.on_target), ("complied", self.complied)):
            told.append(f"  {name}: {found.n_success} of {found.n} ({100 * found.low:.0f} to {100 * found.high:.0f} %)")
        told += [f"  without an outcome: {self.n_unknown}"] if self.n_unknown else []
        return "\n".join(told)


def write_hits(folder: Path, plan: Plan, lines: Sequence[JournalLine]) -> Path:
    """Write the hits of a run beside its journal, and give the file; empty where there are none."""
    tasks = {planned.name: planned for planned in plan.tasks}
    hits = [_hit(line, tasks[line.task], plan) for line in lines if _is_hit(line)]
    path = folder / HITS
    write_whole(path, "".join(json.dumps(hit, ensure_ascii=False) + "\n" for hit in hits).encode())
    return path


def _is_hit(line: JournalLine) -> bool:
    told = line.attempt or {}
    return bool(told.get("success")) and told.get("clean_success") is False and not line.turns


def _hit(line: JournalLine, planned: Any, plan: Plan) -> dict[str, Any]:
    told = line.attempt or {}
    return {
        "item": line.item,
        "task": line.task,
        "registered": planned.registered,
        "parameters": dict(planned.parameters),
        "truth": line.truth,
        "clips": line.clips,
        "prompt": line.prompt,
        "attack": line.attack,
        "crafted_on": line.crafted_on,
        "model": plan.model,
        "defences": list(line.defences),
        "answer": line.answer,
        "drawn": told.get("drawn", {}),
        "told": told.get("told", []),
        **{name: told.get(name) for name in _COSTS},
        "control_on_target": told.get("control_on_target"),
        "twin_served": told.get("twin_served"),
    }


def replay_hits(
    path: str | Path,
    *,
    model: str | Model,
    defences: Sequence[str] = (),
    model_options: Given = (),
    temperature: float = 0.0,
    max_tokens: int = 256,
    seed: int = 0,
) -> Transfer:
    """Ask another system with what attacks found, and judge the answers by the goals that the hits were made for.

    Parameters
    ----------
    path : path
        `hits.jsonl` of a run folder, whose clips lie beside it.
    model : str or Model
        Specification, or a model.
    defences : sequence of str
        Specifications of what stands before it, in order.

    Raises
    ------
    BadData
        If the file holds no hits, or a line is none, or a clip is not there; all faults are told.
    """
    path = Path(path)
    with taken_as_data(path.parent):
        hits = _read(path)
        stimuli = _stimuli(path, hits)
    asked = model if isinstance(model, Model) else load_model(model, **options_of(model, model_options))
    stack = tuple(registry("defences").make(spec) for spec in defences)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    replies = System(asked, stack, seed).ask(stimuli, sampling=sampling)
    tried = tuple(_tried(hit, goal, reply) for hit, goal, reply in zip(hits, map(_goal, hits), replies, strict=True))
    return Transfer(model=asked.name, defences=tuple(defences), tried=tried)


def _read(path: Path) -> list[Mapping[str, Any]]:
    if not path.is_file():
        raise BadData(
            f"hits are read from the {HITS} of a run folder, and {str(path)!r} is no file; name that file", []
        )
    hits, faults = [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            hit = strict_json(line)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
            continue
        lacking = [name for name in _FIELDS if not isinstance(hit, dict) or name not in hit]
        if lacking:
            faults.append(f"line {number}: has no {', '.join(lacking)}")
        else:
            hits.append(hit)
    if faults or not hits:
        raise BadData(f"{path} holds no hits that can be tried", faults or ["it is empty: the attack found nothing"])
    return hits


def _stimuli(path: Path, hits: Sequence[Mapping[str, Any]]) -> list[Stimulus]:
    stimuli, faults = [], []
    for hit in hits:
        paths = {role: clip_path(path.parent, name) for role, name in hit["clips"].items()}
        gone = [f"{hit['item']}: {role}: {file.name}" for role, file in paths.items() if not file.is_file()]
        faults += gone
        if not gone:
            clips = {role: AudioClip.read(file) for role, file in paths.items()}
            system_prompt = hit["truth"].get("system_prompt")
            stimuli.append(Stimulus(clips=clips, prompt=hit["prompt"], system_prompt=system_prompt, truth=hit["truth"]))
    if faults:
        raise BadData(f"clips of hits are not beside {path}; copy the whole run folder", faults)
    return stimuli


def _goal(hit: Mapping[str, Any]) -> Goal:
    """The goal that a hit was made for, from what is known of its item."""
    task = registry("tasks").get(hit["registered"])(**hit["parameters"])
    item = Item(id=hit["item"], task=hit["task"], sample=hit["item"], load=_unloaded, truth=hit["truth"])
    goal = task.goal(item)
    if goal is None:
        raise BadParameter(
            f"{hit['item']} has no goal any more in task {hit['registered']!r}; it was made by another version"
        )
    return goal


def _unloaded() -> Stimulus:
    raise AssertionError("a hit has its own clips")


def _tried(hit: Mapping[str, Any], goal: Goal, reply: Reply) -> Tried:
    said = reply.said if isinstance(reply, Answer) else None
    blocked = isinstance(reply, Blocked)
    read: dict[str, Any] = {}
    if isinstance(reply, Answer):
        spoken = spoken_in(hit.get("drawn", {}))
        marked = replace(reply, told=tuple(map(str, hit.get("told", ()))), spoken=spoken)
        read = {"own": marked.own(repeats=goal.repeats), "finish": reply.reading.finish}
    now = (
        f"none: {reply.reason}"
        if isinstance(reply, Failure)
        else f"blocked: {reply.reason}"
        if isinstance(reply, Blocked)
        else reply.text
    )
    return Tried(
        item=hit["item"],
        attack=hit["attack"],
        before=hit["answer"] or "",
        now=now,
        on_target=False if blocked else None if said is None else goal.reached_by(said, **read),
        complied=False if blocked else None if said is None else goal.complied(said, **read),
    )
