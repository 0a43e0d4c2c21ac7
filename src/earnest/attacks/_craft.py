"""What an attack makes of a stimulus, apart from what comes of it: made once on one system, judged on any.

`crafted` is what stands behind every attack's `propose` and `control`: it turns what they give into `Crafted`, item by
item, within the budgets and as files hold it. Where those are kept, a search that was finished is never made again:
not for another arm that shares what it was made on, and not when a run is resumed.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from earnest.attacks._candidate import Candidate, held_role
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.errors import LimitReached, QueriesSpent
from earnest.models.access import System

if TYPE_CHECKING:
    from earnest.attacks._base import Attack


@dataclass(frozen=True)
class Crafted:
    """What an attack made of one stimulus, and what that took.

    Parameters
    ----------
    stimulus : Stimulus
        What an attacker sends: within the budgets, 16-bit.
    drawn : mapping
        What replays it.
    n_queries, n_gradients, n_aims : int
        What the search asked of its victim.
    cost : float
        Of its queries in US dollars, as the caller counts it: answers from the cache cost nothing.
    clean : Stimulus or None
        What it was made of; None takes it as it stands.
    place : int
        Of the clean stimulus among those that it was made with.
    first_success : int or None
        Number of the query (from 1) at which the search first reached the goal, on the system that it was made on.
    n_failed_queries : int
    n_before, n_after : int
        Samples put before and after the clip that is held.
    fault : str
        Why there is nothing; the stimulus is then the clean one.
    crafted_on : str
        Fingerprint of the system that it was made on.
    whole : bool
        Whether no call failed that may succeed later; what is not whole is not kept.
    """

    stimulus: Stimulus
    drawn: Mapping[str, Any] = field(default_factory=dict)
    n_queries: int = 0
    n_gradients: int = 0
    cost: float = 0.0
    clean: Stimulus | None = field(default=None, kw_only=True)
    place: int = field(default=0, kw_only=True)
    first_success: int | None = field(default=None, kw_only=True)
    n_failed_queries: int = field(default=0, kw_only=True)
    n_aims: int = field(default=0, kw_only=True)
    n_before: int = field(default=0, kw_only=True)
    n_after: int = field(default=0, kw_only=True)
    fault: str = field(default="", kw_only=True)
    crafted_on: str = field(default="", kw_only=True)
    whole: bool = field(default=True, kw_only=True, compare=False)

    @property
    def before(self) -> Stimulus:
        """The clean stimulus."""
        return self.stimulus if self.clean is None else self.clean

    @property
    def clip(self) -> AudioClip | None:
        """The clip that the attacker holds; None where there is none."""
        role = held_role(self.stimulus)
        return None if role is None else self.stimulus.clips[role]


class Crafts(Protocol):
    """Where what was crafted is kept, by key; safe to use from many threads."""

    def get(self, key: str, clean: Stimulus) -> Crafted | None:
        """What was made of the stimulus under this key, if it was."""

    def put(self, key: str, crafted: Crafted) -> None:
        """Keep it, before anything is made of it."""

    def claimed(self, keys: Sequence[str]) -> AbstractContextManager[Any]:
        """Whoever makes what these keys stand for, alone; others wait and then find it kept."""


def craft_key(*, spec: str, artefact: str, crafted_on: str, stimulus: Stimulus, seed: int, part: str) -> str:
    """SHA-256 (hex) of all that decides what is crafted of a stimulus.

    Parameters
    ----------
    spec : str
        The attack's, without what only says against which system it is made.
    artefact : str
        SHA-256 of what was fitted; empty: nothing was.
    crafted_on : str
        Fingerprint of the system that it is made on.
    stimulus : Stimulus
        The clean one, with its goal.
    seed : int
    part : {"attack", "control"}
    """
    goal = "" if stimulus.goal is None else stimulus.goal.digest
    held = held_role(stimulus) or ""
    content = json.dumps([part, spec, artefact, crafted_on, stimulus.digest, held, goal, seed])
    return hashlib.sha256(content.encode()).hexdigest()


def fingerprint_of(system: System) -> str:
    """What tells a system from others: SHA-256 (hex) of model, defences in order, and how answers are drawn."""
    sampling = [getattr(system.sampling, name) for name in ("temperature", "max_tokens", "seed")]
    content = json.dumps([system.model.name, system.fingerprint, system.seed, sampling])
    return hashlib.sha256(content.encode()).hexdigest()


Proposal = Crafted | Candidate | tuple[int, Candidate]


def crafting(method: Callable[..., Iterable[Proposal]]) -> Callable[..., Iterator[Crafted]]:
    """An attack's `propose` or `control` as it was written, made to yield `Crafted` item by item.

    What was written may give a list, or yield: a candidate for each stimulus in order, or (place, candidate) as each is
    done. Unless the attack says that it takes stimuli `together`, it sees one at a time and can learn nothing from one
    for another.
    """

    @functools.wraps(method)
    def door(
        self: Attack,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        *given: Sequence[Any],
        rngs: Sequence[np.random.Generator],
    ) -> Iterator[Crafted]:
        if self.together:
            yield from _proposed(self, method, victim, stimuli, given, rngs)
            return
        for place in range(len(stimuli)):
            own = [[each[place]] for each in given]
            alone = _proposed(self, method, victim.alone(place), [stimuli[place]], own, [rngs[place]])
            for crafted in alone:
                yield replace(crafted, place=place)

    return door


def _proposed(
    attack: Attack,
    method: Callable[..., Iterable[Proposal]],
    victim: Victim,
    stimuli: Sequence[Stimulus],
    given: Sequence[Sequence[Any]],
    rngs: Sequence[np.random.Generator],
) -> Iterator[Crafted]:
    left = set(range(len(stimuli)))
    if not left:
        return
    try:
        for order, proposal in enumerate(method(attack, victim, stimuli, *given, rngs=rngs)):
            place, candidate = proposal if isinstance(proposal, tuple) else (order, proposal)
            if isinstance(candidate, Crafted):  # of a base class's own `propose`
                place = candidate.place
            assert place in left, f"{attack.name} proposed twice, or too much: place {place} of {len(stimuli)}"
            left.discard(place)
            yield candidate if isinstance(candidate, Crafted) else _crafted(attack, victim, place, candidate)
    except LimitReached as error:
        for place in sorted(left):
            last = victim.accounts[place].last or Candidate()
            yield _crafted(attack, victim, place, replace(last, drawn={**last.drawn, "ended_by": error.name}))
        return
    except QueriesSpent as error:
        for place in sorted(left):
            yield _crafted(attack, victim, place, Candidate(fault=str(error)))
        return
    assert not left, f"{attack.name} proposed {len(stimuli) - len(left)} for {len(stimuli)}"


def _crafted(attack: Attack, victim: Victim, place: int, candidate: Candidate) -> Crafted:
    """The candidate within the budgets and 16-bit, with what was asked about its place."""
    clean, account = victim.stimuli[place], victim.accounts[place]
    return Crafted(
        stimulus=clean if candidate.fault else candidate.applied(clean, budgets=attack.budgets),
        drawn=candidate.drawn,
        n_queries=account.n_queries,
        n_gradients=account.n_gradients,
        n_aims=account.n_aims,
        cost=account.cost,
        clean=clean,
        place=place,
        first_success=account.first_success,
        n_failed_queries=account.n_failed_queries,
        n_before=candidate.n_before,
        n_after=candidate.n_after,
        fault=candidate.fault,
        whole=not account.may_pass,
    )
