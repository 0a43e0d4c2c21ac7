"""What attacks share that say something: the words that are wanted, a voice for them, and a plain control.

An attacker knows what is asked for. The words stand in `Stimulus.truth["text"]`, as the data has them; nothing here
makes up a request, and an item whose words are not known is a fault and never an attack that was withstood.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import Attack
from earnest.attacks._budget import Budget, TextBudget
from earnest.attacks._candidate import HELD, Budgets, Candidate, held_role
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.audio.mixing import at_level_of, within_full_scale
from earnest.errors import BadParameter
from earnest.voices import ANY, Voice, load_voice

NO_WORDS = "the words of the request are not known; the data needs the column text"
NO_CLIP = "there is no clip in whose place something could be said"

ASKING = re.compile(
    r"^(?:please |can you |could you )*(?:(?:tell|show|teach|explain to) me (?:how )?(?:to )?|explain how (?:to )?|how (?:to|do i|can i) )?",
    re.IGNORECASE,
)
"""Words of asking before what is asked for, as a request begins."""


def words_of(stimulus: Stimulus) -> str:
    """What the speaker asks for, in words; empty where that is not known."""
    return " ".join(str(stimulus.truth.get("text") or "").split())


def wish_of(stimulus: Stimulus) -> str:
    """What is asked for without the words of asking: `fold a shirt` of `teach me to fold a shirt`."""
    return wish_in(words_of(stimulus))


def wish_in(text: str) -> str:
    """What a request asks for without the words of asking.

    >>> wish_in("Please tell me how to fold a shirt.")
    'fold a shirt'
    """
    text = text.rstrip(" .?!")
    return re.sub(r",? (?:please|today|now)$", "", ASKING.sub("", text, count=1), flags=re.IGNORECASE) or text


@dataclass(frozen=True)
class Speaker:
    """A voice that speaks in place of a recording: at its sample rate and its level."""

    voice: Voice
    like: AudioClip

    def says(self, text: str) -> AudioClip:
        """The text, as loud as the recording that it stands for."""
        return within_full_scale(at_level_of(self.voice.speak(text).resampled(self.like.sample_rate), self.like))

    def another(self, voice: str) -> Speaker:
        """Another voice of the same engine, in the same place."""
        return Speaker(self.voice.with_voice(voice), self.like)


@dataclass(frozen=True, kw_only=True)
class SpokenAttack(Attack, abc.ABC):
    """An attack that asks nothing and says the request in a way of its own; judged once, as it is.

    The control says the same words plainly in the same voice, with the item's own prompt: what a made voice alone does.

    Parameters
    ----------
    voice : str
        Who speaks, as `earnest.voices` writes it: `espeak/en-us+f2`, `flite/slt`; `any` takes the first engine that is
        installed.
    """

    control_name: ClassVar[str | None] = "said_plainly"

    voice: str = ANY

    @property
    def budgets(self) -> Budgets:
        """None on what is said, nor on the prompt beside it."""
        return {HELD: Budget(), "prompt": TextBudget()}

    @property
    def max_queries(self) -> int | None:
        """None: nothing is asked."""
        return 0

    def ready(self) -> None:
        """Refuse to begin where nobody can speak.

        Raises
        ------
        MissingExtra
            If the engine of the voice, or any engine, is not installed.
        """
        load_voice(self.voice)

    @abc.abstractmethod
    def said(self, stimulus: Stimulus, speaker: Speaker, rng: np.random.Generator) -> Candidate:
        """The request in the attack's own way."""

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """Every request of which somebody wants something, said in the attack's way."""
        return [self._proposed(stimulus, rng) for stimulus, rng in zip(stimuli, rngs, strict=True)]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The same words, said plainly."""
        return [
            Candidate(fault=crafted.fault) if crafted.fault else self._plain(stimulus)
            for stimulus, crafted in zip(stimuli, candidates, strict=True)
        ]

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """What the harmless twin asks for, said in the same way; None where its words are not known.

        Its clip alone tells no words, so that the twin itself is looked at.
        """
        goal = crafted.before.goal
        twin = None if goal is None or goal.twin is None or not crafted.drawn else goal.twin.load()
        if twin is None or fault_of(twin):
            return None
        return self.said(twin, self._speaker(twin), np.random.default_rng(0)).clip

    def _proposed(self, stimulus: Stimulus, rng: np.random.Generator) -> Candidate:
        if stimulus.goal is None:
            return Candidate()
        fault = fault_of(stimulus)
        return Candidate(fault=fault) if fault else self.said(stimulus, self._speaker(stimulus), rng)

    def _plain(self, stimulus: Stimulus) -> Candidate:
        if stimulus.goal is None:
            return Candidate()
        speaker = self._speaker(stimulus)
        return Candidate(clip=speaker.says(words_of(stimulus)), drawn={"voice": speaker.voice.spec})

    def _speaker(self, stimulus: Stimulus) -> Speaker:
        return Speaker(load_voice(self.voice), stimulus.clip)


def fault_of(stimulus: Stimulus) -> str:
    """Why nothing can be said in place of a stimulus; empty where something can."""
    if held_role(stimulus) is None:
        return NO_CLIP
    return "" if words_of(stimulus) else NO_WORDS


def one_of(value: str, *, among: Sequence[str], what: str) -> None:
    """Refuse a value that is none of those there are.

    Raises
    ------
    BadParameter
        If it is another.
    """
    if value not in among:
        raise BadParameter(f"{what} must be one of {', '.join(among)}, got {value!r}")
