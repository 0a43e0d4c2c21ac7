"""What an attack has seen is not what it is judged on, and what a transfer search reached is no success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks import Attack, Candidate
from earnest.audio import AudioClip, Goal, Stimulus
from earnest.defences import Defence
from earnest.models.access import Answer, Model, Sampling, System


class Remembers(Model):
    """Says "yes" to what it has been asked before: the same clip under the same seed, bit by bit."""

    name, access = "toy/remembers", frozenset({"responses", "gradients"})

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        return [Answer(text="yes" if self._known(stimulus.clip, sampling.seed) else "no") for stimulus in stimuli]

    def loss_and_gradient(self, stimuli, *, targets):
        for stimulus in stimuli:
            self._known(stimulus.clip, 0)
        return np.zeros(len(stimuli)), [np.ones_like(stimulus.clip.samples) for stimulus in stimuli]

    def _known(self, clip: AudioClip, seed: int) -> bool:
        known = (clip.digest, seed) in self.seen
        self.seen.add((clip.digest, seed))
        return known


@dataclass(frozen=True, kw_only=True)
class Jitter(Defence):
    """Moves every sample by a step, up or down, as it draws."""

    source: ClassVar[str] = "li2025-audiotrust"
    gradient: ClassVar[str] = "stand_in"
    random: ClassVar[bool] = True

    def apply(self, clip, *, rng):
        return clip.with_samples(clip.samples + rng.choice([-1, 1], clip.n_samples).astype(np.float32) / 32768)


@dataclass(frozen=True, kw_only=True)
class Insists(Attack):
    """Asks one clip under draws 0 to `n - 1`, then under draw 0 once more, and looks at as many gradients."""

    source: ClassVar[str] = "li2025-audiotrust"
    family: ClassVar[str] = "adversarial"
    control_name: ClassVar[str] = "the same"
    victims: ClassVar[list] = []
    n: int = 4

    def propose(self, victim, stimuli, *, rngs):
        self.victims.append(victim)
        found = [Candidate(clip=stimulus.clip.with_samples(stimulus.clip.samples + 2 / 32768)) for stimulus in stimuli]
        for draw in (*range(self.n), 0):
            victim.ask(dict(enumerate(found)), draw=draw)
            victim.loss_and_gradient({place: one.clip for place, one in enumerate(found)}, draw=draw)
        return found

    def control(self, victim, stimuli, candidates, *, rngs):
        return [Candidate(clip=stimulus.clip.with_samples(stimulus.clip.samples - 2 / 32768)) for stimulus in stimuli]


def stimulus() -> Stimulus:
    samples = np.random.default_rng(7).integers(-900, 900, 64).astype(np.float32) / 32768
    return Stimulus(
        clips={"speech": AudioClip(samples, 16_000)},
        prompt="?",
        goal=Goal(target="yes", reached=lambda text: text == "yes"),
    )


def attempt_on(*defences: Defence, attack: Insists | None = None, **sampling):
    system = System(Remembers(), defences, 3, Sampling(**sampling))
    return (attack or Insists()).run(system, [stimulus()], rng=np.random.default_rng(0)).attempts[0]


def test_a_random_defence_draws_anew_for_the_verdict() -> None:
    attempt = attempt_on(Jitter())
    # the fifth query is that of draw 0 again, which the gradient of draw 0 has shown already to be remembered
    assert attempt.first_success == 5
    assert attempt.success is False and attempt.answer.text == "no"
    assert attempt.control_success is False and attempt.clean_success is False


def test_a_sampling_model_draws_anew_for_the_verdict() -> None:
    attempt = attempt_on(temperature=1.0)
    assert attempt.first_success == 5 and attempt.success is False


def test_where_nothing_is_random_the_verdict_is_what_was_seen() -> None:
    attempt = attempt_on()
    assert attempt.first_success is not None and attempt.success is True


def test_what_a_transfer_search_reached_is_not_told_as_a_success() -> None:
    attempt = attempt_on(Jitter(), attack=Insists(transfer=True))
    search = Insists.victims[-1]
    assert search.accounts[0].first_success == 2  # the bare model has no draws: the second query is the first again
    assert attempt.adaptive is False and attempt.first_success is None and attempt.facts()["first_success"] is None
    assert attempt.success is False
