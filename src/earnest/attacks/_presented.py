"""Attacks that present the recording in one way, asked once: no search, no words needed."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.attacks._base import Attack
from earnest.attacks._budget import Budget, TextBudget
from earnest.attacks._candidate import HELD, Budgets, Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus


@dataclass(frozen=True, kw_only=True)
class Presented(Attack, abc.ABC):
    """The recording presented in one way. The control asks it as it is once more, under another draw."""

    control_name: ClassVar[str | None] = "asked_as_it_is"

    @property
    def budgets(self) -> Budgets:
        """None on the clip, nor on the prompt beside it."""
        return {HELD: Budget(), "prompt": TextBudget()}

    @property
    def max_queries(self) -> int | None:
        """None: nothing is asked."""
        return 0

    @abc.abstractmethod
    def presented(self, clip: AudioClip, *, rng: np.random.Generator) -> tuple[AudioClip, Mapping[str, Any]]:
        """The clip as it is presented, and what was drawn."""

    def prompt(self, stimulus: Stimulus) -> str | None:
        """The text beside it; None leaves the item's own."""
        return None

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """Every recording of which somebody wants something."""
        return [self._proposed(stimulus, rng) for stimulus, rng in zip(stimuli, rngs, strict=True)]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The recording as it is, with the same text beside it."""
        return [
            Candidate(fault=crafted.fault, prompt=None if stimulus.goal is None else self.prompt(stimulus))
            for stimulus, crafted in zip(stimuli, candidates, strict=True)
        ]

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """Another clip presented in the same way."""
        seed = crafted.drawn.get("seed")
        return None if seed is None or clip.peak == 0 else self.presented(clip, rng=np.random.default_rng(seed))[0]

    def _proposed(self, stimulus: Stimulus, rng: np.random.Generator) -> Candidate:
        if stimulus.goal is None:
            return Candidate()
        if stimulus.clip.peak == 0:
            return Candidate(fault="the clip is silent")
        seed = int(rng.integers(2**32))
        clip, drawn = self.presented(stimulus.clip, rng=np.random.default_rng(seed))
        return Candidate(clip=clip, prompt=self.prompt(stimulus), drawn={"seed": seed, **drawn})
