"""Parts of a run for several machines: `2/8` is the second of eight. An item's part depends on its id alone."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from earnest.engine.clips import FOLDER, clip_path
from earnest.engine.journal import JOURNAL, Journal, read_journal, storage_failed
from earnest.engine.judgements import JUDGEMENTS, Judgements
from earnest.engine.ledger_file import read_spent, write_spent
from earnest.engine.planned import planned_items, write_items
from earnest.errors import BadData, BadParameter, PlanMismatch
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.results.judged import read_judgements
from earnest.run_folder import CLIP_SUFFIXES, clip_names


def parse_shard(shard: str) -> tuple[int, int]:
    """Which part, of how many, counted from 1.

    >>> parse_shard("2/8")
    (2, 8)

    Raises
    ------
    BadParameter
        If it is not written like that, or there is no such part.
    """
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise BadParameter(
            f"a shard must be written i/n with i from 1 to n, got {shard[:40]!r}; 2/8 is the second of eight"
        )
    return int(match[1]), int(match[2])


def in_shard(item_id: str, shard: str | None) -> bool:
    """Whether the item called `item_id`, without an arm's suffix, belongs to the shard; all do where it is None."""
    if shard is None:
        return True
    part, n_parts = parse_shard(shard)
    digest = hashlib.sha256(item_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % n_parts == part - 1


def merge(folders: Sequence[Path | str], out: Path | str) -> int:
    """Join the run folders of shards into the run folder `out`; how many lines it has.

    Where a shard or some of its items are missing a warning names them; running the merged folder without `--shard` asks
    what they held. A merge that was broken off can be run again.

    Raises
    ------
    PlanMismatch
        If the plans differ in more than the shard, or `out` holds another plan.
    BadData
        If a folder is no shard, a line belongs to another shard or plan, an item is in two folders, or `out` holds other
        lines.
    """
    paths, out = [Path(folder) for folder in folders], Path(out)
    plans = [Plan.read(path) for path in paths]
    plan = _common_plan(paths, plans)
    lines = _checked_lines(paths, plans)
    _warn_of_missing(paths, plans, lines)
    plan.write(out)
    for path in paths:
        _link_clips(path, out)
    with Journal(out) as journal:
        other = [name for name, line in journal.lines.items() if lines.get(name) != line]
        if other:
            raise BadData(
                f"{out / JOURNAL} must hold nothing but lines of these shards; merge into a new folder", other
            )
        for name in sorted(lines.keys() - journal.lines.keys()):
            journal.add(lines[name])
    _join_judgements(paths, out)
    write_spent(out, max(read_spent(out), sum(map(read_spent, paths))))
    items = [planned_items(path) for path in paths]
    if len(paths) == parse_shard(plans[0].shard or "1/1")[1] and None not in items:
        write_items(out, [item for group in items for item in group or ()])
    return len(lines)


def lacking(folder: Path | str) -> list[str]:
    """What of a run's plan has no line in its journal, in sentences; nothing where it is whole."""
    folder = Path(folder)
    plan, lines = Plan.read(folder), {line.item: line for line in read_journal(folder)}
    missing = [item for item in planned_items(folder) or () if item not in lines]
    if missing:
        return [f"{len(missing)} of {len(lines) + len(missing)} items have no line: {_named(missing)}"]
    if plan.shard is not None:
        return []
    asked = Counter((line.task, line.arm) for line in lines.values() if line.kind == "item")
    return [
        f"{task.n_items - n} of {task.n_items} items of {task.name}{arm.suffix} have no line"
        for task in plan.tasks
        for arm in plan.arms_of(task)
        if (n := asked[task.name, arm]) < task.n_items
    ]


def _checked_lines(paths: Sequence[Path], plans: Sequence[Plan]) -> dict[str, JournalLine]:
    """Every line by its item; each must be of its folder's shard and plan, and in no other folder."""
    lines: dict[str, JournalLine] = {}
    faults = []
    for path, plan in zip(paths, plans, strict=True):
        for line in read_journal(path):
            if why := _stranger(line, plan):
                faults.append(f"{line.item} in {path} {why}")
            elif line.item in lines:
                faults.append(f"{line.item} is in {path} and in another folder")
            lines[line.item] = line
    if faults:
        raise BadData(
            "shards must not overlap, and each must hold its own items alone; leave out what is double", faults
        )
    return lines


def _stranger(line: JournalLine, plan: Plan) -> str:
    """Why a line can be none of the plan's shard; empty where it may be one."""
    tasks = {task.name for task in plan.tasks if task.not_run is None}
    if line.model != plan.model:
        return f"is an answer of {line.model}, and the plan is of {plan.model}"
    if line.kind == "item" and line.task not in tasks:
        return f"is of the task {line.task}, which its plan does not run"
    if line.arm not in plan.by_arm:
        return f"was asked {line.arm.suffix or 'clean'}, which its plan does not ask"
    if not in_shard(line.item.removesuffix(line.arm.suffix), plan.shard):
        return f"does not belong to shard {plan.shard}"
    return ""


def _warn_of_missing(paths: Sequence[Path], plans: Sequence[Plan], lines: Mapping[str, JournalLine]) -> None:
    for path, plan in zip(paths, plans, strict=True):
        missing = [item for item in planned_items(path) or () if item not in lines]
        if missing:
            warnings.warn(
                f"shard {plan.shard} in {path} is not finished, {len(missing)} of its items have no line: {_named(missing)}; "
                "finish it and merge into a new folder, or run the merged folder without --shard",
                stacklevel=3,
            )


def _named(items: Sequence[str]) -> str:
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def _join_judgements(paths: Sequence[Path], out: Path) -> None:
    """What judges said of the shards after their runs; items are in one shard each, so that order tells nothing."""
    if not any((path / JUDGEMENTS).is_file() for path in paths):
        return
    with Judgements(out) as joined:
        for path in paths:
            for line in read_judgements(path):
                joined.add(line)


def _common_plan(paths: Sequence[Path], plans: Sequence[Plan]) -> Plan:
    faults = [
        f"{path} is no shard: its plan has none" for path, plan in zip(paths, plans, strict=True) if not plan.shard
    ]
    if faults or not plans:
        raise BadData("shards are merged from run folders made with --shard", faults or ["no folder was given"])
    whole = [plan.model_copy(update={"shard": None}) for plan in plans]
    for path, plan in zip(paths, whole, strict=True):
        differences = whole[0].differences(plan)
        if differences:
            raise PlanMismatch(
                f"{path} holds a shard of another plan than {paths[0]}: {'; '.join(differences)}; merge shards of one run"
            )
    _check_complete([plan.shard or "" for plan in plans])
    return whole[0]


def _check_complete(shards: Sequence[str]) -> None:
    parts = [parse_shard(shard) for shard in shards]
    sizes = {n_parts for _, n_parts in parts}
    if len(sizes) != 1:
        raise PlanMismatch(
            f"shards must be parts of one number of parts, got {', '.join(shards)}; merge shards of one run"
        )
    missing = sorted(set(range(1, sizes.pop() + 1)) - {part for part, _ in parts})
    if missing:
        warnings.warn(
            f"shard {', '.join(f'{part}/{parts[0][1]}' for part in missing)} is missing; run the merged folder without "
            "--shard to ask what it held",
            stacklevel=4,
        )


def _link_clips(source: Path, out: Path) -> None:
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        there = set(clip_names(out))
        for name in sorted({path.stem for path in (source / FOLDER).glob("*") if path.suffix in CLIP_SUFFIXES}):
            path = clip_path(source, name)  # refuses what is no clip, and links out of the folder
            if name in there:
                continue
            target = out / FOLDER / path.name
            try:
                os.link(path, target)
            except OSError:  # another file system, say
                partial = target.with_name(f".{target.stem}.{os.getpid()}")
                shutil.copyfile(path, partial)
                partial.replace(target)
    except OSError as error:
        raise storage_failed(out / FOLDER, error) from error
