"""Descent along the gradient of the waveform: what attacks with gradients share, their control among it.

A subclass of `GradientAttack` states a budget and, where it wants others, the numbers of the descent; all else is here. So
the noise that an attack is set beside, and what counts as a gradient of no use, is one thing for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import Attack, Family
from earnest.attacks._budget import energy, padded
from earnest.attacks._candidate import Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, LimitReached
from earnest.models.access import Access


class GradientAttack(Attack):
    """Base of the attacks that go along the gradient of one clip, step by step, within a budget.

    Each step moves every sample by the sign of the gradient (under `epsilon` alone), or the clip along the gradient
    (under `snr_db`), and goes back into the budget. The proposal is the clip of least loss among those that reached the
    goal when asked, else among all. A subclass overrides `budget`, and any of the numbers below; as fields of its
    dataclass they are its parameters.

    The control is noise: the change found, with the sign of every sample drawn anew. It has the very same peak, SNR and
    course of loudness, and may be drawn as often as the attack was allowed to look at an answer.
    """

    family: ClassVar[Family] = "adversarial"
    needs: ClassVar[Access] = "gradients"
    control_name: ClassVar[str | None] = "same_size_noise"
    together: ClassVar[bool] = True

    steps: int = 1
    """The gradient is taken `steps` + 1 times, as the last clip is measured too."""
    step_size: float = 1.0
    """Length of a step as a share of the budget (of `epsilon`, or of the longest change that `snr_db` allows)."""
    last_step: float = 1.0
    """Length of the last step as a share of the first's; between them it falls evenly."""
    momentum: float = 0.0
    """Share of the last direction that is kept, after [dong2017-momentum]."""
    power: float = 1.0
    """Under `snr_db` a step goes along the gradient's sign times its size to this power: 1 is the gradient itself."""
    random_start: bool = False
    """Whether to begin at random within the budget instead of at the clean clip."""
    eot: int = 1
    """Draws of random defences over which loss and gradient are averaged ([athalye2018-obfuscated])."""
    check_every: int = 0
    """Steps from one query to the next; 0 never asks, and takes the clip of least loss."""
    stop_early: bool = True
    """Whether a stimulus is done at the first clip that reaches its goal."""

    @property
    def n_checks(self) -> int:
        """How many answers the attack may look at."""
        return math.ceil(self.steps / self.check_every) if self.check_every else 0

    @property
    def max_queries(self) -> int:
        """As many as answers that it may look at."""
        return self.n_checks

    @property
    def max_gradients(self) -> int:
        """One at each step and one of the last clip, under each of `eot` draws."""
        return (self.steps + 1) * self.eot

    @property
    def max_aims(self) -> int:
        """One at the beginning, and one after each look at an answer in the first half of the steps."""
        return 1 + (((self.steps + 1) // 2 - 1) // self.check_every if self.check_every else 0)

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> Iterator[tuple[int, Candidate]]:
        """The best iterate of each stimulus, as each is done."""
        paths: dict[int, Path] = {}
        for place, stimulus in enumerate(stimuli):
            fault = self.lacking(victim, place)
            if fault is not None:
                yield place, fault
            else:
                paths[place] = self.path(stimulus, rng=rngs[place])
        yield from self._descend(victim, paths)

    def aimed(self, text: str) -> str:
        """The text of a goal as it is driven; by default as it is."""
        return text

    def lacking(self, victim: Victim, place: int) -> Candidate | None:
        """What is proposed where nothing is searched for: the clean clip, or a fault; None where there is a search."""
        goal = victim.stimuli[place].goal
        if place not in victim.open:
            return Candidate()
        if goal is None or goal.text is None:
            return Candidate(fault=f"{self.name} needs a goal with a target text, or a text to be driven away from")
        return None

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """Where the descent of a stimulus begins, and how it steps."""
        return Path(self, stimulus.clip, rng=rng)

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> Iterator[tuple[int, Candidate]]:
        """The changes found with signs drawn anew: the first that reaches the goal in `n_checks` tries, else the last."""
        left = victim.searched(candidates)
        yield from victim.passed_over(candidates)
        controls: dict[int, Candidate] = {}
        for draw in range(max(1, self.n_checks)):
            for place in left:
                found = candidates[place].clip
                assert found is not None
                shifts = {"n_before": candidates[place].n_before, "n_after": candidates[place].n_after}
                own = stimuli[place].clip
                clean = own.with_samples(padded(own.samples, **shifts)) if any(shifts.values()) else own
                clip = resigned(clean=clean, perturbed=found, rng=rngs[place])
                controls[place] = Candidate(clip=clip, drawn={"draw": draw}, **shifts)
            if self.n_checks:
                replies = victim.ask([(place, controls[place]) for place in left], draw=draw)
                done = {place for place, reply in zip(left, replies, strict=True) if victim.reached(place, reply)}
                for place in sorted(done):
                    yield place, controls[place]
                left = [place for place in left if place not in done]
        for place in left:
            yield place, controls[place]

    def _descend(self, victim: Victim, paths: Mapping[int, Path]) -> Iterator[tuple[int, Candidate]]:
        left = dict(paths)
        for step in range(self.steps + 1):
            if not left:
                return
            try:
                losses, gradients = self.measured(victim, left, step)
                for place, path in left.items():
                    path.note(losses[place], step=step)
                done = self._checked(victim, left, step) if self._due(step) else set()
            except LimitReached as error:
                yield from ((place, path.candidate(ended_by=error.name)) for place, path in left.items())
                return
            if step < self.steps:
                done |= {p for p, path in left.items() if p not in done and not path.advance(gradients[p])}
            for place in sorted(done):
                yield place, left.pop(place).candidate()
        for place, path in left.items():
            yield place, path.candidate()

    def _due(self, step: int) -> bool:
        return self.check_every > 0 and step > 0 and (step % self.check_every == 0 or step == self.steps)

    def measured(
        self, victim: Victim, paths: Mapping[int, Path], step: int
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """Loss and gradient of the iterates by place, means over the draws."""
        clips = {place: path.clip() for place, path in paths.items()}
        targets = self.aims(victim, paths)
        losses, gradients = victim.loss_and_gradient(clips, targets=targets, draw=step * self.eot)
        for extra in range(1, self.eot):
            more, steeper = victim.loss_and_gradient(clips, targets=targets, draw=step * self.eot + extra)
            losses = {place: loss + more[place] for place, loss in losses.items()}
            gradients = {place: gradient + steeper[place] for place, gradient in gradients.items()}
        return {place: loss / self.eot for place, loss in losses.items()}, gradients

    def aims(self, victim: Victim, paths: Mapping[int, Path]) -> dict[int, str]:
        """The targets by place as the model is best driven to them (`Model.aimed`): found from where a path is, and kept
        until an answer has shown that the goal is not reached yet."""
        if new := {place: path.clip() for place, path in paths.items() if not path.aimed}:
            found = victim.aimed(new, targets={p: paths[p].aim or self.aimed(victim.wanted(p)) for p in new})
            for place, aim in found.items():
                paths[place].take_aim(aim)
        return {place: path.aim or "" for place, path in paths.items()}

    def _checked(self, victim: Victim, paths: Mapping[int, Path], step: int) -> set[int]:
        """Places that are done, after asking all of `paths`."""
        replies = victim.ask([(place, path.asked()) for place, path in paths.items()], draw=step)
        reached = {place for place, reply in zip(paths, replies, strict=True) if victim.reached(place, reply)}
        for place, path in paths.items():
            path.note_success() if place in reached else path.note_failure()
        return reached if self.stop_early else set()


def check_descent(attack: GradientAttack) -> None:
    """Refuse numbers that are none of a descent's.

    Raises
    ------
    BadParameter
        If steps, eot or check_every is no whole number that is large enough, or step_size no positive share, or last_step
        not in (0, 1], or momentum not in [0, 1), or power not in (0, 1].
    """
    for name, least in (("steps", 1), ("eot", 1), ("check_every", 0)):
        value = getattr(attack, name)
        if not isinstance(value, int) or value < least:
            raise BadParameter(f"{name} of {attack.name} must be a whole number of at least {least}, got {value!r}")
    if not 0 < attack.step_size < math.inf:
        raise BadParameter(
            f"step_size of {attack.name} must be a positive share of the budget, got {attack.step_size!r}"
        )
    if not 0 < attack.last_step <= 1:
        raise BadParameter(f"last_step of {attack.name} must lie in (0, 1], got {attack.last_step!r}")
    if not 0 <= attack.momentum < 1:
        raise BadParameter(f"momentum of {attack.name} must lie in [0, 1), got {attack.momentum!r}")
    if not 0 < attack.power <= 1:
        raise BadParameter(f"power of {attack.name} must lie in (0, 1], got {attack.power!r}")


class Path:
    """The iterates of one clip: where it is, and the best it has been."""

    def __init__(self, attack: GradientAttack, clean: AudioClip, *, rng: np.random.Generator) -> None:
        self._attack, self._budget, self._clean = attack, attack.budget, clean
        self._radius = self._budget.radius(clean.samples)
        self._direction: NDArray[np.float32] | None = None
        self._here = self._start(rng) if attack.random_start else clean.samples
        self._best, self._best_loss, self._best_step, self._successful = self._here, math.inf, 0, False
        self._step, self._loss, self._first_loss, self._stopped = 0, math.inf, math.inf, ""
        self.aim: str | None = None
        """The target as it is driven, once it is known."""
        self.aimed = False
        """Whether it need not be sought again."""

    def clip(self) -> AudioClip:
        """The iterate."""
        return _clip(self._here, self._clean)

    def take_aim(self, aim: str) -> None:
        """Another target, or the same once more; what was followed towards another one is forgotten."""
        if self.aim is not None and getattr(aim, "transcript", None) != getattr(self.aim, "transcript", None):
            self._direction = None
        self.aim, self.aimed = aim, True

    def asked(self) -> Candidate:
        """The iterate as it is asked."""
        return Candidate(clip=self.clip())

    def note(self, loss: float, *, step: int) -> None:
        """The loss of the iterate: kept where it is the best so far and no success has been."""
        self._step, self._loss = step, loss
        if step == 0:
            self._first_loss = loss
        if not self._successful and loss < self._best_loss:
            self._keep()

    def note_success(self) -> None:
        """The iterate reached the goal: kept unless one of less loss has."""
        if not self._successful or self._loss < self._best_loss:
            self._keep()
        self._successful = True

    def note_failure(self) -> None:
        """The iterate was asked and did not reach the goal: in the first half what is best driven is sought anew."""
        self.aimed = 2 * self._step >= self._attack.steps

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """Take a step against the gradient; False where it leads nowhere (zero, or not finite)."""
        self._stopped = useless_gradient(gradient)
        if self._stopped:
            return False
        size = float(np.abs(gradient).sum(dtype=np.float64))
        direction = gradient
        if self._attack.momentum:
            direction = gradient * np.float32(gradient.size / size)
            if self._direction is not None:
                direction = direction + np.float32(self._attack.momentum) * self._direction
            self._direction = direction
        self._here = self._projected(self._here - self._stride(direction))
        return True

    def candidate(self, *, ended_by: str = "") -> Candidate:
        """The best iterate, and which limit ended the search, if one did.

        A gradient that is zero from the start, or not finite anywhere, is a fault: a system that hides its gradients has
        not withstood anything ([athalye2018-obfuscated]).
        """
        drawn = {
            "step": self._best_step,
            "steps_taken": self._step,
            "loss": _finite(self._best_loss),
            "first_loss": _finite(self._first_loss),
            **({"ended_by": ended_by} if ended_by else {}),
        }
        fault = ""
        if not self._successful and (self._stopped == "not finite" or (self._stopped and self._step == 0)):
            fault = (
                f"the gradient is {self._stopped} at step {self._step}; attack without gradients, or mend the defence"
            )
        return Candidate(clip=_clip(self._best, self._clean), drawn=drawn, fault=fault)

    def _keep(self) -> None:
        self._best, self._best_loss, self._best_step = self._here, self._loss, self._step

    def _projected(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._budget.project(samples, clean=self._clean.samples, sample_rate=self._clean.sample_rate)

    def _stride(self, direction: NDArray[np.float32]) -> NDArray[np.float32]:
        share = self._attack.step_size * (
            1 - (1 - self._attack.last_step) * self._step / max(1, self._attack.steps - 1)
        )
        if not self._budget.round:
            return np.float32(share * self._budget.epsilon) * np.sign(direction)
        if self._attack.power != 1:
            direction = np.sign(direction) * np.abs(direction) ** np.float32(self._attack.power)
        length = math.sqrt(energy(direction))
        return direction * np.float32(share * self._radius / length) if length else direction

    def _start(self, rng: np.random.Generator) -> NDArray[np.float32]:
        clean = self._clean.samples
        if not self._budget.round:
            delta = self._budget.epsilon * rng.uniform(-1, 1, clean.size)
        else:
            delta = rng.standard_normal(clean.size)
            delta *= rng.uniform() * self._radius / math.sqrt(energy(delta))
        return self._projected((clean + delta).astype(np.float32))


def useless_gradient(gradient: NDArray[np.float32]) -> str:
    """Why a gradient leads nowhere: it is zero, or not finite; empty where it leads somewhere."""
    size = float(np.abs(gradient).sum(dtype=np.float64))
    return "" if 0 < size < math.inf else "zero" if size == 0 else "not finite"


def resigned(*, clean: AudioClip, perturbed: AudioClip, rng: np.random.Generator) -> AudioClip:
    """The clean clip with the change of `perturbed`, every sample's sign drawn anew."""
    signs = rng.choice(np.array([-1, 1], dtype=np.float32), clean.n_samples)
    return _clip(clean.samples + signs * (perturbed.samples - clean.samples), clean)


def _clip(samples: NDArray[np.float32], like: AudioClip) -> AudioClip:
    samples.flags.writeable = False  # spares the copy
    return like.with_samples(samples)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
