"""Fewer items, in balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest

from earnest.records import Item
from earnest.tasks._base import Task
from earnest.tasks._items import rng_of


def limited(task: Task, items: Sequence[Item], *, limit: int | None, seed: int) -> list[Item]:
    """At most `limit` items in their order: whole blocks, taken from the task's strata in turn.

    Blocks of a stratum are drawn from the seed. A limit smaller than the first block cuts that block, so that every
    task can run on any limit; what would part a later block is left out.
    """
    if limit is None or len(items) <= limit:
        return list(items)
    chosen: set[str] = set()
    for block in _in_turn(task, items, seed=seed):
        room = limit - len(chosen)
        if len(block) <= room:
            chosen |= {item.id for item in block}
        elif not chosen:
            chosen |= {item.id for item in block[:room]}
    return [item for item in items if item.id in chosen]


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
