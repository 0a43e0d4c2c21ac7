"""What an attack proposes for one stimulus, and how far it may be from the clean one: by role, texts among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._budget import Budget, TextBudget, padded
from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import BadParameter

HELD = ""
"""In budgets by role: the clip that the attacker holds (`Stimulus.primary_role`), whatever its role is called."""

TEXTS = ("prompt", "system_prompt")
"""Texts of a stimulus, which stand among its roles in budgets."""

HISTORY = "history"
"""In budgets: the earlier turns. Who may change them may say anything in them, so that the budget is a `TextBudget()` without a limit."""

Budgets = Mapping[str, Budget | TextBudget]
"""How far each role may be from the clean one; a role that is not named may not be changed."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What an attack proposes for one stimulus: what is not given stays as it is.

    Parameters
    ----------
    clip : AudioClip or None
        In place of the clip that the attacker holds. An attack with a budget keeps the rate and the length, but for what
        it puts before and after.
    clips : mapping of str to AudioClip
        In place of the clips of other roles, or beside them.
    prompt, system_prompt : str or None
        In place of those of the stimulus.
    history : tuple of Turn or None
        Earlier turns in place of those of the stimulus: what an attacker said before, and what was answered.
    n_before, n_after : int
        Samples put before and after the clean clip that is held, which is compared with silence there.
    drawn : mapping
        JSON values that replay it: the parameters drawn, the steps taken.
    fault : str
        Why there is no proposal (no target text, say); the attempt is then unscored, never a withstood attack.
    """

    clip: AudioClip | None = None
    clips: Mapping[str, AudioClip] = field(default_factory=dict)
    prompt: str | None = None
    system_prompt: str | None = None
    history: tuple[Turn, ...] | None = None
    n_before: int = 0
    n_after: int = 0
    drawn: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""

    def applied(self, clean: Stimulus, *, budgets: Budgets) -> Stimulus:
        """The stimulus that is asked and judged: within the budgets, its clips 16-bit, each at its own rate.

        Raises
        ------
        BadParameter
            If a role is changed that has no budget, a text is changed by more than its budget allows, or a clip with a
            budget is of another rate or length than the clean one.
        """
        stimulus = clean
        for role, clip in self._clips(clean).items():
            if clip is not clean.clips.get(role):
                shifts = (self.n_before, self.n_after) if self._holds(clean, role) else (0, 0)
                budget = self._budget(HELD if self._holds(clean, role) else role, budgets)
                stimulus = stimulus.with_clip(_within(clip, clean.clips.get(role), budget, shifts), role=role)
        for name in TEXTS:
            text, before = getattr(self, name), getattr(clean, name) or ""
            if text is not None and text != before:
                budget = self._budget(name, budgets)
                budget.check(text, clean=before, role=name)
                stimulus = replace(stimulus, **{name: text})
        if self.history is not None and self.history != clean.history:
            self._budget(HISTORY, budgets)
            stimulus = replace(stimulus, history=tuple(_as_file(turn) for turn in self.history))
        return stimulus

    def _clips(self, clean: Stimulus) -> dict[str, AudioClip]:
        return {**({} if self.clip is None else {clean.primary_role: self.clip}), **self.clips}

    @staticmethod
    def _holds(clean: Stimulus, role: str) -> bool:
        return bool(clean.clips) and role in clean.clips and role == held_role(clean)

    @staticmethod
    def _budget(role: str, budgets: Budgets) -> Any:
        if role not in budgets:
            raise BadParameter(
                f"an attack may change what it has a budget for, got another {role or 'clip'!r}, and budgets for "
                f"{', '.join(repr(key or 'the clip that is held') for key in budgets) or 'nothing'}; "
                "name the role in `budgets`"
            )
        return budgets[role]


def held_role(stimulus: Stimulus) -> str | None:
    """The role of the clip that the attacker holds; None where there is no such clip."""
    try:
        return stimulus.primary_role
    except BadParameter:
        return None


def as_files(stimulus: Stimulus) -> Stimulus:
    """The stimulus with its clips as 16-bit files hold them."""
    return replace(stimulus, clips={role: clip.quantised() for role, clip in stimulus.clips.items()})


def _as_file(turn: Turn) -> Turn:
    return replace(turn, clips={role: clip.quantised() for role, clip in turn.clips.items()}) if turn.clips else turn


def _within(clip: AudioClip, clean: AudioClip | None, budget: Budget, shifts: tuple[int, int]) -> AudioClip:
    """The clip within its budget of the clean one, 16-bit; a role that was empty is compared with silence."""
    before: NDArray[np.float32] = np.zeros_like(clip.samples) if clean is None else clean.samples
    if clean is not None and budget.bounded and clip.sample_rate != clean.sample_rate:
        raise BadParameter(
            f"an attack with a budget must keep the sample rate of {clean.sample_rate} Hz, "
            f"got {clip.sample_rate} Hz; resample inside the attack"
        )
    base = padded(before, n_before=shifts[0], n_after=shifts[1])
    samples = budget.rounded(clip.samples, clean=base, sample_rate=clip.sample_rate)
    samples.flags.writeable = False
    return clip.with_samples(samples)
