"""What every attack is, and the one place where attacks are measured.

An attack *proposes*; the base class does the rest, alike for all of them, in two steps that do not know each other.

To **craft** on a system:

1. rounds the stimuli to 16 bits, as files hold them, and asks them clean: what reaches its goal anyhow needs no search;
2. lets the attack propose a candidate for each, through a `Victim` that counts every query, score and gradient, and
   refuses more queries than the attack says that it needs (`max_queries`);
3. brings the candidate within the budget of each role that it changes, and rounds its clips to 16 bits;
4. does 2 and 3 again with the attack's control, which may look at as many answers but knows no art: noise of the same
   size, plain asking again, ...

To **verify** what was crafted on a system, that one or any other: asks it with what a file would hold, under a draw of
its own, judges success on this answer alone, and measures the distortion.

The victim is the defended system. With `transfer` the attack is crafted on the bare model, or on a surrogate, and the
defended system is still what is judged. An attack reports neither its success nor its distortion.

Two numbers tell of success. `success` says that what was found works once more, under a draw of the random parts
(defences, sampling) that the search has not seen. `first_success` says at which query the search first got what it
wanted: of an attack that may try k times, what it reached within k. Where nothing is random the two agree.

The generator given to `run` seeds one generator per stimulus, from the stimulus's content: results do not depend on how
stimuli are batched or ordered, if each batch is given a generator in the same state. An attack sees one stimulus at a
time and cannot learn from one for another, unless it says that it takes them `together`; then the contract checks that it
does not (what is learnt from many stimuli is fitted). Gradients through torch depend on the batch in their last bits:
losses and clips then agree to 1e-4 of what was changed, not to the bit.
"""

from __future__ import annotations

import abc
import copy
import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np

from earnest.artefacts import Artefact
from earnest.attacks._budget import Budget, Distortion, n_edits, padded
from earnest.attacks._candidate import HELD, TEXTS, Budgets, Candidate, as_files, held_role
from earnest.attacks._craft import Crafted, Crafts, craft_key, crafting, fingerprint_of
from earnest.attacks._limits import Limits, Log
from earnest.attacks._twins import TwinTrial, change_on, twin_trials
from earnest.attacks._victim import Victim, complied, drawn_replies, marked, reached, told_of
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.metrics.intervals import wilson
from earnest.models.access import CLEAN_DRAW, VERIFY_DRAW, Access, Answer, Failure, Model, Reply, System, rng_for
from earnest.registry import Registry, Spec

attacks = Registry("attacks")

