"""What every attack is, and the one place where attacks are measured.

An attack *proposes*; the base class does the rest, alike for all of them:

1. asks the clean stimuli, so that what fails anyhow is not counted as broken;
2. lets the attack propose a clip for each, through a `Victim` that counts every query and gradient;
3. clips the proposal to the budget and rounds it to 16 bits, as a file would;
4. asks the system again with that clip, and judges success on this answer alone;
5. asks the control of the attack, if it has one: same-size noise, plain resampling, ...;
6. measures the distortion.

The victim is the defended system unless `transfer` is set: then the attack is built on the bare model, and the defended
system is still what is judged. An attack reports neither its success nor its distortion.

The generator given to `run` seeds one generator per stimulus, from the stimulus's content: results do not depend on how
stimuli are batched or ordered.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.models.access import Access, Failure, Reply, Sampling, System, rng_for
from earnest.registry import Registry, Spec

attacks = Registry("attacks")

Family = Literal["corruption", "adversarial", "jailbreak", "covert", "backdoor"]

_STEP = 2.0**-15  # one step of 16-bit audio


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How far a perturbed clip may be from the clean one. All given limits hold at once; none means any clip goes.

    Parameters
    ----------
    epsilon : float or None
        Largest change of any sample (L-infinity), full scale being 1.
    snr_db : float or None
        Least ratio of the clean clip's power to that of the change, in dB.
    """

    epsilon: float | None = None
    snr_db: float | None = None

    @property
    def bounded(self) -> bool:
        """Whether there is any limit."""
        return self.epsilon is not None or self.snr_db is not None

    def project(self, perturbed: NDArray[np.float32], *, clean: NDArray[np.float32]) -> NDArray[np.float32]:
        """The clip within the budget nearest to `perturbed`, not yet rounded.

        Parameters
        ----------
        perturbed, clean : float32 array, shape (n_samples,)

        Raises
        ------
        BadParameter
            If there is a limit and the lengths differ.
        """
        if not self.bounded:
            return perturbed
        if perturbed.shape != clean.shape:
            raise BadParameter(
                f"a bounded attack must keep the clip's length of {clean.size} samples, got {perturbed.size}"
            )
        delta = perturbed - clean
        if self.epsilon is not None:
            delta = np.clip(delta, -self.epsilon, self.epsilon)
        if self.snr_db is not None:
            delta = delta * min(1.0, self._l2_limit(clean) / max(float(np.linalg.norm(delta)), 1e-12))
        return np.clip(clean + delta, -1.0, 1.0).astype(np.float32)

    def rounded(self, perturbed: NDArray[np.float32], *, clean: NDArray[np.float32]) -> NDArray[np.float32]:
        """`project`, then rounded to 16 bits without leaving the budget.

        Where rounding would leave it, the change is rounded towards zero; a sample of the clean clip that is not on
        the 16-bit grid may itself move by half a step, which is the file's doing and not the attack's.
        """
        inside = self.project(perturbed, clean=clean)
        rounded = _on_grid(inside)
        if not self.bounded:
            return rounded
        base = _on_grid(clean)
        delta = rounded - base
        if self.epsilon is not None:
            limit = math.floor(self.epsilon / _STEP + 1e-6) * _STEP
            delta = np.clip(delta, -limit, limit)
        if self.snr_db is not None:
            limit = self._l2_limit(base)
            while float(np.linalg.norm(delta)) > limit:
                scaled = np.trunc(delta * (0.999 * limit / float(np.linalg.norm(delta))) / _STEP) * _STEP
                delta = scaled if np.any(scaled != delta) else np.zeros_like(delta)
        return np.clip(base + delta, -1.0, 1.0 - _STEP).astype(np.float32)

    def holds(self, perturbed: NDArray[np.float32], *, clean: NDArray[np.float32]) -> bool:
        """Whether `perturbed` is within the budget of `clean`, both taken on the 16-bit grid."""
        if not self.bounded:
            return True
        if perturbed.shape != clean.shape:
            return False
        clean = _on_grid(clean)
        delta = perturbed - clean
        peak_holds = self.epsilon is None or float(np.max(np.abs(delta), initial=0.0)) <= self.epsilon + 1e-7
        return peak_holds and (
            self.snr_db is None or float(np.linalg.norm(delta)) <= self._l2_limit(clean) * (1 + 1e-6)
        )

    def _l2_limit(self, clean: NDArray[np.float32]) -> float:
        assert self.snr_db is not None
        return float(np.linalg.norm(clean)) * 10 ** (-self.snr_db / 20)


