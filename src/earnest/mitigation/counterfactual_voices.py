"""Counterfactual voices: each recording once more, moved towards a voice of another group, with the same label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from earnest.audio.voices_alike import towards
from earnest.errors import BadData, BadParameter
from earnest.mitigation._base import Mitigation, Recipe, Rows, Stage, mitigation


@mitigation.register("counterfactual_voices")
@dataclass(frozen=True, kw_only=True)
class CounterfactualVoices(Mitigation):
    """The same words in a voice of every other group: pitch, vocal tract and long-term spectrum of a recording of theirs.

    Parameters
    ----------
    n_most : int
        Recordings that are moved at most, drawn evenly: changing a second of speech takes some milliseconds.

    Notes
    -----
    Counterfactual data augmentation of [lu2018-genderbias], which swaps words of gender in text; here the voice is
    changed, which no text holds, by `earnest.audio.voices_alike`: no cloning, and a listener may hear the change. At a
    strength s that share of the rows gets a twin. A twin keeps its speaker as a cluster, so that nothing of it reaches
    rows that are tested on.
    """

    source: ClassVar[str] = "lu2018-genderbias"
    stage: ClassVar[Stage] = "before"

    n_most: int = 2000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_most < 1:
            raise BadParameter(f"n_most of counterfactual_voices must be at least 1, got {self.n_most!r}")

    def prepared(self, rows: Rows, recipe: Recipe, rng: np.random.Generator) -> Rows:
        """The rows, and twins of some of them in each other group.

        Raises
        ------
        BadData
            If the rows have no sound.
        """
        if not rows.entries:
            raise BadData("counterfactual_voices changes recordings, and these rows have none; use resampling")
        n = min(self.n_most, round(self.strength * len(rows)))
        twins = []
        for place in sorted(rng.permutation(len(rows))[:n].tolist()):
            entry = rows.entries[place]
            clip = entry.clip()
            for group in sorted(set(rows.groups.tolist()) - {int(rows.groups[place])}):
                other = int(rng.choice(np.flatnonzero(rows.groups == group)))
                moved, _ = towards(clip, rows.entries[other].clip())
                one = rows.taken([place])
                twins.append(replace(one, inputs=(recipe.input_of(moved, entry.text or ""),), groups=np.array([group])))
        out = rows
        for twin in twins:
            out = out.joined(twin)
        return out
