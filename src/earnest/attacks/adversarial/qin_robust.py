"""Qin's robust attack: a change that still works when it is played in a room nobody has measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import STEP, Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import GradientAttack, Path
from earnest.attacks._shrinking import Adam
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip
from earnest.audio.playback import Playback
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from earnest.audio import Stimulus


@attacks.register("qin_robust")
@dataclass(frozen=True, kw_only=True)
class QinRobust(GradientAttack):
    """A change whose target text survives simulated rooms: the loss is the mean over rooms that are drawn at every step.

    Each step draws `rooms` rooms, plays the clip in them, and follows the mean gradient back through the rooms (expectation
    over transformations). Every `check_every` steps the system is asked with the clip in `heard_in` fresh rooms. Kept is the
    iterate that is on target in most of them, of several the one of least loss, and the search is over where all are.

    To see what is left of it in rooms that it has not seen, set `playback` before the model and craft without it:
    `earnest run ... --attack qin_robust:transfer=true --defence playback`.

    The control is noise of exactly the same size: the change found, with the sign of every sample drawn anew.

    Parameters
    ----------
    epsilon : float
        Bound in any sample, full scale being 1: 2,000 16-bit steps, as in the work, whose second stage lets it grow by 300.
    snr_db : float or None
        A further limit on the whole change, which the work does not have.
    steps : int
        2,000 and 4,000 in the work's two stages, 200 here.
    learning_rate : float
        Of Adam on the sign of the gradient: 50 16-bit steps, as in the work's first stage, a tenth of it in the second half.
    rooms : int
        Rooms of a step: 1 in the work, whose 1,000 rooms are made beforehand; here each is drawn when it is needed.
    heard_in : int
        Rooms of a check: 10 in the work.
    check_every : int
        Steps from one check to the next.
    rt60_low_s, rt60_high_s : float
        Reverberation times between which the rooms' are drawn.

    Notes
    -----
    Follows `generate_robust_adv.py` of the authors (cleverhans-lab/cleverhans@140fd61). Departs from
    [qin2019-imperceptible] in the model and its loss; in one stage whose steps shrink for its two; in leaving the bound where it
    is; in rooms that keep the direct sound in its place and the level of the clip.
    """

    source: ClassVar[str] = "qin2019-imperceptible"

    epsilon: float = 2000 * STEP
    snr_db: float | None = None
    steps: int = 200
    learning_rate: float = 50 * STEP
    rooms: int = 4
    heard_in: int = 10
    check_every: int = 20
    rt60_low_s: float = 0.15
    rt60_high_s: float = 0.5

    def __post_init__(self) -> None:
        for name in ("steps", "rooms", "heard_in", "check_every"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise BadParameter(f"{name} of qin_robust must be a whole number of at least 1, got {value!r}")
        if not 0 < self.learning_rate <= 2:
            raise BadParameter(f"learning_rate of qin_robust must be above 0 and at most 2, got {self.learning_rate!r}")
        if not 0.05 <= self.rt60_low_s <= self.rt60_high_s <= 10:
            raise BadParameter(
                f"rt60_low_s and rt60_high_s of qin_robust must be 0.05 to 10 s and in order, got {self.rt60_low_s!r} and {self.rt60_high_s!r}"
            )
        _ = self.budget

    @property
    def budget(self) -> Budget:
        """`epsilon` and `snr_db`."""
        return Budget(epsilon=self.epsilon, snr_db=self.snr_db)

    @property
    def max_queries(self) -> int:
        """Each check asks in `heard_in` rooms."""
        return self.n_checks * self.heard_in

    @property
    def max_gradients(self) -> int:
        """One in each room of each step, and of the last clip."""
        return (self.steps + 1) * self.rooms

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """The iterates of one clip, with the rooms that are drawn for it."""
        return _PlayedPath(self, stimulus.clip, rng=rng)

    def measured(
        self, victim: Victim, paths: Mapping[int, Path], step: int
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """Loss and gradient by place, means over the rooms of the step."""
        losses, gradients = dict.fromkeys(paths, 0.0), {}
        targets = self.aims(victim, paths)
        for draw in range(self.rooms):
            ways = {place: path.way() for place, path in paths.items() if isinstance(path, _PlayedPath)}
            played = {place: way.played(paths[place].clip()) for place, way in ways.items()}
            more, steeper = victim.loss_and_gradient(played, targets=targets, draw=step * self.rooms + draw)
            for place, way in ways.items():
                back = way.backward(steeper[place], samples=paths[place].clip().samples)
                losses[place] += more[place] / self.rooms
                gradients[place] = back if draw == 0 else gradients[place] + back
        return losses, gradients

    def _checked(self, victim: Victim, paths: Mapping[int, Path], step: int) -> set[int]:
        questions = [
            (place, Candidate(clip=path.way().played(path.clip())))
            for place, path in paths.items()
            for _ in range(self.heard_in)
            if isinstance(path, _PlayedPath)
        ]
        n_reached = dict.fromkeys(paths, 0)
        unbounded = victim.unbounded
        for (place, _), reply in zip(questions, unbounded.ask(questions), strict=True):
            n_reached[place] += bool(victim.reached(place, reply))
        for place, path in paths.items():
            if isinstance(path, _PlayedPath):
                path.note_heard(n_reached[place])
        return {place for place, n in n_reached.items() if n == self.heard_in}


class _PlayedPath(Path):
    """The iterates of one clip that is played in rooms."""

    _attack: QinRobust

    def __init__(self, attack: QinRobust, clean: AudioClip, *, rng: np.random.Generator) -> None:
        super().__init__(attack, clean, rng=rng)
        self._rng, self._adam, self._n_heard = rng, Adam(clean.n_samples), 0

    def way(self) -> Playback:
        """The next room."""
        low, high = self._attack.rt60_low_s, self._attack.rt60_high_s
        return Playback.drawn(rt60_s=(low, high), sample_rate=self._clean.sample_rate, rng=self._rng)

    def note_heard(self, n: int) -> None:
        """In how many fresh rooms the iterate was on target."""
        if n > self._n_heard or (n == self._n_heard > 0 and self._loss < self._best_loss):
            self._keep()
            self._n_heard, self._successful = n, True

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """A step of Adam on the signs, a tenth as long in the second half."""
        size = float(np.abs(gradient).sum(dtype=np.float64))
        if not 0 < size < np.inf:
            self._stopped = "zero" if size == 0 else "not finite"
            return False
        rate = self._attack.learning_rate * (1.0 if 2 * self._step < self._attack.steps else 0.1)
        self._here = self._projected(self._here - self._adam.step(np.sign(gradient), learning_rate=rate))
        return True

    def candidate(self, *, ended_by: str = "") -> Candidate:
        """The iterate that was on target in most rooms."""
        found = super().candidate(ended_by=ended_by)
        drawn = {**found.drawn, "on_target_in": self._n_heard, "heard_in": self._attack.heard_in}
        return Candidate(clip=found.clip, drawn=drawn, fault=found.fault)
