"""What every attack is, and the one place where attacks are measured.

An attack *proposes*; the base class does the rest, alike for all of them:

1. rounds the stimuli to 16 bits, as files hold them, and asks them clean: what fails anyhow is not counted as broken;
2. lets the attack propose a candidate for each, through a `Victim` that counts every query and gradient;
3. brings the candidate within the budget and rounds it to 16 bits, as a file would;
4. asks the system again with that clip, and judges success on this answer alone;
5. does 2 to 4 again with the attack's control, which may look at as many answers but knows no art: noise of the same
   size, plain asking again, ...;
6. measures the distortion.

The victim is the defended system. With `transfer` the attack is built on the bare model, or on a surrogate, and the
defended system is still what is judged. An attack reports neither its success nor its distortion.

Two numbers tell of success. `success` says that the clip found works once more, under a draw of the random parts
(defences, sampling) that the search has not seen. `first_success` says at which query the search first got what it
wanted: of an attack that may try k times, what it reached within k. Where nothing is random the two agree.

The generator given to `run` seeds one generator per stimulus, from the stimulus's content: results do not depend on how
stimuli are batched or ordered, if each batch is given a generator in the same state.
"""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from earnest.artefacts import Artefact
from earnest.attacks._budget import Budget, Distortion, padded
from earnest.attacks._victim import Candidate, Victim, drawn_replies, reached
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.models.access import CLEAN_DRAW, VERIFY_DRAW, Access, Answer, Failure, Reply, System, rng_for
from earnest.registry import Registry, Spec

attacks = Registry("attacks")

