"""What every detector is.

A detector gives a clip a number, its *score*: higher means more likely bona fide, as in `earnest.metrics.detection`. A
*calibrated* one gives natural log-likelihood ratios, so that 0 is where both are equally likely; another one's scores only
rank, and its threshold has to be set on data. It sees one clip at a time, draws nothing, and keeps nothing between clips.

What a detector learns is an artefact, made by `fit` and referred to by the parameter `artefact`; it is loaded when the
first clip is scored.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from earnest.artefacts import Artefact, check_parameters, used
from earnest.audio import AudioClip, Entry
from earnest.models.access import System
from earnest.registry import Registry, Spec, parse_spec

detectors = Registry("detectors")

NOT_TESTED = "not tested"


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a detector before it is measured, for those who think of relying on it.

    Parameters
    ----------
    detector : str
        Its specification.
    detects : str
        What a low score tells of.
    calibrated : bool
        Whether scores are natural log-likelihood ratios.
    threshold : float or None
        Scores above it are taken as bona fide; None where it has none of its own.
    fitted_on : mapping
        Data, rows, split and date of the fit; empty where nothing is fitted.
    conditions : mapping of str to str
        What it was tested under, by condition; what is not there was not tested.
    licence : str
        Of what it learnt.
    note : str
        What it cannot do.
    window_s : float or None
        Length of what one decision is made on; None where it is the whole clip.
    seconds_to_decision : float or None
        Of speech that has to be there before the first decision, without the time that computing takes; None where it
        is the whole clip.
    false_alarms_per_call : float or None
        Decisions against bona fide speech that a call of five minutes is expected to have at the threshold, if its
        windows are like the bona fide clips that the fit has measured; None where nobody has.
    checks : mapping
        What the fit has measured on rows that were held out: the error rate as it is, without leading silence and over
        a telephone line.
    """

    detector: str
    detects: str
    calibrated: bool
    threshold: float | None
    fitted_on: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    licence: str = NOT_TESTED
    note: str = ""
    window_s: float | None = None
    seconds_to_decision: float | None = None
    false_alarms_per_call: float | None = None
    checks: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The card as JSON values; conditions that nobody tested are named as such."""
        tested = {
            name: NOT_TESTED
            for name in ("leading silence", "telephone", "codec", "noise", "length", "language", "replay")
        }
        alarms = NOT_TESTED if self.false_alarms_per_call is None else self.false_alarms_per_call
        return {
            **asdict(self),
            "fitted_on": dict(self.fitted_on),
            "conditions": {**tested, **self.conditions},
            "checks": dict(self.checks) or NOT_TESTED,
            "false_alarms_per_call": alarms,
        }


@dataclass(frozen=True, kw_only=True)
class Detector(abc.ABC):
    """Base of the detectors; subclasses are frozen keyword-only dataclasses under `@detectors.register(name)`.

    A subclass states `source` and implements `score`; one that learns implements `fit`.

    Parameters
    ----------
    artefact : str
        Path or SHA-256 of what it was fitted to; empty where it was not.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""
    detects: ClassVar[str] = "spoofed speech"
    """What a low score tells of."""
    free: ClassVar[frozenset[str]] = frozenset()
    """Parameters of its use, which may differ from those that it was fitted with."""
    conditions: ClassVar[Mapping[str, str]] = {}
    """What it was tested under; for its card."""
    limits: ClassVar[str] = ""
    """What it cannot do; for its card."""
    takes: ClassVar[Literal["audio", "video"]] = "audio"
    """What it scores: clips, or (by a method `score_file` of its own) videos with sound."""

    window_s: ClassVar[float | None] = None
    """Length of what one decision is made on; None where it is the whole clip."""
    sample_rate: ClassVar[int | None] = None
    """To which clips are resampled inside, in Hz; None where they are taken as they are."""

    artefact: str = ""

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        return Spec.of(self)

    @property
    def calibrated(self) -> bool:
        """Whether scores are natural log-likelihood ratios; by default not."""
        return False

    @property
    def threshold(self) -> float | None:
        """Scores above it are taken as bona fide; None where it has none of its own. By default 0 if calibrated."""
        return 0.0 if self.calibrated else None

    @abc.abstractmethod
    def score(self, clip: AudioClip) -> float:
        """A finite number, higher meaning more likely bona fide; the same whenever it is asked.

        Raises
        ------
        BadAudio
            If the clip holds nothing to go by: silence, say.
        """

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact | None:
        """What it learns from rows of data; by default there is nothing to fit, and None.

        Parameters
        ----------
        rows : sequence of Entry
            Those of the split; nothing else may be looked at.
        system : System or None
            A model to ask, where one was given; every call is counted and paid like those of a run.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        Artefact or None
            Made by `self.made(...)`. Where the rows came from and what was seen is added to it afterwards.
        """
        return None

    def made(self, arrays: Mapping[str, Any], **about: Any) -> Artefact:
        """The artefact of a fit: arrays by name, and JSON values that tell of it."""
        parameters = {
            key: value for key, value in self.spec.parameters.items() if key != "artefact" and key not in self.free
        }
        return Artefact("detectors", str(Spec(self.name, parameters)), arrays, about)

    @cached_property
    def fitted(self) -> Artefact:
        """What it was fitted to.

        Raises
        ------
        BadParameter
            If there is none, something else was fitted to it, or other parameters are given than it was fitted with.
        BadData
            If it cannot be read.
        """
        artefact = used(self.artefact, by=f"detector {self.name!r}", kind="detectors", name=self.name)
        check_parameters(artefact, self.spec, free=self.free)
        return artefact

    @property
    def fitted_parameters(self) -> Mapping[str, Any]:
        """The parameters that it was fitted with, those at their default left out."""
        return {key: value for key, value in parse_spec(self.fitted.spec).parameters.items() if key != "artefact"}

    @property
    def learns(self) -> bool:
        """Whether there is anything to fit."""
        return type(self).fit is not Detector.fit

    @property
    def ready(self) -> bool:
        """Whether it can score as it is; by default where it was fitted, or has nothing to fit."""
        return bool(self.artefact) or not self.learns

    @property
    def identity(self) -> str:
        """What decides its numbers beside its code, parameters and artefact: a digest of a user's weights; by default empty."""
        return ""

    def check(self) -> None:
        """Raise now what would keep it from scoring: what was not fitted, what cannot be read, what is not installed."""
        if self.artefact or not self.ready:
            self.fitted  # noqa: B018  (read here, and not by the first clip)

    @property
    def card(self) -> Card:
        """What is known of it, fitted or not."""
        about = self.fitted.about if self.artefact else {}
        checks = about.get("checks", {})
        told = {key: about[key] for key in ("data", "data_digest", "split", "earnest", "fitted") if key in about}
        if isinstance(told.get("split"), dict):
            told["split"] = {key: value for key, value in told["split"].items() if not isinstance(value, list)}
        ready = self.ready
        return Card(
            detector=str(self.spec),
            detects=self.detects,
            calibrated=self.calibrated if ready else False,
            threshold=self.threshold if ready else None,
            fitted_on=told,
            conditions={**self.conditions, **{name: _measured(checks[key]) for name, key in _CHECKED if key in checks}},
            licence=str(about.get("licence", NOT_TESTED)),
            note="; ".join(filter(None, [self.limits, _TELLS_NOTHING if checks.get("tells_nothing") else ""])),
            window_s=self.window_s,
            seconds_to_decision=self.window_s,
            false_alarms_per_call=checks.get("false_alarms_per_call"),
            checks=checks,
        )


_TELLS_NOTHING = (
    "on the rows that were held out its scores did not separate bona fide from spoofed speech, so that its ratios are about "
    "0 and only rank; give more or other data"
)
_CHECKED = (("leading silence", "without_leading_silence"), ("telephone", "telephone"))


def _measured(check: Mapping[str, Any]) -> str:
    """A check of a fit in words."""
    value, low, high = (check.get(name) for name in ("equal_error_rate", "low", "high"))
    if value is None:
        return f"no error rate: {check.get('n_unscored', 0)} clips unscored"
    interval = "no interval" if low is None or high is None else f"{low:.3f} to {high:.3f}"
    return f"equal error rate {value:.3f} ({interval}; {check['n_bona_fide']} bona fide and {check['n_spoof']} spoofed clips)"