Family = Literal["corruption", "adversarial", "jailbreak", "covert", "backdoor"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was crafted, asked and measured.

    Parameters
    ----------
    stimulus : Stimulus
        What was asked, its clips 16-bit.
    answer : Answer or Failure
        To that stimulus; a failure with the reason "attack_failed" where nothing was proposed.
    success : bool or None
        Whether the goal was reached by `answer`, which is then on target; None where there is no goal or no telling.
    complied : bool or None
        Whether `answer` does anything but refuse, on target or not.
    first_success : int or None
        Number of the query (from 1) at which the search first reached the goal; None where it never did, or searched on
        another system than the judged one.
    n_queries, n_failed_queries, n_gradients, n_aims : int
        What the search asked of its victim; the verification is not counted. An aim is one search for what is best driven
        (`Model.aimed`), which takes a model some passes without a gradient.
    distortion : Distortion
        Of the clip that the attacker holds.
    changed : mapping of str to mapping
        What else was changed, by role: a clip's peak and SNR, or the edits of a text.
    within_budget : bool
        Checked on what was asked.
    drawn : mapping
        What replays the proposal.
    cost : float
        Of the search's queries in US dollars; answers from the cache cost nothing.
    """

    stimulus: Stimulus
    answer: Reply
    success: bool | None
    first_success: int | None
    n_queries: int
    n_failed_queries: int
    n_gradients: int
    distortion: Distortion
    within_budget: bool
    changed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    drawn: Mapping[str, Any] = field(default_factory=dict)
    cost: float = 0.0
    complied: bool | None = None
    n_aims: int = 0

    @property
    def other_answer(self) -> bool | None:
        """Whether the answer neither refuses nor is on target: what was misheard, evaded, echoed or babbled."""
        return None if self.complied is None or self.success is None else self.complied and not self.success

    @property
    def clip(self) -> AudioClip:
        """The clip that the attacker holds, as it was asked."""
        return self.stimulus.clip


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
    clean_complied : bool or None
        Whether the answer to the clean stimulus does anything but refuse.
    twin : TwinTrial or None
        What came of the same distortion on the harmless twin; None where there is no twin.
    """

    clean: Reply
    clean_success: bool | None
    has_goal: bool = True
    adaptive: bool = True
    control: str | None = None
    control_trial: Trial | None = None
    clean_complied: bool | None = None
    twin: TwinTrial | None = None

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
        snr_db, control, twin = self.distortion.snr_db, self.control_trial, self.twin
        return {
            "success": self.success,
            "on_target": self.success,
            "complied": self.complied,
            "clean_success": self.clean_success,
            "clean_complied": self.clean_complied,
            "first_success": self.first_success,
            "adaptive": self.adaptive,
            "unjudged": self.unjudged,
            "n_queries": self.n_queries,
            "n_failed_queries": self.n_failed_queries,
            "n_gradients": self.n_gradients,
            "n_aims": self.n_aims,
            "cost_usd": self.cost,
            "snr_db": snr_db if snr_db is not None and math.isfinite(snr_db) else None,
            "peak": self.distortion.peak,
            "l2": self.distortion.l2,
            "masking_excess_db": self.distortion.masking_excess_db,
            "length_ratio": self.distortion.length_ratio,
            "changed": {role: dict(change) for role, change in self.changed.items()},
            "within_budget": self.within_budget,
            "control": self.control,
            "control_success": self.control_success,
            "control_on_target": self.control_success,
            "control_complied": None if control is None else control.complied,
            "twin_served": None if twin is None else twin.served,
            "twin_served_clean": None if twin is None else twin.served_clean,
            "control_first_success": None if control is None else control.first_success,
            "control_n_queries": None if control is None else control.n_queries,
            "answer_words": _n_words(self.answer),
            "clean_answer_words": _n_words(self.clean),
            "answer_tokens": _n_tokens(self.answer),
            "clean_answer_tokens": _n_tokens(self.clean),
            "control_answer": _text(self.control_answer),
            "clean_answer": _text(self.clean),
            "told": list(self.answer.told) if isinstance(self.answer, Answer) else [],
            "drawn": dict(self.drawn),
            "draw": VERIFY_DRAW,
        }


@dataclass(frozen=True, kw_only=True)
class SuccessAt:
    """success@k with its interval.

    Parameters
    ----------
    n_queries : int
        k.
    n_success, n : int
        Successes among the judged attempts.
    low, high : float
        Ends of Wilson's interval; 0 and 1 where nothing was judged.
    """

    n_queries: int
    n_success: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, n_success: int, *, n: int, n_queries: int) -> SuccessAt:
        """With Wilson's 95 % interval."""
        found = wilson(n_success=n_success, n=n) if n else None
        low, high = (0.0, 1.0) if found is None else (found.low, found.high)
        return cls(n_queries=n_queries, n_success=n_success, n=n, low=low, high=high)

    @property
    def rate(self) -> float | None:
        """Share of successes; None where nothing was judged."""
        return self.n_success / self.n if self.n else None


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
    def n_on_target(self) -> int:
        """Judged attempts whose answer serves what was asked for: the same as `n_success`."""
        return self.n_success

    @property
    def n_complied(self) -> int:
        """Judged attempts whose answer does anything but refuse; those on target are among them."""
        return sum(bool(attempt.complied) for attempt in self.judged)

    @property
    def n_other_answer(self) -> int:
        """Judged attempts that were neither refused nor on target."""
        return sum(bool(attempt.other_answer) for attempt in self.judged)

    @property
    def n_control_success(self) -> int:
        """Judged attempts whose control reached the goal too."""
        return sum(bool(attempt.control_success) for attempt in self.judged)

    @property
    def n_control_on_target(self) -> int:
        """The same as `n_control_success`."""
        return self.n_control_success

    @property
    def n_control_complied(self) -> int:
        """Judged attempts whose control was answered with anything but a refusal."""
        return sum(bool(a.control_trial is not None and a.control_trial.complied) for a in self.judged)

    def n_success_within(self, n_queries: int) -> int:
        """Judged attempts whose search reached the goal within its first `n_queries` queries (success@k)."""
        return sum((a.first_success or math.inf) <= n_queries for a in self.judged)

    def success_at(self, n_queries: int) -> SuccessAt:
        """success@k: the share of judged attempts whose search was on target within its first `n_queries` queries.

        What a search saw in one draw; `n_on_target` tells what worked once more.
        """
        return SuccessAt.of(self.n_success_within(n_queries), n=self.n_judged, n_queries=n_queries)


