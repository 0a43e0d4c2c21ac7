"""Parts of a run for several machines: `2/8` is the second of eight. An item's part depends on its id alone."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

from earnest.engine.clips import FOLDER, clip_path
from earnest.engine.journal import JOURNAL, Journal, read_journal, storage_failed
from earnest.engine.judgements import JUDGEMENTS, Judgements
from earnest.errors import BadData, BadParameter, PlanMismatch
from earnest.plan import Plan
from earnest.results.judged import read_judgements


def parse_shard(shard: str) -> tuple[int, int]:
    """Which part, of how many, counted from 1.

    >>> parse_shard("2/8")
    (2, 8)

    Raises
    ------
    BadParameter
        If it is not written like that, or there is no such part.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", shard)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise BadParameter(f"a shard must be written i/n with i from 1 to n, got {shard[:40]!r}; 2/8 is the second of eight")
    return int(found[1]), int(found[2])


def in_shard(item_id: str, shard: str | None) -> bool:
    """Whether the item called `item_id`, without an arm's suffix, belongs to the shard; all do where it is None."""
    if shard is None:
        return True
    part, n_parts = parse_shard(shard)
    digest = hashlib.sha256(item_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % n_parts == part - 1


def merge(folders: Sequence[Path | str], out: Path | str) -> int:
    """Join the run folders of shards into the run folder `out`; how many lines it has.

    Where a shard is missing a warning says which; running the merged folder without `--shard` asks what it held.

    Raises
    ------
    PlanMismatch
        If the plans differ in more than the shard, or `out` holds another plan.
    BadData
        If an item is in two folders, or a folder is no shard.
    """
    paths, out = [Path(folder) for folder in folders], Path(out)
    plan = _common_plan(paths)
    lines = {}
    doubled = []
    for path in paths:
        for line in read_journal(path):
            doubled += [f"{line.item} is in {path} and in another folder"] if line.item in lines else []
            lines[line.item] = line
    if doubled:
        raise BadData("the shards must not overlap; leave out the folder that is double", doubled)
    plan.write(out)
    for path in paths:
        _link_clips(path, out)
    with Journal(out) as journal:
        if journal.lines:
            raise BadData(f"{out / JOURNAL} must be empty, got {len(journal.lines)} lines; merge into a new folder")
        for name in sorted(lines):
            journal.add(lines[name])
    _join_judgements(paths, out)
    return len(lines)


def _join_judgements(paths: Sequence[Path], out: Path) -> None:
    """What judges said of the shards after their runs; items are in one shard each, so that order tells nothing."""
    if not any((path / JUDGEMENTS).is_file() for path in paths):
        return
    with Judgements(out) as joined:
        for path in paths:
            for line in read_judgements(path):
                joined.add(line)


def _common_plan(paths: Sequence[Path]) -> Plan:
    plans = [Plan.read(path) for path in paths]
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
        for path in sorted((source / FOLDER).glob("*.flac")):
            path = clip_path(source, path.stem)  # refuses what is no clip, and links out of the folder
            target = out / FOLDER / path.name
            if target.exists():
                continue
            try:
                os.link(path, target)
            except OSError:
                shutil.copyfile(path, target)
    except OSError as error:
        raise storage_failed(out / FOLDER, error) from error
