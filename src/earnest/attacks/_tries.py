"""Attacks that try a few ways of presenting a request, and keep the first that works."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from earnest.attacks._base import Attack
from earnest.attacks._candidate import Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import Stimulus
from earnest.errors import LimitReached
from earnest.models.access import Reply

Try = Callable[[], Candidate]
"""Makes a candidate when it is asked for: what is never tried is never made."""


@dataclass(frozen=True, kw_only=True)
class Tries(Attack, abc.ABC):
    """An attack with a list of ways for each stimulus, asked in rounds until one reaches the goal.

    The candidate is the first of the list that reached the goal, or the last that was tried. The control asks the
    unmodified clip as often as there are ways.
    """

    control_name: ClassVar[str | None] = "plain_resampling"
    at_once: ClassVar[int] = 8
    """Ways of one stimulus that are asked together."""

    @property
    @abc.abstractmethod
    def n_tries(self) -> int:
        """Most ways of a stimulus."""

    @property
    def max_queries(self) -> int | None:
        """As many as there are ways."""
        return self.n_tries

    @abc.abstractmethod
    def ways(self, stimulus: Stimulus, rng: np.random.Generator) -> Sequence[Try]:
        """The ways of presenting a stimulus, in the order in which they are tried; at most `n_tries`."""

    def fault(self, stimulus: Stimulus) -> str:
        """Why a stimulus cannot be presented at all; empty where it can."""
        return "the clip is silent" if stimulus.clip.peak == 0 else ""

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The first way that reaches the goal, else the last one tried."""
        return [self._tried(victim, place, rng) for place, rng in enumerate(rngs)]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The unmodified clip, asked until it reaches the goal, as often as there are ways."""
        searched = set(victim.searched(candidates))
        return [
            tried(victim, place, self.control_ways(stimulus), at_once=self.at_once)
            if place in searched
            else Candidate(fault=candidates[place].fault)
            for place, stimulus in enumerate(stimuli)
        ]

    def control_ways(self, stimulus: Stimulus) -> Sequence[Try]:
        """What the control asks."""
        return [Candidate] * self.n_tries

    def _tried(self, victim: Victim, place: int, rng: np.random.Generator) -> Candidate:
        stimulus = victim.stimuli[place]
        if place not in victim.open:
            return Candidate()
        fault = self.fault(stimulus)
        return Candidate(fault=fault) if fault else tried(victim, place, self.ways(stimulus, rng), at_once=self.at_once)


def tried(victim: Victim, place: int, ways: Sequence[Try], *, at_once: int) -> Candidate:
    """The first way that reaches the goal of a place, else the last; `drawn["try"]` tells which it was, from 1."""
    last = Candidate()
    for begin in range(0, len(ways), at_once):
        made = [way() for way in ways[begin : begin + at_once]]
        asked = [(number, one) for number, one in enumerate(made, start=begin + 1) if not one.fault]
        replies, ended_by = asked_within_limits(victim, place, [one for _, one in asked])
        for (number, one), reply in zip(asked, replies, strict=False):
            last = replace(one, drawn={**one.drawn, "try": number})
            if victim.reached(place, reply):
                return last
        last = made[-1] if not asked else last
        if ended_by:
            return replace(last, drawn={**last.drawn, "ended_by": ended_by})
    return last


def asked_within_limits(victim: Victim, place: int, candidates: Sequence[Candidate]) -> tuple[list[Reply], str]:
    """Replies to as many of the candidates, in order, as a user's limits allow, and which limit ended it.

    All are asked at once; only where they are too many, one by one. The limit is empty where none ended it.
    """
    try:
        return victim.ask([(place, candidate) for candidate in candidates]), ""
    except LimitReached:
        replies: list[Reply] = []
        for candidate in candidates:
            try:
                replies += victim.ask([(place, candidate)])
            except LimitReached as error:
                return replies, error.name
        return replies, ""
