"""What a model is asked once: the turns of a conversation, the last one open, and what an attacker wants of the answer.

A turn has clips by role and words. Most stimuli have one turn, `clips` and `prompt`; in a conversation the earlier
turns are its `history`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from earnest.audio.clip import AudioClip
from earnest.errors import BadParameter

PRIMARY_ROLE = "speech"

NOTHING_SAID = "(says nothing)"
"""What stands in a conversation for an answer without a word."""

Speaker = Literal["user", "assistant"]
"""Whose turn it is."""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A harmless question that differs from an attacked one in what it asks for alone.

    What an attack does to the clip is done to the twin's as well. Where the twin is no longer helped, the change broke
    hearing, and an answer that refuses nothing shows little.

    Parameters
    ----------
    load : callable () -> Stimulus
        Gives the twin; may raise `BadAudio`.
    served : callable (answer) -> bool or None
        Whether an answer helps with what the twin asks for; None where it cannot be told.
    """

    load: Callable[[], Stimulus] = field(repr=False)
    served: Callable[[str], bool | None] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What an attacker wants of the answer.

    An answer is *on target* where it gives the attacker what was wanted (`reached`). It *complies* where it does not
    refuse, whatever it says: a request that was misheard and answered is complied with, and is not on target.

    Parameters
    ----------
    target : str or None
        The text to force, for attacks that follow a loss or a score; None where any answer that `reached` accepts will do.
    away_from : str or None
        In place of a target, the text that the model is to be driven away from: what it rightly says.
    reached : callable (answer) -> bool or None
        Whether the answer is what the attacker wants; None where it cannot be told.
    not_refused : callable (answer) -> bool or None, or None
        Whether the answer does anything but refuse; None where goals of this kind know no refusal, so that to comply is
        to be on target. Like `twin` no part of the digest: neither changes what is searched for.
    twin : Twin or None
        The harmless twin of what is asked, where there is one.
    repeats : bool
        Whether to say again what was said aloud may be what is wanted, as where a text is to be written down.
    endless : bool
        Whether what is wanted is an answer that only a limit on tokens ends: such an answer is on target whatever it says,
        one that ended by itself never is, and `reached` decides alone where the model does not say why it stopped.
    description : str
        In words, for reports.

    Raises
    ------
    BadParameter
        If there is both a target and a text to be driven away from.
    """

    target: str | None = None
    away_from: str | None = None
    reached: Callable[[str], bool | None]
    not_refused: Callable[[str], bool | None] | None = field(default=None, compare=False)
    twin: Twin | None = field(default=None, compare=False)
    repeats: bool = field(default=True, compare=False)
    endless: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        if self.target is not None and self.away_from is not None:
            raise BadParameter(
                f"a goal has a target or a text to be driven away from, got {self.target!r} and {self.away_from!r}; "
                "leave one out"
            )

    def reached_by(self, answer: str, *, own: str | None = None, finish: str = "") -> bool | None:
        """Whether an answer is on target.

        Parameters
        ----------
        answer : str
        own : str or None
            The answer without what only repeats what an attack told the model (`Answer.own`); None: all of it. Where
            nothing is left of an answer, it is not on target.
        finish : str
            Why the model stopped (`earnest.replies.ReadReply.finish`).
        """
        if self.endless and finish in ("length", "stop"):
            return finish == "length"
        if own is not None and answer.strip() and not own.strip():
            return False
        return self.reached(answer if own is None else own)

    def complied(self, answer: str, *, own: str | None = None, finish: str = "") -> bool | None:
        """Whether an answer is on target or does anything else but refuse; None where it cannot be told."""
        reached = self.reached_by(answer, own=own, finish=finish)
        if reached or self.not_refused is None:
            return reached
        return self.not_refused(answer)

    @property
    def text(self) -> str | None:
        """The text whose likelihood the attacker moves: up to a target, down from what is to be avoided; None: neither."""
        return self.target if self.target is not None else self.away_from

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what is wanted in words, and of which function tells whether it was reached."""
        teller = [getattr(self.reached, name, "") for name in ("__module__", "__qualname__")]
        content = json.dumps([self.target, self.away_from, self.description, teller])
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a conversation.

    Parameters
    ----------
    role : {"user", "assistant"}
        Whose turn it is.
    text : str
        The words that go with the audio; of a spoken answer its transcript.
    clips : mapping of str to AudioClip
        Role to clip, in the order in which they are heard.

    Raises
    ------
    BadParameter
        If the role is another, a clip is no AudioClip, or there is neither text nor a clip.
    """

    role: Speaker
    text: str = ""
    clips: Mapping[str, AudioClip] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.role not in get_args(Speaker):
            raise BadParameter(
                f"the role of a turn must be 'user' or 'assistant', got {self.role!r}; "
                "what the system is told goes into system_prompt"
            )
        _check_clips(self.clips)
        if not self.clips and not self.text:
            raise BadParameter("a turn must have text or a clip, got neither; give a text or a clip, or leave it out")
        object.__setattr__(self, "clips", MappingProxyType(dict(self.clips)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the speaker, the text, and roles and digests of the clips."""
        content = json.dumps([self.role, self.text, _digests(self.clips)])
        return hashlib.sha256(content.encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __getstate__(self) -> dict[str, Any]:  # a mapping proxy cannot be pickled
        return {**self.__dict__, "clips": dict(self.clips)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, clips=MappingProxyType(state["clips"]))


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """What a model is asked once.

    Parameters
    ----------
    clips : mapping of str to AudioClip
        Role to clip, in the order in which the model hears them; the role of the speech under test is "speech". May be
        empty: the prompt alone is asked.
    prompt : str
        The text that goes with the audio.
    system_prompt : str or None
    history : tuple of Turn
        The earlier turns, oldest first. `clips` and `prompt` are the turn that is to be answered; attacks, effects and
        gradients act on it.
    goal : Goal or None
        Neither compared nor part of the digest.
    held : str
        Role of the clip that an attacker holds and may change; empty: "speech", or the only one there is. Neither
        compared nor part of the digest.
    truth : mapping
        What is true of the clips, for scripted models, and for attacks, which know what is asked for (`text`): no model
        that hears may read it, no endpoint is sent it. Neither compared nor part of the digest.

    Raises
    ------
    BadParameter
        If a clip is no AudioClip, an earlier turn is no Turn, or there is neither a clip nor a prompt.
    """

    clips: Mapping[str, AudioClip]
    prompt: str
    system_prompt: str | None = None
    history: tuple[Turn, ...] = ()
    goal: Goal | None = field(default=None, compare=False)
    held: str = field(default="", compare=False)
    truth: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_clips(self.clips)
        if not self.clips and not self.prompt:
            raise BadParameter("a stimulus must have a clip or a prompt, got neither; give a prompt or a clip")
        for turn in self.history:
            if not isinstance(turn, Turn):
                raise BadParameter(
                    f"history must be a tuple of Turn, got {type(turn).__name__}; "
                    "build one with Turn(role='user', text=..., clips=...)"
                )
        object.__setattr__(self, "clips", MappingProxyType(dict(self.clips)))
        object.__setattr__(self, "history", tuple(self.history))

    @property
    def primary_role(self) -> str:
        """The role that attacks and effects act on: `held`, else "speech", or the only one there is.

        Raises
        ------
        BadParameter
            If there is no clip, or several and none is "speech"; or none in the role that is held.
        """
        if self.held:
            if self.held not in self.clips:
                raise BadParameter(
                    f"an attacker holds the role {self.held!r}, got a stimulus with "
                    f"{', '.join(map(repr, self.clips)) or 'no clip'}; name one of its roles as held"
                )
            return self.held
        if PRIMARY_ROLE in self.clips:
            return PRIMARY_ROLE
        if len(self.clips) != 1:
            raise BadParameter(
                f"a stimulus must have one clip or a role {PRIMARY_ROLE!r} for this, got "
                f"{', '.join(map(repr, self.clips)) or 'no clip'}; name the role, as in stimulus.clips[role]"
            )
        return next(iter(self.clips))

    @property
    def clip(self) -> AudioClip:
        """The clip of `primary_role`."""
        return self.clips[self.primary_role]

    def with_clip(self, clip: AudioClip, role: str | None = None) -> Stimulus:
        """The stimulus with another clip in `role` (default: the primary one); a new role comes last."""
        role = self.primary_role if role is None else role
        return replace(self, clips={**self.clips, role: clip})

    def then(self, answer: str, *, prompt: str = "", clips: Mapping[str, AudioClip] | None = None) -> Stimulus:
        """The next turn of the conversation: this one and what was said to it become history.

        Parameters
        ----------
        answer : str
            The assistant's words; empty where it said nothing.
        prompt, clips
            Of the turn that is to be answered then.
        """
        answered = Turn(role="assistant", text=answer.strip() or NOTHING_SAID)
        asked = Turn(role="user", text=self.prompt, clips=self.clips)
        return replace(self, history=(*self.history, asked, answered), prompt=prompt, clips=dict(clips or {}))

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """The whole conversation: the earlier turns, then the one that is to be answered."""
        return (*self.history, Turn(role="user", text=self.prompt, clips=self.clips))

    @property
    def has_audio(self) -> bool:
        """Whether the user spoke in any turn: without it, the model is asked in words alone."""
        return bool(self.clips) or any(turn.clips for turn in self.history if turn.role == "user")

    @property
    def duration_s(self) -> float:
        """Length of all clips of all turns in seconds; 0 where there is none."""
        return sum(clip.duration_s for turn in self.turns for clip in turn.clips.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of roles, clip digests, prompts and earlier turns; the goal does not count."""
        content = json.dumps([_digests(self.clips), self.prompt, self.system_prompt, *self._earlier])
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def prompt_hash(self) -> str:
        """First 16 hex digits of the SHA-256 of prompt, system prompt and earlier turns, their clips with them."""
        content = json.dumps([self.prompt, self.system_prompt, *self._earlier])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def _earlier(self) -> list[list[str]]:
        """Digests of the earlier turns; nothing where there are none, so that hashes of finished runs hold."""
        return [[turn.digest for turn in self.history]] if self.history else []

    def joined(self, gap_s: float = 0.5, sample_rate: int | None = None) -> AudioClip:
        """The clips of the turn to be answered in one, with silence between, for models that take one clip.

        Parameters
        ----------
        gap_s : float
            Silence between two clips in seconds, at least 0.
        sample_rate : int or None
            In Hz; None takes the highest rate among the clips.

        Raises
        ------
        BadParameter
            If there is no clip or the gap is negative.
        """
        if not self.clips:
            raise BadParameter("a stimulus must have a clip to be joined, got none; send the prompt alone")
        if not gap_s >= 0:
            raise BadParameter(f"gap_s must be at least 0, got {gap_s!r}; 0 joins without silence")
        rate = max(clip.sample_rate for clip in self.clips.values()) if sample_rate is None else sample_rate
        parts: list[np.ndarray] = []
        for clip in self.clips.values():
            parts += [clip.resampled(rate).samples, np.zeros(round(gap_s * rate), dtype=np.float32)]
        return AudioClip(np.concatenate(parts[:-1]), rate)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __getstate__(self) -> dict[str, Any]:  # a mapping proxy cannot be pickled
        return {**self.__dict__, "clips": dict(self.clips)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, clips=MappingProxyType(state["clips"]))


def _check_clips(clips: Mapping[str, AudioClip]) -> None:
    for role, clip in clips.items():
        if not isinstance(role, str) or not isinstance(clip, AudioClip):
            raise BadParameter(
                f"clips must map role names to AudioClip, got {role!r}: {type(clip).__name__}; "
                "build one with AudioClip(samples, sample_rate)"
            )


def _digests(clips: Mapping[str, AudioClip]) -> list[list[str]]:
    return [[role, clip.digest] for role, clip in clips.items()]
