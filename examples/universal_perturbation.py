"""One perturbation for all clips, learnt on one half of the data and tried on the other.

    earnest fit attacks/universal_perturbation:target=yes --plugin examples/universal_perturbation.py \
        --data DATA --split train --model MODEL --out fitted
    earnest run SUITE --model MODEL --attack universal_perturbation:target=yes,artefact=fitted \
        --plugin examples/universal_perturbation.py --data DATA --out runs/universal

The fit takes signed gradient steps on the mean loss over its rows. When it attacks, it asks nothing: the same samples are added to
every clip, repeated or cut to its length. Items whose rows, speakers or texts it was learnt on are in no number of the run.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from earnest.artefacts import Artefact, used
from earnest.attacks import Attack, Budget, Candidate, attacks
from earnest.audio import Stimulus


@attacks.register("universal_perturbation")
@dataclass(frozen=True, kw_only=True)
class UniversalPerturbation(Attack):
    """The same samples added to every clip, at most `epsilon` each.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    target, prompt : str
        What the model is to say, and what it is asked while the attack learns.
    epsilon, length_s, steps, batch
        Largest change of a sample; length of the perturbation; passes over the rows; rows a step.
    """

    source: ClassVar[str] = "example2026-universal"
    family: ClassVar[str] = "adversarial"
    needs: ClassVar[str] = "gradients"

    artefact: str = ""
    target: str = "yes"
    prompt: str = "What do you hear?"
    epsilon: float = 0.01
    length_s: float = 0.5
    steps: int = 10
    batch: int = 8

    @property
    def budget(self):
        return Budget(epsilon=self.epsilon)

    @cached_property
    def _delta(self):
        return used(self.artefact, by=f"attack {self.name!r}", kind="attacks", name=self.name).arrays["delta"]

    def propose(self, victim, stimuli, *, rngs):
        """Every clip with the perturbation; nothing is asked."""
        added = [stimulus.clip.samples + np.resize(self._delta, stimulus.clip.n_samples) for stimulus in stimuli]
        return [
            Candidate(clip=stimulus.clip.with_samples(samples))
            for stimulus, samples in zip(stimuli, added, strict=True)
        ]

    def fit(self, rows, system, rng):
        """Signed steps on the mean gradient of some rows at a time, folded onto the perturbation."""
        clips = [entry.clip() for entry in rows]
        delta = np.zeros(round(self.length_s * clips[0].sample_rate), dtype=np.float32)
        for step in range(self.steps):
            drawn = [clips[place] for place in rng.choice(len(clips), min(self.batch, len(clips)), replace=False)]
            heard = [clip.with_samples(clip.samples + np.resize(delta, clip.n_samples)) for clip in drawn]
            stimuli = [Stimulus(clips={"speech": clip}, prompt=self.prompt) for clip in heard]
            _, gradients = system.loss_and_gradient(stimuli, targets=[self.target] * len(stimuli))
            total = sum(np.bincount(np.arange(g.size) % delta.size, g, delta.size) for g in gradients)
            delta = delta - self.epsilon / (1 + step) * np.sign(total)
            delta = np.clip(delta, -self.epsilon, self.epsilon).astype(np.float32)
        parameters = {k: v for k, v in self.spec.parameters.items() if k != "artefact"}
        return Artefact("attacks", str(type(self.spec)(self.name, parameters)), {"delta": delta})