@dataclass(frozen=True, kw_only=True)
class Attack(abc.ABC):
    """Base of the attacks; subclasses are frozen keyword-only dataclasses under `@attacks.register(name)`.

    A subclass states `source`, `family` and `needs`, and implements `propose`; with a limit on the change it overrides
    `budget`; with a control it sets `control_name` and implements `control`; if it asks, it says in `max_queries` how
    often at most.

    Parameters
    ----------
    transfer : bool
        Whether the attack is built on the bare model, ignorant of the defences.
    queries : int or None
        Most answers and scores that the search of a stimulus may ask for, and its control's; None: as many as it does.
    seconds : float or None
        Longest search of a stimulus. What is found then depends on the machine.
    usd : float or None
        Most that the search of a stimulus may pay for answers.
    restart : int
        Which of several searches it is: another number draws all that is random anew. What an attacker reaches who tries
        several times is what any of them reaches.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""
    family: ClassVar[Family]
    needs: ClassVar[Access] = "responses"
    control_name: ClassVar[str | None] = None
    together: ClassVar[bool] = False
    """Whether `propose` and `control` are given many stimuli at once, and treat each as if it were alone."""
    artefact: ClassVar[str] = ""
    """SHA-256 of what was fitted and it makes use of; empty: nothing."""

    only: ClassVar[tuple[str, ...]] = ()
    """Tasks that it is put on and no others, some of whose goals are kept for it (`Task.goals_kept`); empty: all with goals."""

    transfer: bool = False
    queries: int | None = None
    seconds: float | None = None
    usd: float | None = None
    restart: int = 0

    _models: ClassVar[Mapping[str, Any]] = {}

    @property
    def writers(self) -> tuple[str, ...]:
        """The models that write for it, by specification; by default none."""
        return ()

    @property
    def max_writer_calls(self) -> int:
        """How often it asks them about a stimulus at most."""
        return 0

    def lent(self, models: Mapping[str, Model]) -> Self:
        """The same attack, which asks these models in the place of those that it would load itself, by specification.

        A run lends it callers, so that what its writers are asked is kept, counted, paid and limited like any call.
        """
        made = copy.copy(self)
        object.__setattr__(made, "_models", dict(models))
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("propose", "control"):
            if name in vars(cls):
                setattr(cls, name, crafting(vars(cls)[name]))

    @property
    def budget(self) -> Budget:
        """How far the clip that the attacker holds may be from the clean one; by default anywhere."""
        return Budget()

    @property
    def budgets(self) -> Budgets:
        """How far each role may be from the clean one, texts among them; what is not named may not be changed.

        By default `{HELD: budget}`: the clip that the attacker holds, and nothing else.
        """
        return {HELD: self.budget}

    @property
    def max_queries(self) -> int | None:
        """Most questions that the search may ask about a stimulus, and the control as many; None where that is not stated."""
        return None

    @property
    def max_gradients(self) -> int:
        """Most gradients that the search may take of a stimulus; 0 of a method that takes none."""
        return 0

    @property
    def max_aims(self) -> int:
        """How often the search may seek what of a stimulus is best driven (`Model.aimed`)."""
        return 0

    @property
    def limits(self) -> Limits:
        """What a search may spend on a stimulus."""
        return Limits(queries=self.queries, seconds=self.seconds, usd=self.usd)

    @property
    def most_queries(self) -> int | None:
        """Most questions about a stimulus, by what the attack says and by its limit; None where neither is stated."""
        stated = [most for most in (self.max_queries, self.queries) if most is not None]
        return min(stated) if stated else None

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        return Spec.of(self)

    @property
    def craft_spec(self) -> Spec:
        """`spec` without `transfer`, which says on what to craft and nothing of how."""
        return Spec.of(dataclasses.replace(self, transfer=False))

    @abc.abstractmethod
    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> Iterable[Any]:
        """A candidate for each stimulus: a list, or an iterator that yields them in order, or (place, candidate) as each is done.

        Called from outside it yields a `Crafted` for each, item by item. A method that searches does so for `victim.open`
        alone and proposes the clean clip elsewhere. What it finds is verified by the base class and need neither be
        rounded nor within the budget.

        Parameters
        ----------
        victim : Victim
        stimuli : sequence of Stimulus
            Those of the victim, their clips 16-bit: one, or, of an attack that takes them `together`, many.
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
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> Iterable[Any]:
        """As `propose`, without the art: what chance and the same number of tries would have found.

        It may ask as often as the attack was allowed to, whether or not the attack did; it takes no gradients.

        Parameters
        ----------
        victim : Victim
            A fresh one of the same system.
        stimuli : sequence of Stimulus
        candidates : sequence of Crafted
            What the attack made of them, within its budgets.
        rngs : sequence of numpy.random.Generator
            One for each stimulus, others than the attack's.
        """
        raise BadParameter(f"attack {self.name!r} names a control and has none; implement `control`")

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """Another clip under what was done to a crafted one; None where that cannot be told.

        By default the change that was added, cut or repeated to the length of the clip and at the same SNR, and what was put
        before and after it. An attack that changes a clip in another way than by adding overrides it.
        """
        return change_on(clip, crafted=crafted)

    def taken(self, system: System, *, control: bool = False) -> System:
        """The system as an attacker has it who reaches into the model itself, or as the control leaves it; by default as it is.

        What is crafted and verified is asked of this one; what is asked clean, of the system as it is.
        """
        return system

    def run(
        self,
        system: System,
        stimuli: Sequence[Stimulus],
        *,
        rng: np.random.Generator,
        surrogate: System | None = None,
        crafts: Crafts | None = None,
        log: Log | None = None,
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
        crafts : Crafts or None
            Where what is crafted is kept; what is there is not made again. None keeps nothing.
        log : callable or None
            Is told of each question of the search, of the control's and of the verification, as a mapping of JSON values.

        Returns
        -------
        AttackResult
            As many attempts as stimuli, in order.

        Raises
        ------
        AccessDenied
            If the system that the attack is built on does not grant what it needs.
        """
        same = surrogate is None and not (self.transfer and system.defences)
        target = system if same else surrogate or system.undefended()
        self._check_access(target)
        seed = int(rng.integers(2**31))
        stimuli = [as_files(stimulus) for stimulus in stimuli]
        clean = drawn_replies(system, stimuli, draws=[CLEAN_DRAW] * len(stimuli))
        reached_clean = [reached(*pair) for pair in zip(stimuli, clean, strict=True)]
        crafting = _Crafting(
            self, target, stimuli, seed=seed, kept=crafts, reached_clean=reached_clean if same else None, log=log
        )
        with nullcontext() if crafts is None else crafts.claimed(crafting.keys):
            crafted = crafting.made("attack")
            controls = [] if self.control_name is None else crafting.made("control", crafted)
        taken, beside = self.taken(system), self.taken(system, control=True)
        trials = self._trials(taken, crafted, adaptive=same)
        control_trials = self._trials(beside, controls, adaptive=same) if controls else [None] * len(stimuli)
        wanted = [one for one in crafted if reached_clean[one.place] is not True and not one.fault]
        twins = twin_trials(system, wanted, taken=taken, distorted=self.distorted)
        if log is not None:
            for part, verified in (("verify", trials), ("verify_control", control_trials)):
                for stimulus, trial in zip(stimuli, verified, strict=True):
                    if trial is not None:
                        told = {"stimulus": stimulus.digest, "asked": trial.stimulus.digest, "drawn": dict(trial.drawn)}
                        log({"attack": str(self.spec), "part": part, **told, **told_of(stimulus, trial.answer)})
        return AttackResult(
            attack=str(self.spec),
            attempts=tuple(
                Attempt(
                    **vars(trials[place]),
                    clean=clean[place],
                    clean_success=reached_clean[place],
                    has_goal=stimuli[place].goal is not None,
                    adaptive=same,
                    control=self.control_name,
                    control_trial=control_trials[place],
                    clean_complied=complied(stimuli[place], clean[place]),
                    twin=twins.get(place),
                )
                for place in range(len(stimuli))
            ),
        )

    def craft(
        self, system: System, stimuli: Sequence[Stimulus], *, rng: np.random.Generator, crafts: Crafts | None = None
    ) -> Iterator[Crafted]:
        """What the attack makes of each stimulus on a system, item by item as each is done; judged by `verify`.

        Parameters
        ----------
        system : System
            What it is made on.
        stimuli : sequence of Stimulus
        rng : numpy.random.Generator
            One number is drawn from it, as `run` does.
        crafts : Crafts or None
            Where it is kept.

        Raises
        ------
        AccessDenied
            If the system does not grant what the attack needs.
        """
        self._check_access(system)
        seed = int(rng.integers(2**31))
        yield from _Crafting(self, system, [as_files(each) for each in stimuli], seed=seed, kept=crafts).each("attack")

    def verify(self, system: System, crafted: Crafted) -> Trial:
        """What comes of a crafted stimulus on a system, that which it was made on or any other.

        It is asked once, under a draw that no search has seen. `first_success` is told of the system that it was made on
        alone.
        """
        taken = self.taken(system)
        return self._trials(taken, [crafted], adaptive=crafted.crafted_on == fingerprint_of(taken))[0]

    def _check_access(self, system: System) -> None:
        if self.needs not in system.access:
            raise AccessDenied(
                f"attack {self.name!r} needs {self.needs} access, but {system.model.name!r} grants "
                f"{', '.join(sorted(system.access))} only"
            )

    def _trials(self, system: System, crafted: Sequence[Crafted], *, adaptive: bool) -> list[Trial]:
        """What was crafted, asked of the judged system under a draw of its own."""
        asked = [place for place, one in enumerate(crafted) if not one.fault]
        stimuli = [crafted[place].stimulus for place in asked]
        replies = dict(zip(asked, drawn_replies(system, stimuli, draws=[VERIFY_DRAW] * len(asked)), strict=True))
        return [
            self._trial(
                one,
                answer=marked(replies[place], clean=one.before, asked=one.stimulus, drawn=one.drawn)
                if place in replies
                else Failure(reason="attack_failed", detail=one.fault),
                first_success=one.first_success if adaptive else None,
            )
            for place, one in enumerate(crafted)
        ]

    def _trial(self, crafted: Crafted, *, answer: Reply, first_success: int | None) -> Trial:
        return Trial(
            stimulus=crafted.stimulus,
            answer=answer,
            success=reached(crafted.before, answer),
            first_success=first_success,
            n_queries=crafted.n_queries,
            n_failed_queries=crafted.n_failed_queries,
            n_gradients=crafted.n_gradients,
            n_aims=crafted.n_aims,
            distortion=_distortion(crafted),
            changed=_changed(crafted),
            within_budget=self._holds(crafted),
            drawn=crafted.drawn,
            cost=crafted.cost,
            complied=complied(crafted.before, answer),
        )

    def _holds(self, crafted: Crafted) -> bool:
        """Whether every role is within its budget."""
        before, after, held = crafted.before, crafted.stimulus, held_role(crafted.before)
        for role, clip in after.clips.items():
            clean = before.clips.get(role)
            if clip == clean:
                continue
            budget = self.budgets.get(HELD if role == held else role)
            samples = np.zeros_like(clip.samples) if clean is None else clean.samples
            shifts = _shifts(crafted) if role == held else {}
            base = padded(samples, **shifts) if shifts else samples
            if budget is None or not budget.holds(clip.samples, clean=base, sample_rate=clip.sample_rate):
                return False
        texts = ((name, getattr(before, name) or "", getattr(after, name) or "") for name in TEXTS)
        return all(
            text == clean or (name in self.budgets and self.budgets[name].holds(text, clean=clean))
            for name, clean, text in texts
        )


class _Crafting:
    """What one attack makes of some stimuli on one system."""

    def __init__(
        self,
        attack: Attack,
        system: System,
        stimuli: Sequence[Stimulus],
        *,
        seed: int,
        kept: Crafts | None,
        reached_clean: Sequence[bool | None] | None = None,
        log: Log | None = None,
    ) -> None:
        self._attack, self._stimuli = attack, stimuli
        self._system, self._beside = attack.taken(system), attack.taken(system, control=True)
        self._seed, self._kept, self._log = seed, kept, log
        self._known_clean = reached_clean

    @cached_property
    def crafted_on(self) -> str:
        """Fingerprint of the system."""
        return fingerprint_of(self._system)

    @property
    def keys(self) -> list[str]:
        """Of what is made of each stimulus."""
        return [self._key(stimulus, "attack") for stimulus in self._stimuli]

    def made(self, part: str, attacked: Sequence[Crafted] = ()) -> list[Crafted]:
        """What is made of every stimulus, in order."""
        by_place = {crafted.place: crafted for crafted in self.each(part, attacked)}
        return [by_place[place] for place in range(len(self._stimuli))]

    def each(self, part: str, attacked: Sequence[Crafted] = ()) -> Iterator[Crafted]:
        """What is made of every stimulus, item by item: what is kept, then the others as each is done."""
        missing = []
        for place, stimulus in enumerate(self._stimuli):
            found = None if self._kept is None else self._kept.get(self._key(stimulus, part), stimulus)
            if found is None:
                missing.append(place)
            else:
                yield replace(found, place=place)
        for crafted in self._new(missing, part, attacked):
            if self._kept is not None and crafted.whole:
                self._kept.put(self._key(self._stimuli[crafted.place], part), crafted)
            yield crafted

    def _new(self, places: Sequence[int], part: str, attacked: Sequence[Crafted]) -> Iterator[Crafted]:
        if not places:
            return
        stimuli = [self._stimuli[place] for place in places]
        victim = Victim(
            self._system if part == "attack" else self._beside,
            stimuli,
            budget=self._attack.budgets,
            reached_clean=lambda: [self._reached_clean[place] for place in places],
            max_queries=self._attack.max_queries,
            limits=self._attack.limits,
            log=self._log and (lambda line: self._log({"attack": str(self._attack.spec), "part": part, **line})),  # type: ignore[misc]
        )
        rngs = [rng_for(self._seed, "propose" if part == "attack" else part, each.digest) for each in stimuli]
        if part == "attack":
            made = self._attack.propose(victim, stimuli, rngs=rngs)
        else:
            made = self._attack.control(victim, stimuli, [attacked[place] for place in places], rngs=rngs)
        for crafted in made:
            yield replace(crafted, place=places[crafted.place], crafted_on=self.crafted_on)

    @cached_property
    def _reached_clean(self) -> Sequence[bool | None]:
        """Whether the clean stimuli reach their goals on this system."""
        if self._known_clean is not None:
            return self._known_clean
        replies = drawn_replies(self._system, self._stimuli, draws=[CLEAN_DRAW] * len(self._stimuli))
        return [reached(*pair) for pair in zip(self._stimuli, replies, strict=True)]

    def _key(self, stimulus: Stimulus, part: str) -> str:
        return craft_key(
            spec=str(self._attack.craft_spec),
            artefact=self._attack.artefact,
            crafted_on=self.crafted_on,
            stimulus=stimulus,
            seed=self._seed,
            part=part,
        )


def _shifts(crafted: Crafted) -> dict[str, int]:
    return {"n_before": crafted.n_before, "n_after": crafted.n_after}


def _distortion(crafted: Crafted) -> Distortion:
    """Of the clip that is held; where there is none, of nothing."""
    role = held_role(crafted.before)
    if role is None:
        return Distortion(snr_db=None, peak=None, length_ratio=1.0)
    clips = {"clean": crafted.before.clips[role], "perturbed": crafted.stimulus.clips[role]}
    return Distortion.between(**clips, **_shifts(crafted), masking=True)


def _changed(crafted: Crafted) -> dict[str, dict[str, Any]]:
    """What was changed beside the clip that is held."""
    before, after, held = crafted.before, crafted.stimulus, held_role(crafted.before)
    changed: dict[str, dict[str, Any]] = {}
    for role, clip in after.clips.items():
        clean = before.clips.get(role)
        if role == held or clip == clean:
            continue
        far = None if clean is None else Distortion.between(clean=clean, perturbed=clip)
        snr_db = None if far is None or far.snr_db is None or not math.isfinite(far.snr_db) else far.snr_db
        changed[role] = {"snr_db": snr_db, "peak": clip.peak if far is None else far.peak}
    for name in TEXTS:
        clean_text, text = getattr(before, name) or "", getattr(after, name) or ""
        if text != clean_text:
            changed[name] = {"edits": n_edits(text, clean_text)}
    return changed


def unchanged(stimuli: Sequence[Stimulus]) -> list[Candidate]:
    """Every stimulus proposed as it is: what a search starts from."""
    return [Candidate() for _ in stimuli]


def _n_words(reply: Reply) -> int | None:
    return len(reply.text.split()) if isinstance(reply, Answer) else None


def _n_tokens(reply: Reply) -> float | None:
    """Tokens of an answer, where the model tells."""
    return reply.usage.get("output_tokens") if isinstance(reply, Answer) else None


def _text(reply: Reply | None) -> str | None:
    return reply.text if isinstance(reply, Answer) else None
