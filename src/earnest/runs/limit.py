"""Fewer items, in balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest

from earnest.records import Item
from earnest.tasks._base import Task
from earnest.tasks._items import rng_of


def limited(task: Task, items: Sequence[Item], *, limit: int | None, seed: int) -> list[Item]:
    """At most `limit` items in their order: many rows under few conditions, taken from the task's strata in turn.

    Of each row (block) its controls and one condition are taken, the conditions in turn over the rows; where room is
    left when every row has come, each gets one more condition. Rows of a stratum are drawn from the seed. A limit
    smaller than the first row's share cuts that share, so that every task can run on any limit; what would part a later
    one is left out.
    """
    if limit is None or len(items) <= limit:
        return list(items)
    chosen: dict[str, None] = {}
    for share in _shares(task, items, seed=seed):
        room = limit - len(chosen)
        if len(share) <= room:
            chosen.update(dict.fromkeys(share))
        elif not chosen:
            chosen.update(dict.fromkeys(share[:room]))
    return [item for item in items if item.id in chosen]


def _shares(task: Task, items: Sequence[Item], *, seed: int) -> list[list[str]]:
    """Ids that are taken together, in the order in which they are: each row with one condition, then with another."""
    rows = [_by_condition(task, block) for block in _in_turn(task, items, seed=seed)]
    most = max((len(conditions) for _, conditions in rows), default=0)
    shares: list[list[str]] = []
    for turn in range(max(1, most)):
        for place, (always, conditions) in enumerate(rows):
            own = list(conditions.values())
            if turn and turn >= len(own):
                continue
            varied = own[(place + turn) % len(own)] if own else []
            shares.append([*(always if turn == 0 else []), *varied])
    return shares


def _by_condition(task: Task, block: Sequence[Item]) -> tuple[list[str], dict[str, list[str]]]:
    """The ids of a block that belong to every condition, and those of each."""
    conditions: dict[str, list[str]] = defaultdict(list)
    for item in block:
        conditions[task.condition(item)].append(item.id)
    return conditions.pop("", []), dict(conditions)


def _in_turn(task: Task, items: Sequence[Item], *, seed: int) -> list[list[Item]]:
    """Blocks, one of each stratum, then the next of each."""
    blocks: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        blocks[task.block(item)].append(item)
    strata: dict[str, list[list[Item]]] = defaultdict(list)
    for block in blocks.values():
        strata[task.stratum(block[0])].append(block)
    drawn = []
    for name in sorted(strata):
        order = rng_of(seed, "limit", task.name, name).permutation(len(strata[name]))
        drawn.append([strata[name][place] for place in order])
    return [block for block in chain.from_iterable(zip_longest(*drawn)) if block is not None]
