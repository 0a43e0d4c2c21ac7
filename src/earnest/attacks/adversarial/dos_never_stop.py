"""Never stop speaking: a quiet change after which the model cannot end its answer. An attack on availability and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import GradientAttack, Path, check_descent
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Goal
from earnest.errors import BadParameter
from earnest.models.access import Answer, Target

if TYPE_CHECKING:
    from earnest.audio import Stimulus

VOICED_DB = -40.0
"""A frame that is quieter than the loudest by more than this holds no voice."""
FRAME_MS = 20.0


@attacks.register("dos_never_stop")
@dataclass(frozen=True, kw_only=True)
class NeverStop(GradientAttack):
    """A change of the voiced samples that makes an answer unlikely to end before the token limit.

    Each step lowers the likelihood that the answer ends, at any place of what the model says at the time, later places
    counting more (`earnest.models.Target`). Every `check_every` steps the model is asked, and what it says then is what may
    not end. The goal says when an answer is long enough: `unending(most_words)` makes one.

    The control is noise of exactly the same size: the change found, with the sign of every sample drawn anew.

    Parameters
    ----------
    epsilon : float
        Largest change of a sample, full scale being 1: 0.0001, as in the work.
    snr_db : float or None
        A further limit, which the work does not have.
    steps : int
        200, as in the work.
    step_size : float
        Length of a step as a share of the budget.
    voiced_only : bool
        Whether samples without voice stay as they are, as in the work; here, in frames of 20 ms more than 40 dB below the
        loudest.
    eot : int
        Draws of random defences over which loss and gradient are averaged.
    check_every : int
        Steps from one look at the answer to the next.

    Notes
    -----
    Departs from [cheng2026-neverstop] in following the likelihood of not ending where the work weighs the logit of the end, raises
    those of other tokens and adds an expected length, and the encoder's features; of its weights 4 exp(4 t / n) those over
    places are taken over. Its figures are of models with a thousand tokens to go; a model that allows fewer ends there.
    """

    source: ClassVar[str] = "cheng2026-neverstop"

    epsilon: float = 1e-4
    snr_db: float | None = None
    steps: int = 200
    step_size: float = 0.1
    voiced_only: bool = True
    eot: int = 1
    check_every: int = 10

    def __post_init__(self) -> None:
        _ = self.budget
        check_descent(self)
        if self.check_every < 1:
            raise BadParameter(
                f"check_every of {self.name} must be at least 1, got {self.check_every!r}; what the model says is what may not end"
            )

    @property
    def budget(self) -> Budget:
        """`epsilon` and `snr_db`."""
        return Budget(epsilon=self.epsilon, snr_db=self.snr_db)

    @property
    def max_queries(self) -> int:
        """One at the beginning, then those of the checks."""
        return 1 + self.n_checks

    @property
    def max_aims(self) -> int:
        """None: what the model says itself is driven."""
        return 0

    def lacking(self, victim: Victim, place: int) -> Candidate | None:
        """Any goal will do."""
        return None if place in victim.open else Candidate()

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """The iterates of one clip, and what is said to them."""
        return _TalkingPath(self, stimulus.clip, rng=rng)

    def measured(
        self, victim: Victim, paths: Mapping[int, Path], step: int
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """How likely the answers are to end, and the gradient."""
        talking = {place: path for place, path in paths.items() if isinstance(path, _TalkingPath)}
        new = [place for place, path in talking.items() if path.said is None]
        if new:
            self._heard(victim, {place: talking[place] for place in new}, step)
        clips = {place: path.clip() for place, path in talking.items()}
        targets: dict[int, str] = {place: Target(path.said or "", unending=True) for place, path in talking.items()}
        losses, gradients = victim.loss_and_gradient(clips, targets=targets, draw=step * self.eot)
        for extra in range(1, self.eot):
            more, steeper = victim.loss_and_gradient(clips, targets=targets, draw=step * self.eot + extra)
            losses = {place: loss + more[place] for place, loss in losses.items()}
            gradients = {place: gradient + steeper[place] for place, gradient in gradients.items()}
        return {place: loss / self.eot for place, loss in losses.items()}, gradients

    def _checked(self, victim: Victim, paths: Mapping[int, Path], step: int) -> set[int]:
        reached = self._heard(victim, {p: path for p, path in paths.items() if isinstance(path, _TalkingPath)}, step)
        for place, path in paths.items():
            path.note_success() if place in reached else path.note_failure()
        return reached if self.stop_early else set()

    @staticmethod
    def _heard(victim: Victim, paths: Mapping[int, _TalkingPath], step: int) -> set[int]:
        """Places whose answer is long enough; what is said is noted."""
        replies = victim.ask([(place, Candidate(clip=path.clip())) for place, path in paths.items()], draw=step)
        for path, reply in zip(paths.values(), replies, strict=True):
            path.note_said(reply.text if isinstance(reply, Answer) else "")
        return {place for place, reply in zip(paths, replies, strict=True) if victim.reached(place, reply)}


class _TalkingPath(Path):
    """The iterates of one clip, and what the model said last; kept is the one of the longest answer."""

    _attack: NeverStop

    def __init__(self, attack: NeverStop, clean: AudioClip, *, rng: np.random.Generator) -> None:
        super().__init__(attack, clean, rng=rng)
        self.said: str | None = None
        self._longest = -1
        self._voiced = voiced(clean) if attack.voiced_only else np.ones(clean.n_samples, np.float32)

    def note(self, loss: float, *, step: int) -> None:
        """The loss is told; what is kept is decided by what is said."""
        self._step, self._loss = step, loss
        if step == 0:
            self._first_loss = loss

    def note_said(self, text: str) -> None:
        """The answer to the iterate, kept where it is the longest so far."""
        self.said = text
        n_words = len(text.split())
        if n_words > self._longest:
            self._keep()
            self._longest = n_words

    def note_success(self) -> None:
        """The iterate's answer is long enough."""
        self._successful = True

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """A step of the voiced samples."""
        return super().advance(gradient * self._voiced)


def voiced(clip: AudioClip) -> NDArray[np.float32]:
    """1 where there may be voice, 0 in frames of 20 ms more than 40 dB below the loudest; float32, shape (n_samples,)."""
    n = max(1, round(FRAME_MS * 1e-3 * clip.sample_rate))
    n_frames = math.ceil(clip.n_samples / n)
    padded = np.zeros(n_frames * n)
    padded[: clip.n_samples] = clip.samples
    power = (padded.reshape(n_frames, n) ** 2).mean(axis=1)
    loud = power >= power.max() * 10 ** (VOICED_DB / 10)
    return np.repeat(loud.astype(np.float32), n)[: clip.n_samples]


def unending(most_words: int, *, description: str = "have the model go on speaking") -> Goal:
    """The goal of availability: an answer that only the limit on tokens ends; where the model does not say why it
    stopped, one of at least so many words, which no answer to such a question needs.

    >>> unending(3).reached("on and on and on"), unending(3).reached("yes")
    (True, False)
    """
    return Goal(endless=True, reached=lambda text: len(text.split()) >= most_words, description=description)
