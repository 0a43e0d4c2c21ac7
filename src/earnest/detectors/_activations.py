"""Detectors of poisoned training data that read a suspect model's activations, class by class of its answers."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.detectors._answer_labels import label_of
from earnest.detectors._asking import AskingDetector, Evidence, usage_of
from earnest.errors import BadData, BadParameter
from earnest.models.access import Model, System

Floats = NDArray[np.float64]

LEAST_ROWS = 6
"""Of a class, to be looked at."""


@dataclass(frozen=True, kw_only=True)
class ActivationDetector(AskingDetector):
    """Base: `fit` reads the activations of suspect rows, `score` places a clip among those of its own class.

    A class is what the model does with a clip, refuse or comply; a class with fewer than six rows is left out. A clip of such a
    class scores 0.

    Parameters
    ----------
    site : str
        Where the activations are read, as the model names its sites; empty takes its last.
    at : str
        At which position: "answer", "sep", "first_answer_token"; empty takes the model's own, which before the decoder is the mean over all.
    """

    site: str = ""
    at: str = "answer"

    @abc.abstractmethod
    def learnt_from(self, states: Floats, rng: np.random.Generator) -> Mapping[str, Any]:
        """Arrays that describe the states of one class, shape (n_rows, width)."""

    @abc.abstractmethod
    def placed(self, state: Floats, arrays: Mapping[str, Any]) -> float:
        """The score of a state, by the arrays of its class."""

    def evidence(self, clip: AudioClip) -> Evidence:
        """The clip's state among those of the rows of its class."""
        (answer,) = self.answers([clip])
        (state,) = self._states(self.asked, [clip])
        label = label_of(answer)
        arrays = self._classes.get(label)
        return Evidence(
            score=0.0 if arrays is None else float(self.placed(state, arrays)),
            n_calls=1,
            usage=usage_of([answer]),
            details={"label": label},
        )

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """What the states of each class look like."""
        detector = self if system is None else self.asking(system.model)
        clips = [entry.clip() for entry in rows]
        labels = [label_of(answer) for answer in detector.answers(clips)]
        states = self._states(detector.asked, clips)
        arrays: dict[str, Any] = {}
        for label in sorted(set(labels)):
            of_class = np.array([state for state, own in zip(states, labels, strict=True) if own == label])
            if len(of_class) >= LEAST_ROWS:
                arrays |= {f"{label}.{part}": array for part, array in self.learnt_from(of_class, rng).items()}
        if not arrays:
            raise BadData(
                f"{self.name} needs {LEAST_ROWS} rows that the model answers alike, got {len(rows)} rows in all; give more rows"
            )
        return self.made(arrays, n_rows={label: labels.count(label) for label in sorted(set(labels))})

    def _states(self, model: Model, clips: Sequence[AudioClip]) -> list[Floats]:
        states = [site for site in model.sites if not site.startswith("mlp.")]
        site = self.site or (states[-1] if states else "")
        if not site:
            raise BadParameter(f"{self.name} reads activations, and {model.name!r} names no site; give site=")
        stimuli = [Stimulus(clips={"speech": clip}, prompt=self.prompt) for clip in clips]
        found = model.activations(stimuli, sites=(site,), at=self.at or None)  # type: ignore[arg-type]
        return [np.asarray(each[site], dtype=np.float64) for each in found]

    @cached_property
    def _classes(self) -> dict[str, dict[str, Any]]:
        classes: dict[str, dict[str, Any]] = {}
        for name, array in self.fitted.arrays.items():
            label, _, part = name.partition(".")
            classes.setdefault(label, {})[part] = np.asarray(array, dtype=np.float64)
        return classes
