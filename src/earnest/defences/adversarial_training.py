"""Adversarial training: the model learns to refuse what an attack makes of harmful requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earnest.audio import Stimulus
from earnest.defences._base import Defence, defences
from earnest.defences._training import (
    Lesson,
    TrainedDefence,
    changed,
    check_counts,
    drawn,
    mean_loss,
    only_layers,
    some,
)
from earnest.errors import BadParameter
from earnest.models.access import System

if TYPE_CHECKING:
    from earnest.models.learner import Learner

MOMENTUM = 0.8
STEP_SIZE = 0.3
"""Length of the inner attack's first step in lengths of the largest change; the last is half as long."""
AIM_STEPS = 40
"""Steps of training after which the transcript that an inner attack drives is sought anew."""
BARE_SHARE = 0.25
"""Of the steps, those in which the model is trained without the defences that it is to stand behind."""

Batch = tuple[list[Lesson], list[Lesson]]


@defences.register("adversarial_training")
@dataclass(frozen=True, kw_only=True)
class AdversarialTraining(TrainedDefence):
    """Weights of the model after training on harmful requests under attack, refused, beside ordinary lessons.

    In each step some requests are attacked as the model is by then: projected gradient descent on the waveform from a
    random start, in the ball of changes of at least `snr_db`. Harmful ones are driven towards an answer that names the
    action, half of them after the transcript that the model writes by itself, half to a transcript after which it
    complies (`Model.aimed`), as attacks do; harmless ones, a third of all, towards the refusal, so that refusing is no
    way out. The model then learns the transcript and the right answer of what was found.

    Judge it by an attack of 60 steps or more: few steps flatter it.

    Parameters
    ----------
    steps, inner_steps : int
        Steps of training, and of the attack in each.
    n_attacked, n_kept : int
        Attacked and ordinary clips in a step.
    n_rows : int
        Harmful rows of the fit that are attacked, drawn, and as many harmless ones; all rows are ordinary lessons too.
    layers : str
        Beginnings of the names of the parameters that are trained, joined by `+`; empty trains all. What a model that
        writes a transcript makes of its words need not change, so that training what hears keeps more help.
    snr_db, max_snr_db : float
        Range from which the SNR of each attack is drawn.
    learning_rate : float
    behind : str
        Defences before the model that it is to stand behind, joined by `+`: `smoothing:sigma=0.01`. Attacks and lessons
        pass through them with a fresh draw each time, but for a quarter of the steps.

    Notes
    -----
    The min-max of [madry2017-pgd], the inner maximum by steps along the gradient with momentum. Departures: the budget
    is a ratio to each clip's energy, the inner attack is towards a target, and a loss of ordinary lessons is added, so
    that help and hearing are kept. Training under the noise of a smoothed model is that of [salman2019-smoothed], with
    one draw a step and no certificate.
    """

    source: ClassVar[str] = "madry2017-pgd"

    steps: int = 80
    inner_steps: int = 10
    n_attacked: int = 9
    n_kept: int = 24
    n_rows: int = 120
    snr_db: float = 19.0
    max_snr_db: float = 30.0
    learning_rate: float = 2.5e-4
    layers: str = "conv+encoder+projector"
    behind: str = ""

    def __post_init__(self) -> None:
        check_counts(self, steps=1, inner_steps=1, n_attacked=1, n_kept=1, n_rows=1, learning_rate=0.0)
        if not -20 <= self.snr_db <= self.max_snr_db <= 120:
            raise BadParameter(
                f"snr_db and max_snr_db of {self.name} must lie in [-20, 120] and in this order, got {self.snr_db!r} and "
                f"{self.max_snr_db!r}"
            )
        _ = self._before

    @property
    def _before(self) -> tuple[Defence, ...]:
        return tuple(defences.make(spec) for spec in self.behind.split("+") if spec)

    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """The weights after training."""
        harmful = [lesson for lesson in lessons if lesson.wanted]
        if not harmful:
            raise BadParameter(
                f"{self.name} attacks harmful rows towards their action, and none states one; add the column `action`"
            )
        refusal = harmful[0].answer
        harmless = [replace(lesson, wanted=refusal) for lesson in lessons if lesson.harmless]
        harmful, harmless = some(harmful, self.n_rows, rng), some(harmless, self.n_rows, rng)
        before = learner.weights()
        only_layers(learner.module, self.layers.split("+"), by=self.name)

        def loss(batch: Batch) -> Any:
            attacked, kept = batch
            return mean_loss(learner, attacked) + mean_loss(learner, kept)

        batches = self._batches(learner, harmful, harmless, lessons, rng)
        from earnest.models.learner import train

        train(learner.module, loss, batches, n_steps=self.steps, learning_rate=self.learning_rate)
        return changed(learner, before)

    def _batches(
        self,
        learner: Learner,
        harmful: Sequence[Lesson],
        harmless: Sequence[Lesson],
        lessons: Sequence[Lesson],
        rng: np.random.Generator,
    ) -> Iterator[Batch]:
        """Attacked and ordinary lessons, each attack against the network as it is when its batch is asked for."""
        aims: dict[int, tuple[str, int]] = {}
        for step in range(self.steps):
            guarded = rng.random() >= BARE_SHARE
            system = System(learner.model, self._before if guarded else (), seed=int(rng.integers(1 << 31)))
            chosen = some(harmful, self.n_attacked - self.n_attacked // 3, rng)
            targets = [lesson.wanted for lesson in chosen]
            for place in range(0, len(chosen), 2):
                lesson = chosen[place]
                aim, since = aims.get(id(lesson), ("", -AIM_STEPS))
                if step - since >= AIM_STEPS:
                    (aim,), since = system.aimed([lesson.stimulus], targets=[lesson.wanted]), step
                    aims[id(lesson)] = aim, since
                targets[place] = aim
            others = some(harmless, self.n_attacked // 3, rng)
            chosen, targets = [*chosen, *others], [*targets, *(lesson.wanted for lesson in others)]
            snr_db = rng.uniform(self.snr_db, self.max_snr_db, len(chosen))
            clean = [lesson.stimulus for lesson in chosen]
            found = perturbed(system, clean, targets, snr_db=snr_db, n_steps=self.inner_steps, rng=rng)
            attacked = [lesson.with_clip(stimulus) for lesson, stimulus in zip(chosen, found, strict=True)]
            draw = self.inner_steps + 1  # one that no step of the attack has seen
            first, second = (
                [each.with_clip(system.defended(each.stimulus, draw=draw)) for each in part]
                for part in (attacked, drawn(lessons, self.n_kept, rng))
            )
            yield first, second


def perturbed(
    system: System,
    stimuli: Sequence[Stimulus],
    targets: Sequence[str],
    *,
    snr_db: np.ndarray,
    n_steps: int,
    rng: np.random.Generator,
) -> list[Stimulus]:
    """Stimuli after projected gradient descent towards the targets; each step sees a fresh draw of random defences.

    Parameters
    ----------
    snr_db : float array, shape (n_stimuli,)
        Of each clip's energy to that of the longest change.
    """
    clean = [stimulus.clip.samples.astype(np.float64) for stimulus in stimuli]
    radii = [np.linalg.norm(x) * 10 ** (-ratio / 20) for x, ratio in zip(clean, snr_db, strict=True)]
    changes = [_inside(rng.standard_normal(x.size), radius) for x, radius in zip(clean, radii, strict=True)]
    courses = [np.zeros_like(x) for x in clean]

    def heard() -> list[Stimulus]:
        return [
            stimulus.with_clip(stimulus.clip.with_samples(np.clip(x + change, -1, 1).astype(np.float32)))
            for stimulus, x, change in zip(stimuli, clean, changes, strict=True)
        ]

    for step in range(n_steps):
        _, gradients = system.loss_and_gradient(heard(), targets=targets, draw=step)
        for k, gradient in enumerate(gradients):
            courses[k] = MOMENTUM * courses[k] + gradient / (np.linalg.norm(gradient) + 1e-20)
            length = STEP_SIZE * radii[k] * (1 - step / (2 * n_steps))
            changes[k] = _inside(changes[k] - length * courses[k] / (np.linalg.norm(courses[k]) + 1e-20), radii[k])
    return heard()


def _inside(change: np.ndarray, radius: float) -> np.ndarray:
    """The change, shortened to the radius where it is longer."""
    return change * min(1.0, radius / (np.linalg.norm(change) + 1e-20))