def _on_grid(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return (np.clip(np.round(samples / _STEP), -(2**15), 2**15 - 1) * _STEP).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """How much a clip was changed.

    Parameters
    ----------
    snr_db : float or None
        Power of the clean clip over that of the change; infinite where nothing changed, None where lengths differ.
    peak : float or None
        Largest change of a sample; None where lengths differ.
    length_ratio : float
        New length over old.
    """

    snr_db: float | None
    peak: float | None
    length_ratio: float

    @classmethod
    def between(cls, *, clean: AudioClip, perturbed: AudioClip) -> Distortion:
        """The distortion of `perturbed` against `clean`."""
        if clean.samples.size != perturbed.samples.size or clean.sample_rate != perturbed.sample_rate:
            return cls(snr_db=None, peak=None, length_ratio=perturbed.duration_s / clean.duration_s)
        delta = perturbed.samples.astype(np.float64) - clean.samples
        change, power = float(np.sum(delta**2)), float(np.sum(clean.samples.astype(np.float64) ** 2))
        snr_db = math.inf if change == 0 else (10 * math.log10(power / change) if power > 0 else -math.inf)
        return cls(snr_db=snr_db, peak=float(np.max(np.abs(delta))), length_ratio=1.0)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What an attack proposes for one stimulus.

    Parameters
    ----------
    clip : AudioClip
        In place of the primary clip; of any length unless the attack has a budget.
    drawn : mapping
        JSON values that replay it: the parameters drawn, the steps taken.
    """

    clip: AudioClip
    drawn: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attacked stimulus, measured.

    Parameters
    ----------
    clean, answer : Answer or Failure
        Before, and after on the verified 16-bit clip.
    clip : AudioClip
        The verified clip.
    success : bool or None
        Whether the goal was reached by `answer`; None where there is no goal or no telling.
    clean_success : bool or None
        Whether it was reached without an attack; such an item says nothing about the attack.
    control : str or None
        What the control was; `control_answer` and `control_success` are its outcome.
    n_queries, n_failed_queries, n_gradients : int
        What the attack asked of its victim, the verification and controls not counted.
    distortion : Distortion
    within_budget : bool
        Checked on the verified clip.
    drawn : mapping
        What replays the proposal.
    """

    clean: Reply
    answer: Reply
    clip: AudioClip
    success: bool | None
    clean_success: bool | None
    n_queries: int
    n_failed_queries: int
    n_gradients: int
    distortion: Distortion
    within_budget: bool
    control: str | None = None
    control_answer: Reply | None = None
    control_success: bool | None = None
    drawn: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """What a journal line carries of the attempt: JSON values, no audio, infinities as None."""
        snr_db = self.distortion.snr_db
        return {
            "success": self.success,
            "clean_success": self.clean_success,
            "n_queries": self.n_queries,
            "n_failed_queries": self.n_failed_queries,
            "n_gradients": self.n_gradients,
            "snr_db": snr_db if snr_db is not None and math.isfinite(snr_db) else None,
            "peak": self.distortion.peak,
            "length_ratio": self.distortion.length_ratio,
            "within_budget": self.within_budget,
            "control": self.control,
            "control_success": self.control_success,
            "control_answer": None if isinstance(self.control_answer, Failure | None) else self.control_answer.text,
            "clean_answer": None if isinstance(self.clean, Failure) else self.clean.text,
            "drawn": dict(self.drawn),
        }


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """Every stimulus attacked, in order."""

    attack: str
    attempts: tuple[Attempt, ...]

    @property
    def n_judged(self) -> int:
        """Attempts that the clean system withstood and whose outcome is known: what a success rate is over."""
        return sum(a.success is not None and a.clean_success is False for a in self.attempts)

    @property
    def n_success(self) -> int:
        """Of those, the attempts that reached their goal."""
        return sum(bool(a.success) and a.clean_success is False for a in self.attempts)


class Victim:
    """A system as an attack sees it: everything asked is counted, stimulus by stimulus.

    Parameters
    ----------
    system : System
        What is attacked: defended, or bare for a transfer attack.
    n_stimuli : int
    """

    def __init__(self, system: System, *, n_stimuli: int) -> None:
        self._system = system
        self.n_queries = [0] * n_stimuli
        self.n_failed_queries = [0] * n_stimuli
        self.n_gradients = [0] * n_stimuli

    @property
    def access(self) -> frozenset[Access]:
        """What may be asked."""
        return self._system.access

    def ask(
        self,
        stimuli: Mapping[int, Stimulus],
        *,
        sampling: Sampling = Sampling(),  # noqa: B008
        draw: int = 0,
    ) -> dict[int, Reply]:
        """A reply by place; `stimuli` maps the place of the attacked stimulus to what is asked now."""
        replies = self._system.ask(list(stimuli.values()), sampling=sampling, draw=draw)
        for place, reply in zip(stimuli, replies, strict=True):
            self.n_queries[place] += 1
            self.n_failed_queries[place] += isinstance(reply, Failure)
        return dict(zip(stimuli, replies, strict=True))

    def loss_and_gradient(
        self, stimuli: Mapping[int, Stimulus], *, targets: Mapping[int, str], draw: int = 0
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """Loss and waveform gradient by place; see `Model.loss_and_gradient`."""
        places = list(stimuli)
        losses, gradients = self._system.loss_and_gradient(
            [stimuli[place] for place in places], targets=[targets[place] for place in places], draw=draw
        )
        for place in places:
            self.n_gradients[place] += 1
        return dict(zip(places, map(float, losses), strict=True)), dict(zip(places, gradients, strict=True))


class Attack(abc.ABC):
    """Base of the attacks; subclasses are frozen keyword-only dataclasses under `@attacks.register(name)`.

    A subclass states `source`, `family`, `needs`, and implements `propose`; with a budget it sets `budget`, with a
    control it sets `control_name` and implements `control`.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""
    family: ClassVar[Family]
    needs: ClassVar[Access] = "responses"
    control_name: ClassVar[str | None] = None
    transfer: bool = False

    @property
    def budget(self) -> Budget:
        """How far a proposal may be from the clean clip; by default anywhere."""
        return Budget()

    @abc.abstractmethod
    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """A candidate for each stimulus; `rngs` holds a generator for each."""

    def control(self, stimulus: Stimulus, candidate: Candidate, *, rng: np.random.Generator) -> list[AudioClip]:
        """Clips of the control, as dear as the attack was but without its art; success of any one counts."""
        raise BadParameter(f"attack {self.name!r} names a control and has none")

    def run(self, system: System, stimuli: Sequence[Stimulus], *, rng: np.random.Generator) -> AttackResult:
        """Attack each stimulus, and measure what came of it.

        Parameters
        ----------
        system : System
            Model and defences; always what is judged.
        stimuli : sequence of Stimulus
            Those with a `goal` are judged; the others only measured.
        rng : numpy.random.Generator
            One number is drawn from it; equal generators give equal results.

        Returns
        -------
        AttackResult
            As many attempts as stimuli, in order.

        Raises
        ------
        AccessDenied
            If the system does not grant what the attack needs.
        """
        if self.needs not in system.access:
            raise AccessDenied(
                f"attack {self.name!r} needs {self.needs} access, but {system.model.name!r} grants "
                f"{', '.join(sorted(system.access))} only"
            )
        seed = int(rng.integers(2**31))
        rngs = [rng_for(seed, "propose", stimulus.digest) for stimulus in stimuli]
        clean = system.ask(stimuli)
        victim = Victim(system.undefended() if self.transfer else system, n_stimuli=len(stimuli))
        candidates = self.propose(victim, stimuli, rngs=rngs)
        assert len(candidates) == len(stimuli), f"{self.name} proposed {len(candidates)} for {len(stimuli)}"
        clips = [self._verified(s.clip, c.clip) for s, c in zip(stimuli, candidates, strict=True)]
        answers = system.ask([s.with_clip(c) for s, c in zip(stimuli, clips, strict=True)])
        attempts = []
        for place, stimulus in enumerate(stimuli):
            control_answer, control_success = self._controlled(
                system, stimulus, candidates[place], rng=rng_for(seed, "control", stimulus.digest)
            )
            attempts.append(
                Attempt(
                    clean=clean[place],
                    answer=answers[place],
                    clip=clips[place],
                    success=_reached(stimulus, answers[place]),
                    clean_success=_reached(stimulus, clean[place]),
                    n_queries=victim.n_queries[place],
                    n_failed_queries=victim.n_failed_queries[place],
                    n_gradients=victim.n_gradients[place],
                    distortion=Distortion.between(clean=stimulus.clip, perturbed=clips[place]),
                    within_budget=self.budget.holds(clips[place].samples, clean=stimulus.clip.samples),
                    control=self.control_name,
                    control_answer=control_answer,
                    control_success=control_success,
                    drawn=candidates[place].drawn,
                )
            )
        return AttackResult(attack=str(self.spec), attempts=tuple(attempts))

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        changed = {
            entry.name: getattr(self, entry.name)
            for entry in fields(self)  # type: ignore[arg-type]
            if getattr(self, entry.name) != entry.default
        }
        return Spec(self.name, changed)

    def _verified(self, clean: AudioClip, proposed: AudioClip) -> AudioClip:
        return AudioClip(self.budget.rounded(proposed.samples, clean=clean.samples), proposed.sample_rate)

    def _controlled(
        self, system: System, stimulus: Stimulus, candidate: Candidate, *, rng: np.random.Generator
    ) -> tuple[Reply | None, bool | None]:
        if self.control_name is None:
            return None, None
        clips = self.control(stimulus, candidate, rng=rng)
        replies = system.ask([stimulus.with_clip(clip.quantised()) for clip in clips])
        outcomes = [_reached(stimulus, reply) for reply in replies]
        best = next((place for place, outcome in enumerate(outcomes) if outcome), len(replies) - 1)
        known = [outcome for outcome in outcomes if outcome is not None]
        return replies[best], (any(known) if known else None)


def _reached(stimulus: Stimulus, reply: Reply) -> bool | None:
    if stimulus.goal is None or isinstance(reply, Failure):
        return None
    return stimulus.goal.reached(reply.text)
