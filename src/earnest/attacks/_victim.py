"""A system as an attack sees it: it answers, grants gradients where the model does, and counts both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._budget import Budget, padded
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, ModelFailed
from earnest.models.access import FIRST_SEARCH_DRAW, Access, Blocked, Failure, Reply, System, drawn_sampling


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What an attack proposes for one stimulus.

    Parameters
    ----------
    clip : AudioClip
        In place of the primary clip. An attack with a budget keeps the rate and the length, but for what it puts before
        and after.
    n_before, n_after : int
        Samples put before and after the clean clip, which is compared with silence there.
    drawn : mapping
        JSON values that replay it: the parameters drawn, the steps taken.
    fault : str
        Why there is no proposal (no target text, say); the attempt is then unscored, never a withstood attack.
    """

    clip: AudioClip
    n_before: int = 0
    n_after: int = 0
    drawn: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""

    def verified(self, clean: AudioClip, *, budget: Budget) -> Candidate:
        """The candidate as it is asked and judged: within the budget, 16-bit, at its own rate.

        Raises
        ------
        BadParameter
            If there is a budget, and rate or length are not those of the clean clip.
        """
        if budget.bounded and self.clip.sample_rate != clean.sample_rate:
            raise BadParameter(
                f"an attack with a budget must keep the sample rate of {clean.sample_rate} Hz, "
                f"got {self.clip.sample_rate} Hz; resample inside the attack"
            )
        reference = padded(clean.samples, n_before=self.n_before, n_after=self.n_after)
        samples = budget.rounded(self.clip.samples, clean=reference)
        samples.flags.writeable = False
        return replace(self, clip=self.clip.with_samples(samples))


class Victim:
    """A system as an attack sees it: everything asked is counted, stimulus by stimulus.

    A *place* is the position of a stimulus. What is asked is what would be judged: the candidate within the budget and
    rounded to 16 bits, so that a search never stops at a clip that a file cannot hold. Any subset of the places may be
    asked, and a place that is done is left out of the next batch.

    Parameters
    ----------
    system : System
        What is attacked: the judged system, or another for a transfer attack.
    stimuli : sequence of Stimulus
        16-bit.
    budget : Budget
    reached_clean : sequence of bool or None
        Whether the clean stimuli reach their goals.
    """

    def __init__(
        self, system: System, stimuli: Sequence[Stimulus], *, budget: Budget, reached_clean: Sequence[bool | None]
    ) -> None:
        self._system, self._budget, self.stimuli = system, budget, tuple(stimuli)
        self.open = tuple(
            place for place, s in enumerate(stimuli) if s.goal is not None and reached_clean[place] is not True
        )
        """Places worth a search: those with a goal that the clean stimulus does not reach anyhow."""
        self.n_queries = [0] * len(stimuli)
        self.n_failed_queries = [0] * len(stimuli)
        self.n_gradients = [0] * len(stimuli)
        self.first_success: list[int | None] = [None] * len(stimuli)
        """At which of its queries, from 1, a place first reached its goal."""

    @property
    def access(self) -> frozenset[Access]:
        """What may be asked."""
        return self._system.access

    def ask(self, candidates: Mapping[int, Candidate], *, draw: int = 0) -> dict[int, Reply]:
        """A reply by place.

        Parameters
        ----------
        candidates : mapping of place to Candidate
        draw : int
            Another number, another draw of random defences and of the model's sampling.
        """
        stimuli = {place: self._asked(place, candidate) for place, candidate in candidates.items()}
        draw += FIRST_SEARCH_DRAW
        replies = dict(zip(stimuli, drawn_replies(self._system, list(stimuli.values()), draw=draw), strict=True))
        for place, reply in replies.items():
            self.n_queries[place] += 1
            self.n_failed_queries[place] += isinstance(reply, Failure)
            if self.first_success[place] is None and self.reached(place, reply):
                self.first_success[place] = self.n_queries[place]
        return replies

    def reached(self, place: int, reply: Reply) -> bool | None:
        """Whether `reply` reaches the goal of `place`; None where there is no goal, no answer or no telling."""
        return reached(self.stimuli[place], reply)

    def loss_and_gradient(
        self, clips: Mapping[int, AudioClip], *, targets: Mapping[int, str] | None = None, draw: int = 0
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """Loss (nats per token of the target) and waveform gradient by place; see `Model.loss_and_gradient`.

        Parameters
        ----------
        clips : mapping of place to AudioClip
            Need neither be 16-bit nor within the budget.
        targets : mapping of place to str or None
            None takes the goals' target texts.
        draw : int
            Another number, another draw of random defences.

        Raises
        ------
        ModelFailed
            If a gradient has another shape than its clip.
        """
        stimuli = [self.stimuli[place].with_clip(clip) for place, clip in clips.items()]
        texts = [self._target(place) if targets is None else targets[place] for place in clips]
        losses, gradients = self._system.loss_and_gradient(stimuli, targets=texts, draw=draw + FIRST_SEARCH_DRAW)
        for (place, clip), gradient in zip(clips.items(), gradients, strict=True):
            self.n_gradients[place] += 1
            if gradient.shape != clip.samples.shape:
                raise ModelFailed(
                    f"a gradient must have the shape {clip.samples.shape} of its clip, got {gradient.shape} from "
                    f"{self._system.model.name!r} behind {len(self._system.defences)} defences; see Defence.backward"
                )
        return dict(zip(clips, map(float, losses), strict=True)), dict(zip(clips, gradients, strict=True))

    def _asked(self, place: int, candidate: Candidate) -> Stimulus:
        stimulus = self.stimuli[place]
        return stimulus.with_clip(candidate.verified(stimulus.clip, budget=self._budget).clip)

    def _target(self, place: int) -> str:
        goal = self.stimuli[place].goal
        assert goal is not None and goal.target is not None, f"place {place} has no target text"
        return goal.target


def reached(stimulus: Stimulus, reply: Reply) -> bool | None:
    """Whether `reply` reaches the stimulus's goal; None where there is no goal, no answer or no telling.

    What a defence blocks reaches none.
    """
    if stimulus.goal is None or isinstance(reply, Failure):
        return None
    if isinstance(reply, Blocked):
        return False
    return stimulus.goal.reached(reply.said)


def drawn_replies(system: System, stimuli: Sequence[Stimulus], *, draw: int) -> list[Reply]:
    """Replies under another draw of random defences and, where the model samples, another seed."""
    if not stimuli:
        return []
    return system.ask(stimuli, sampling=drawn_sampling(system.sampling, draw), draw=draw)
