"""Where candidates are spoken, put into their recording conditions, and heard; everything is kept, so that a build that breaks off resumes."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reference import speak

from . import conditions, voices
from .hearing import RULES, Ears, edits_by


@dataclass
class Row:
    """One clip with its line of the manifest and what recognisers made of it.

    Attributes
    ----------
    samples : float32 array
        16 kHz.
    facts : dict
        Columns of the manifest.
    edits : dict
        Word edits by recogniser; empty where nothing is said.
    """

    samples: np.ndarray
    facts: dict[str, str] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is to be said by whom."""

    text: str
    voice: str
    facts: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A candidate that was heard."""

    kind: str
    voice: str
    text: str
    edits: dict[str, int]
    is_admitted: bool


class Studio:
    """Speaks candidates and has them heard.

    Parameters
    ----------
    ears : Ears
    cache : Path
        Speech is kept here, by voice, text and seed.
    """

    def __init__(self, ears: Ears, cache: Path) -> None:
        self.ears = ears
        self.tried: list[Tried] = []
        self._speech = cache / "speech"
        self._speech.mkdir(parents=True, exist_ok=True)

    def speech(self, text: str, voice: str, seed: int, *, manner_of: str = "") -> np.ndarray:
        """Speech as its synthesiser gives it, from the cache where it is there."""
        key = hashlib.sha256(f"{voice}|{text}|{seed}|{manner_of}".encode()).hexdigest()[:32]
        path = self._speech / f"{key}.npy"
        if not path.is_file():
            np.save(path, said(text, voice, seed, manner_of=manner_of))
        return np.load(path)

    def take(
        self,
        kind: str,
        parts: Sequence[Part],
        seed: int,
        *,
        max_ratio: float | None = None,
        rule: str = "2 of 3",
        condition_seed: int | None = None,
    ) -> list[Row] | None:
        """The parts of one candidate, recorded under one condition; None where one of them is misheard.

        Parameters
        ----------
        kind : str
            Under which name the candidate is counted.
        parts : sequence of Part
            One, or twins, which are spoken in one manner.
        seed : int
        max_ratio : float or None
            How far the lengths of the twins may differ; candidates that differ more are not heard.
        rule : str
            One of `RULES`.
        condition_seed : int or None
            Draws the recording condition, where candidates of several seeds share one; None for the seed.
        """
        speech = [conditions.body(self.speech(part.text, part.voice, seed, manner_of=parts[0].text)) for part in parts]
        if max_ratio is not None and max(map(len, speech)) > max_ratio * min(map(len, speech)):
            return None
        return self.recorded(kind, parts, speech, seed, rule=rule, condition_seed=condition_seed)

    def recorded(
        self,
        kind: str,
        parts: Sequence[Part],
        speech: Sequence[np.ndarray],
        seed: int,
        *,
        rule: str = "2 of 3",
        condition_seed: int | None = None,
    ) -> list[Row] | None:
        """As `take`, of speech that is there already."""
        condition = conditions.drawn(np.random.default_rng([seed if condition_seed is None else condition_seed, 21]))
        clips, kept = conditions.recorded(speech, condition, seed=[seed, 22])
        rows = []
        for part, clip in zip(parts, clips, strict=True):
            known = voices.facts(part.voice)
            heard = self.ears.heard(clip, known["language"])
            edits = edits_by(reference=part.text, heard=heard, language=known["language"])
            admitted = sum(n == 0 for n in edits.values()) >= RULES["base" if known["language"] == "es" else rule]
            self.tried.append(Tried(kind=kind, voice=part.voice, text=part.text, edits=edits, is_admitted=admitted))
            if not admitted:
                return None
            rows.append(
                Row(clip, {**known, "text": part.text, "seed": str(seed), **written(kept), **part.facts}, edits)
            )
        return rows


REMEMBERING = ("espeak", "flite", "pico")
"""Engines that say a text in another way after they have said something else."""


def said(text: str, voice: str, seed: int, *, manner_of: str = "") -> np.ndarray:
    """`speak.say`, of engines that remember in a process that says nothing else: the same whatever was said before."""
    if speak.voice(voice).engine not in REMEMBERING:
        return speak.say(text, voice, seed, manner_of=manner_of)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        return alone.submit(speak.say, text, voice, seed, manner_of=manner_of).result()


def written(condition: conditions.Condition) -> dict[str, str]:
    """A condition as columns of the manifest."""
    return {
        name: f"{getattr(condition, name):g}" for name in ("level_dbfs", "floor_dbfs", "tilt_db", "lead_s", "tail_s")
    }