Family = Literal["corruption", "adversarial", "jailbreak", "covert", "backdoor"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate, verified, asked and measured.

    Parameters
    ----------
    clip : AudioClip
        The verified 16-bit clip.
    answer : Answer or Failure
        To that clip; a failure with the reason "attack_failed" where nothing was proposed.
    success : bool or None
        Whether the goal was reached by `answer`; None where there is no goal or no telling.
    first_success : int or None
        Number of the query (from 1) at which the search first reached the goal; None where it never did, or searched on
        another system than the judged one.
    n_queries, n_failed_queries, n_gradients : int
        What the search asked of its victim; the verification is not counted.
    distortion : Distortion
    within_budget : bool
        Checked on the verified clip.
    drawn : mapping
        What replays the proposal.
    """

    clip: AudioClip
    answer: Reply
    success: bool | None
    first_success: int | None
    n_queries: int
    n_failed_queries: int
    n_gradients: int
    distortion: Distortion
    within_budget: bool
    drawn: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Attempt(Trial):
    """One attacked stimulus: the attack's trial, what came before it, and its control.

    Parameters
    ----------
    clean : Answer or Failure
        To the clean stimulus.
    clean_success : bool or None
        Whether the goal was reached without an attack; such an item says nothing about the attack.
    has_goal : bool
        Whether there was anything to reach.
    adaptive : bool
        Whether the attack was built against the system that is judged.
    control : str or None
        What the control was.
    control_trial : Trial or None
        Its outcome; None where there is no control.
    """

    clean: Reply
    clean_success: bool | None
    has_goal: bool = True
    adaptive: bool = True
    control: str | None = None
    control_trial: Trial | None = None

    @property
    def control_success(self) -> bool | None:
        """Whether the control reached the goal."""
        return None if self.control_trial is None else self.control_trial.success

    @property
    def control_answer(self) -> Reply | None:
        """The reply to the control's verified clip."""
        return None if self.control_trial is None else self.control_trial.answer

    @property
    def unjudged(self) -> str | None:
        """Why the attempt says nothing about the attack; None where it does.

        `already_reached`, `no_goal`, `cannot_tell`, or the reason of the call that failed.
        """
        if not self.has_goal:
            return "no_goal"
        if self.clean_success is True:
            return "already_reached"
        for reply in (self.answer, self.clean):
            if isinstance(reply, Failure):
                return reply.reason
        return "cannot_tell" if self.success is None or self.clean_success is None else None

    def facts(self) -> dict[str, Any]:
        """What a journal line carries of the attempt: JSON values, no audio, infinities as None.

        A `snr_db` of None with a `peak` of 0 means that nothing was changed.
        """
        snr_db, control = self.distortion.snr_db, self.control_trial
        return {
            "success": self.success,
            "clean_success": self.clean_success,
            "first_success": self.first_success,
            "adaptive": self.adaptive,
            "unjudged": self.unjudged,
            "n_queries": self.n_queries,
            "n_failed_queries": self.n_failed_queries,
            "n_gradients": self.n_gradients,
            "snr_db": snr_db if snr_db is not None and math.isfinite(snr_db) else None,
            "peak": self.distortion.peak,
            "length_ratio": self.distortion.length_ratio,
            "within_budget": self.within_budget,
            "control": self.control,
            "control_success": self.control_success,
            "control_first_success": None if control is None else control.first_success,
            "control_n_queries": None if control is None else control.n_queries,
            "control_answer": _text(self.control_answer),
            "clean_answer": _text(self.clean),
            "drawn": dict(self.drawn),
        }


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """Every stimulus attacked, in order.

    Rates are over the attempts that are judged: the clean system withstood, and the outcome is known.
    """

    attack: str
    attempts: tuple[Attempt, ...]

    @property
    def judged(self) -> tuple[Attempt, ...]:
        """Attempts that the clean system withstood and whose outcome is known."""
        return tuple(attempt for attempt in self.attempts if attempt.unjudged is None)

    @property
    def unjudged(self) -> dict[str, int]:
        """How many of the others there are, by reason."""
        return dict(Counter(attempt.unjudged for attempt in self.attempts if attempt.unjudged is not None))

    @property
    def n_judged(self) -> int:
        """What a success rate is over."""
        return len(self.judged)

    @property
    def n_success(self) -> int:
        """Judged attempts that reached their goal."""
        return sum(bool(attempt.success) for attempt in self.judged)

    @property
    def n_control_success(self) -> int:
        """Judged attempts whose control reached the goal too."""
        return sum(bool(attempt.control_success) for attempt in self.judged)

    def n_success_within(self, n_queries: int) -> int:
        """Judged attempts whose search reached the goal within its first `n_queries` queries (success@k)."""
        return sum((a.first_success or math.inf) <= n_queries for a in self.judged)


@dataclass(frozen=True, kw_only=True)
class Attack(abc.ABC):
    """Base of the attacks; subclasses are frozen keyword-only dataclasses under `@attacks.register(name)`.

    A subclass states `source`, `family` and `needs`, and implements `propose`; with a limit on the change it overrides
    `budget`; with a control it sets `control_name` and implements `control`.

    Parameters
    ----------
    transfer : bool
        Whether the attack is built on the bare model, ignorant of the defences.
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

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        return Spec.of(self)

    @abc.abstractmethod
    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """A candidate for each stimulus.

        A method that searches does so for `victim.open` alone and proposes the clean clip elsewhere. What it finds is
        verified by the base class and need neither be rounded nor within the budget.

        Parameters
        ----------
        victim : Victim
        stimuli : sequence of Stimulus
            Those of the victim; their clips are 16-bit.
        rngs : sequence of numpy.random.Generator
            One for each stimulus; the only source of randomness.
        """

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact | None:
        """What the attack learns beforehand from rows of data, as an artefact; by default there is nothing to fit."""
        return None

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Candidate],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """As `propose`, without the art: what chance and the same number of tries would have found.

        It may ask as often as the attack was allowed to, whether or not the attack did; it takes no gradients.

        Parameters
        ----------
        victim : Victim
            A fresh one of the same system.
        stimuli : sequence of Stimulus
        candidates : sequence of Candidate
            Those of the attack, verified.
        rngs : sequence of numpy.random.Generator
            One for each stimulus, others than the attack's.
        """
        raise BadParameter(f"attack {self.name!r} names a control and has none; implement `control`")

    def run(
        self,
        system: System,
        stimuli: Sequence[Stimulus],
        *,
        rng: np.random.Generator,
        surrogate: System | None = None,
    ) -> AttackResult:
        """Attack each stimulus, and measure what came of it.

        Parameters
        ----------
        system : System
            Model and defences; always what is judged.
        stimuli : sequence of Stimulus
            Those with a `goal` are judged; the others only measured.
        rng : numpy.random.Generator
            One number is drawn from it; equal generators give equal results.
        surrogate : System or None
            Another system to build the attack on. None takes `system`, without its defences if `transfer` is set.

        Returns
        -------
        AttackResult
            As many attempts as stimuli, in order.

        Raises
        ------
        AccessDenied
            If the system that the attack is built on does not grant what it needs.
        """
        target = surrogate or (system.undefended() if self.transfer else system)
        self._check_access(target)
        seed = int(rng.integers(2**31))
        stimuli = [stimulus.with_clip(stimulus.clip.quantised()) for stimulus in stimuli]
        clean = drawn_replies(system, stimuli, draw=CLEAN_DRAW)
        clean_success = [reached(*pair) for pair in zip(stimuli, clean, strict=True)]

        def victim() -> Victim:
            return Victim(target, stimuli, budget=self.budget, reached_clean=clean_success)

        def rngs(purpose: str) -> list[np.random.Generator]:
            return [rng_for(seed, purpose, stimulus.digest) for stimulus in stimuli]

        adaptive = target is system or (surrogate is None and not system.defences)
        searched = victim()
        proposed = self._verified(stimuli, self.propose(searched, stimuli, rngs=rngs("propose")))
        trials = self._trials(system, searched, proposed, adaptive=adaptive)
        controls: list[Trial | None] = [None] * len(stimuli)
        if self.control_name is not None:
            tried = victim()
            plain = self._verified(stimuli, self.control(tried, stimuli, proposed, rngs=rngs("control")))
            controls[:] = self._trials(system, tried, plain, adaptive=adaptive)
        return AttackResult(
            attack=str(self.spec),
            attempts=tuple(
                Attempt(
                    **vars(trials[place]),
                    clean=clean[place],
                    clean_success=clean_success[place],
                    has_goal=stimuli[place].goal is not None,
                    adaptive=adaptive,
                    control=self.control_name,
                    control_trial=controls[place],
                )
                for place in range(len(stimuli))
            ),
        )

    def _check_access(self, system: System) -> None:
        if self.needs not in system.access:
            raise AccessDenied(
                f"attack {self.name!r} needs {self.needs} access, but {system.model.name!r} grants "
                f"{', '.join(sorted(system.access))} only"
            )

    def _verified(self, stimuli: Sequence[Stimulus], candidates: Sequence[Candidate]) -> list[Candidate]:
        assert len(candidates) == len(stimuli), f"{self.name} proposed {len(candidates)} for {len(stimuli)}"
        return [c.verified(s.clip, budget=self.budget) for s, c in zip(stimuli, candidates, strict=True)]

    def _trials(
        self, system: System, victim: Victim, candidates: Sequence[Candidate], *, adaptive: bool
    ) -> list[Trial]:
        """The verified candidates, asked of the judged system under a draw of their own."""
        stimuli = {p: s.with_clip(candidates[p].clip) for p, s in enumerate(victim.stimuli) if not candidates[p].fault}
        replies = dict(zip(stimuli, drawn_replies(system, list(stimuli.values()), draw=VERIFY_DRAW), strict=True))
        return [
            self._trial(
                victim,
                place,
                candidate,
                answer=replies.get(place) or Failure(reason="attack_failed", detail=candidate.fault),
                first_success=victim.first_success[place] if adaptive else None,
            )
            for place, candidate in enumerate(candidates)
        ]

    def _trial(
        self, victim: Victim, place: int, candidate: Candidate, *, answer: Reply, first_success: int | None
    ) -> Trial:
        clean = victim.stimuli[place].clip
        shifts = {"n_before": candidate.n_before, "n_after": candidate.n_after}
        return Trial(
            clip=candidate.clip,
            answer=answer,
            success=victim.reached(place, answer),
            first_success=first_success,
            n_queries=victim.n_queries[place],
            n_failed_queries=victim.n_failed_queries[place],
            n_gradients=victim.n_gradients[place],
            distortion=Distortion.between(clean=clean, perturbed=candidate.clip, **shifts),
            within_budget=self.budget.holds(candidate.clip.samples, clean=padded(clean.samples, **shifts)),
            drawn=candidate.drawn,
        )


def unchanged(stimuli: Sequence[Stimulus]) -> list[Candidate]:
    """The clean clip proposed for every stimulus: what a search starts from."""
    return [Candidate(clip=stimulus.clip) for stimulus in stimuli]


def _text(reply: Reply | None) -> str | None:
    return reply.text if isinstance(reply, Answer) else None
