"""A defence inside the model: pushed towards refusal where what it heard looks harmful from within.

    earnest fit defences/own_steering --plugin examples/own_steering.py --data DATA --split train --model MODEL --out fitted
    earnest run core --pillar safety --model MODEL --defence own_steering:artefact=fitted \
        --plugin examples/own_steering.py --data DATA --out runs/steered

The fit takes the activations of spoken requests, labelled `harmful` and `benign`, where the answer begins. On half of the rows it
learns the direction from one mean to the other; on the rest it calibrates how far along it only a stated share of harmless ones lies.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from earnest.artefacts import Artefact, used
from earnest.audio import Stimulus
from earnest.defences import Defence, defences
from earnest.models.edits import Edit


@defences.register("own_steering")
@dataclass(frozen=True, kw_only=True)
class RefusalSteering(Defence):
    """Activations that look harmful are moved on along the direction in which they do.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    false_positive_rate : float
        Share of harmless requests that may be moved, on the rows that it is calibrated on.
    strength : float
        How far they are moved, in distances between the two means.
    site, prompt : str
        Where the model is read and moved, and what it is asked while the defence learns.
    """

    source: ClassVar[str] = "example2026-steering"
    gradient: ClassVar[str] = "none"

    artefact: str = ""
    false_positive_rate: float = 0.05
    strength: float = 1.0
    site: str = "decoder.2"
    prompt: str = "Listen to the speaker and answer in one sentence."

    @cached_property
    def _learnt(self):
        return used(self.artefact, by=f"defence {self.name!r}", kind="defences", name=self.name).arrays

    def around(self, model):
        """The model with the edit in force whenever it is asked."""
        direction, harmless, push = (self._learnt[key] for key in ("direction", "harmless", "push"))
        threshold = np.quantile(harmless, 1 - self.false_positive_rate) if self.false_positive_rate < 1 else -np.inf

        def moved(states):
            harmful = states @ direction > threshold
            return states + self.strength * push[0] * harmful[:, None] * direction

        edit = Edit(site=self.site, at="sep", change=moved, key=str(self.spec))
        return model.within(lambda: model.hooked([edit]), key=str(self.spec))

    def fit(self, rows, system, rng):
        """The direction between the two means, and where along it the harmless rows lie that it was not learnt on."""
        asked = [entry for entry in rows if entry.label in ("harmful", "benign")]
        stimuli = [Stimulus(clips={"speech": entry.clip()}, prompt=self.prompt) for entry in asked]
        read = system.model.activations(stimuli, sites=[self.site], at="sep")
        states = np.stack([one[self.site] for one in read])
        harmful, learnt = np.array([entry.label == "harmful" for entry in asked]), rng.permutation(len(asked)) % 2 == 0
        step = states[learnt & harmful].mean(axis=0) - states[learnt & ~harmful].mean(axis=0)
        length = np.linalg.norm(step)
        harmless = states[~learnt & ~harmful] @ (step / length)
        arrays = {"direction": step / length, "harmless": harmless, "push": np.array([length])}
        parameters = {k: v for k, v in self.spec.parameters.items() if k != "artefact"}
        kept = {k: v.astype(np.float32) for k, v in arrays.items()}
        return Artefact("defences", str(type(self.spec)(self.name, parameters)), kept)
