"""What every explainer is: it gives each tile of a clip a number, that tile's share in one decision of a model.

A positive number speaks for the decision, a negative one against it. The decision itself is a number (`Asked.values`): with
scores the log-odds of the answer, else the share of draws whose answer decides so. No map is believed before it was
tested; `earnest.explainers._trust` does that.
"""

from __future__ import annotations

import abc
import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus
from earnest.errors import AccessDenied, BadData, BadParameter, ModelFailed
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Access, Answer, Blocked, Reply, Sampling, System, Target, rng_for
from earnest.registry import Registry

explainers = Registry("explainers")

Baseline = Literal["silence", "noise", "local_mean", "infill"]
BASELINES: tuple[Baseline, ...] = ("silence", "noise", "local_mean", "infill")
"""What stands in the place of a muted tile."""

BATCH = 32
"""Stimuli that are asked at once."""

N_FFT = 512
"""Window of the transform in which tiles of time and frequency are muted."""

Held = Literal["free", "held"]
"""Whether a model writes its transcript anew for each change of the clip, or keeps that of the clip as it is."""

Fraction = NDArray[np.float64]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Decision:
    """What is explained: that the model refuses, complies, says a word, or gives an answer.

    Parameters
    ----------
    name : str
        `refuse`, `comply`, `word:TEXT` (the answer has this word, in any case) or `label:TEXT` (it is the whole answer,
        but for case and a full stop).
    """

    name: str

    def __post_init__(self) -> None:
        kind, _, text = self.name.partition(":")
        if self.name not in ("refuse", "comply") and (kind not in ("word", "label") or not text.strip()):
            raise BadParameter(
                f"a decision is refuse, comply, word:TEXT or label:TEXT, got {self.name!r}; give one of these"
            )

    def made_by(self, reply: Reply) -> bool:
        """Whether a reply decides so; a blocked stimulus is a refusal.

        Raises
        ------
        ModelFailed
            If the call failed: that is no decision either way.
        """
        if isinstance(reply, Blocked):
            return self.name == "refuse"
        if not isinstance(reply, Answer):
            raise ModelFailed(
                f"a call failed ({reply.detail or reply.reason}), and a failed call decides nothing; try again",
                reason=reply.reason,
            )
        said = reply.said
        if self.name in ("refuse", "comply"):
            return bool(said.strip()) and (refusal_label(said) == "refusal") == (self.name == "refuse")
        kind, _, text = self.name.partition(":")
        if kind == "label":
            return said.strip().rstrip(".").casefold() == text.strip().rstrip(".").casefold()
        return re.search(rf"(?<!\w){re.escape(text.strip())}(?!\w)", said, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Tiles:
    """A clip cut into tiles of time, and of frequency where there are several bands.

    Parameters
    ----------
    clip : AudioClip
    seconds : float
        Length of a tile; the last one may be shorter.
    bands : int
        Bands of equal width from 0 Hz to half the sample rate.

    Raises
    ------
    BadParameter
        If a number is out of its range, or the clip is one tile alone.
    """

    clip: AudioClip
    seconds: float = 0.25
    bands: int = 1

    def __post_init__(self) -> None:
        if not self.seconds > 0 or not 1 <= self.bands <= N_FFT // 4:
            raise BadParameter(
                f"tiles have a length above 0 s and 1 to {N_FFT // 4} bands, got {self.seconds!r} s and {self.bands!r} bands; "
                "change them"
            )
        if self.n_times * self.seconds * self.clip.sample_rate < self.n_times:
            raise BadParameter(f"a tile must hold a sample, got {self.seconds!r} s; take longer tiles")
        if len(self) < 2:
            raise BadParameter(
                f"a clip of {self.clip.duration_s:.2f} s is one tile of {self.seconds:g} s, and one tile has nothing to be "
                "compared with; take shorter tiles"
            )

    @property
    def n_times(self) -> int:
        """How many tiles follow each other."""
        return max(1, int(np.ceil(round(self.clip.duration_s / self.seconds, 6))))

    def __len__(self) -> int:
        return self.n_times * self.bands

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """Where tiles of time begin, in samples, and where the last ends."""
        inner = np.round(np.arange(self.n_times) * self.seconds * self.clip.sample_rate)
        return np.append(inner, self.clip.samples.size).astype(np.int64)

    def summed(self, by_sample: Fraction) -> Fraction:
        """What samples have been given, summed by tile; only for tiles of time.

        Raises
        ------
        BadParameter
            If there are several bands: a sample belongs to all of them.
        """
        if self.bands != 1:
            raise BadParameter(
                f"a gradient to the waveform is mapped to tiles of time, got {self.bands} bands; take bands=1"
            )
        return np.asarray(np.add.reduceat(by_sample, self.edges[:-1]), dtype=np.float64)

    def muted(self, masks: Masks, *, baseline: Baseline = "silence", seed: int = 0) -> list[AudioClip]:
        """The clip once for each mask, bool of shape (n_masks, n_tiles), with the tiles that are true muted.

        `silence` puts zeros there, `noise` white noise as loud as the clip (root mean square), `local_mean` the moving mean
        of the waveform over a tile's length, and `infill` what sounds before and after, mirrored into the gap and
        crossfaded. Tiles of time and frequency are replaced in the short-time Fourier transform; tiles are ordered by time,
        then by rising frequency.
        """
        if baseline not in BASELINES:
            raise BadParameter(f"baseline must be one of {', '.join(BASELINES)}, got {baseline!r}; take one of these")
        return [self._muted(np.asarray(mask, bool).reshape(self.n_times, self.bands), baseline, seed) for mask in masks]

    def _muted(self, mask: Masks, baseline: Baseline, seed: int) -> AudioClip:
        x = np.asarray(self.clip.samples, dtype=np.float64)
        lengths = np.diff(self.edges)
        if self.bands == 1:
            where = np.repeat(mask[:, 0], lengths)
            y = np.where(where, self._instead(where, baseline, seed), x)
        else:
            y = x + sum(
                self._band(self._instead(where, baseline, seed) - x, where, band)
                for band in range(self.bands)
                if (where := np.repeat(mask[:, band], lengths)).any()
            )
        return AudioClip(np.clip(y, -1, 1).astype(np.float32), self.clip.sample_rate)

    def _instead(self, where: Masks, baseline: Baseline, seed: int) -> Fraction:
        x = np.asarray(self.clip.samples, dtype=np.float64)
        if baseline == "silence":
            return np.zeros_like(x)
        if baseline == "noise":
            return rng_for(seed, "noise", self.clip.digest).normal(0, np.sqrt(np.mean(x**2)), x.size)
        if baseline == "local_mean":
            width = max(1, min(x.size, round(self.seconds * self.clip.sample_rate)))
            return np.convolve(x, np.full(width, 1 / width), mode="same")[: x.size]
        return _infilled(x, where)

    def _band(self, x: Fraction, where: Masks, band: int) -> Fraction:
        from scipy.signal import istft, stft

        size = min(N_FFT, x.size)
        _, _, spectrum = stft(x * where, nperseg=size)
        edges = np.round(np.linspace(0, spectrum.shape[0], self.bands + 1)).astype(int)
        spectrum[: edges[band]], spectrum[edges[band + 1] :] = 0, 0
        back = istft(spectrum, nperseg=size)[1][: x.size]
        return np.asarray(np.pad(back, (0, x.size - back.size)), dtype=np.float64)


def _infilled(x: Fraction, where: Masks) -> Fraction:
    """Each gap filled by what is on its left and right, mirrored, and faded from the one into the other."""
    y = x.copy()
    steps = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(np.int8), [0]])))
    starts, ends = steps[::2], steps[1::2]
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        left = x[(ends[k - 1] if k else 0) : start][::-1]
        right = x[end : (starts[k + 1] if k + 1 < len(starts) else x.size)]
        n = end - start
        fade = np.linspace(0, 1, n) if left.size and right.size else np.full(n, float(right.size > 0))
        before = np.resize(left, n) if left.size else np.zeros(n)
        after = np.resize(right, n)[::-1] if right.size else np.zeros(n)
        y[start:end] = (1 - fade) * before + fade * after
    return y


@dataclass(frozen=True)
class Map:
    """What each tile counts towards the decision.

    Parameters
    ----------
    values : float64 array, shape (n_tiles,)
    total : float or None
        The difference that the values must add up to, by a method that promises so; None by another.
    """

    values: Fraction
    total: float | None = None

    @property
    def gap(self) -> float | None:
        """By how much the values miss their sum, as a share of it: 0 is complete; None where nothing is promised."""
        return None if self.total is None else abs(float(self.values.sum()) - self.total) / max(abs(self.total), 1e-12)


class Asked:
    """A decision of a system on one stimulus, as a number, for any change of its clip.

    Parameters
    ----------
    system : System
    stimulus : Stimulus
        Its primary clip is explained.
    decision : Decision
    against : str or None
        The answer to compare with; None compares with every other answer.
    draws : int
        Answers to each clip where there are no scores, and in the sentence.
    sampling : Sampling
    transcript : {"free", "held"}
        Of a model that writes a transcript before it answers: whether scores and gradients take the one that it writes
        of the changed clip, or that of the clip as it is. Held, what the words say is fixed, and the decision changes by
        what reaches the answer past them alone.

    Raises
    ------
    BadData
        If there is no clip, or the model does not decide so.
    BadParameter
        If the model answers differently each time, and one draw is taken; or it has no transcript to be held, or no
        scores to hold it in.
    """

    def __init__(
        self,
        system: System,
        stimulus: Stimulus,
        decision: Decision,
        *,
        against: str | None = None,
        draws: int = 1,
        sampling: Sampling = Sampling(),  # noqa: B008
        transcript: Held = "free",
    ) -> None:
        if transcript not in ("free", "held"):
            raise BadParameter(f"transcript must be free or held, got {transcript!r}; take one of these")
        if draws < 1:
            raise BadParameter(f"draws must be at least 1, got {draws!r}; give a whole number")
        if not stimulus.clips:
            raise BadData("an item without a clip has no sound to be explained; take an item that was asked aloud")
        self.system = System(system.model, system.defences, system.seed, sampling, system.models)
        self.stimulus, self.decision, self.against, self.draws = stimulus, decision, against, draws
        self._counted = [0]  # shared by copies
        replies = self._replies([self.clip], draws=max(2, draws))
        made = [decision.made_by(reply) for reply in replies]
        if not any(made):
            said = next((reply.said for reply in replies if isinstance(reply, Answer)), "")
            raise BadData(
                f"the item has no decision {decision.name!r} to be explained: the model answers {said[:200]!r}"
            )
        if draws == 1 and not all(made):
            raise BadParameter(
                f"the model answers differently each time (it decides {decision.name!r} in {sum(made)} of {len(made)} "
                "answers), so that one answer tells nothing; ask it several times with --draws 10"
            )
        first = replies[made.index(True)]
        self.answer = first.text if isinstance(first, Answer) else ""
        self.scored = "scores" in system.access and isinstance(first, Answer) and bool(self.answer)
        if against is None and self.scored and decision.name.startswith("word:"):
            self.against = _without(decision.name.partition(":")[2], self.answer)
        self.details = first.details if isinstance(first, Answer) else {}
        self.held = self._held() if transcript == "held" else None

    @property
    def n_queries(self) -> int:
        """Stimuli that the model was asked about for this decision, by whatever method."""
        return self._counted[0]

    def count(self, n: int) -> None:
        """Count stimuli that the model is asked about."""
        self._counted[0] += n

    @property
    def clip(self) -> AudioClip:
        """The clip that is explained."""
        return self.stimulus.clips[self.stimulus.primary_role]

    @property
    def unit(self) -> str:
        """What `values` are."""
        return "log-odds of the answer" if self.scored else "share of draws"

    def need(self, access: Access, *, of: str) -> None:
        """Raise `AccessDenied` where the model does not grant what a method needs."""
        check_access(self.system, access, of=of)

    def of(self, system: System) -> Asked:
        """The same decision of another system, whatever that one answers: of the model with other weights, say."""
        other = copy.copy(self)
        other.system = System(system.model, system.defences, system.seed, self.system.sampling)
        return other

    def after_its_transcript(self) -> Asked:
        """The same decision after the transcript of the clip as it is, where there is one."""
        other, written = copy.copy(self), self.details.get("transcript")
        if other.held is None and self.system.model.holds_transcript and isinstance(written, str) and self.scored:
            other.held = written
        return other

    def on(self, clip: AudioClip) -> Asked:
        """The same decision on another clip, whatever is answered to that."""
        other = copy.copy(self)
        other.stimulus = self._with([clip])[0]
        return other

    def values(self, clips: Sequence[AudioClip]) -> Fraction:
        """The decision as a number for each clip; asked in batches."""
        found = [self._batch(clips[k : k + BATCH]) for k in range(0, len(clips), BATCH)]
        return np.concatenate(found) if found else np.zeros(0)

    def shares(self, clips: Sequence[AudioClip], *, draws: int) -> Fraction:
        """The share of draws in which the answer to each clip decides so."""
        made = [self.decision.made_by(reply) for reply in self._replies(clips, draws=draws)]
        return np.asarray(made, dtype=np.float64).reshape(len(clips), draws).mean(axis=1)

    def observed(self, clips: Sequence[AudioClip]) -> NDArray[np.bool_]:
        """Whether each answer decides so, of clips that are draws of one thing, a draw of the model's own for each.

        At temperature 0 clips that are alike and answers that are alike, word for word, are one observation, not many.
        """
        places = np.arange(len(clips))
        if not self.system.sampling.temperature:
            places = np.unique([clip.digest for clip in clips], return_index=True)[1]
            if len(places) == 1 and self._may_vary:
                places = np.arange(len(clips))
        stimuli = self._with([clips[place] for place in sorted(places)])
        self.count(len(stimuli))
        replies = self.system.ask_drawn(stimuli, draws=list(range(len(stimuli))))
        made = np.array([self.decision.made_by(reply) for reply in replies])
        alike = len({clip.digest for clip in clips}) == 1 and len({_said(reply) for reply in replies}) == 1
        return made[:1] if alike and not self.system.sampling.temperature else made

    @property
    def _may_vary(self) -> bool:
        """Whether a clip may be answered otherwise the next time at temperature 0: by a model elsewhere, or a defence."""
        return self.system.model.batch_size is None or bool(self.system.defences)

    def gradients(self, clips: Sequence[AudioClip]) -> tuple[Fraction, list[Fraction]]:
        """The decision as gradient methods take it, and its gradient to each waveform.

        It is the mean log-probability of the answer's tokens, less that of the tokens of `against` where one is given.
        """
        losses, gradients = np.zeros(len(clips)), [np.zeros(clip.samples.size) for clip in clips]
        for text, sign in ((self.answer, -1.0), *([(self.against, 1.0)] if self.against is not None else [])):
            for k in range(0, len(clips), BATCH):
                stimuli = self._with(clips[k : k + BATCH])
                self.count(len(stimuli))
                some, back = self.system.loss_and_gradient(stimuli, targets=[self._text(text)] * len(stimuli))
                losses[k : k + BATCH] += sign * some
                for place, gradient in enumerate(back, start=k):
                    gradients[place] += sign * np.asarray(gradient, dtype=np.float64)
        return losses, gradients

    def _batch(self, clips: Sequence[AudioClip]) -> Fraction:
        if not self.scored:
            return self.shares(clips, draws=self.draws)
        stimuli = self._with(clips)
        self.count(len(stimuli))
        likely = np.asarray(self.system.score(stimuli, [self._text(self.answer)] * len(stimuli)), dtype=np.float64)
        if self.against is None:
            return likely - np.log(-np.expm1(np.minimum(likely, -1e-12)))
        self.count(len(stimuli))
        other = self.system.score(stimuli, [self._text(self.against)] * len(stimuli))
        return likely - np.asarray(other, dtype=np.float64)

    def _text(self, text: str) -> str:
        return text if self.held is None else Target(text, end_weight=None, transcript=self.held, held=True)

    def _held(self) -> str:
        model, written = self.system.model, self.details.get("transcript")
        if not model.holds_transcript or not isinstance(written, str):
            raise BadParameter(
                f"{model.name!r} writes no transcript that could be held before this answer; leave the transcript free"
            )
        if not self.scored and "gradients" not in self.system.access:
            raise BadParameter(
                f"a transcript is held in scores and gradients, and {model.name!r} grants neither; leave it free"
            )
        return written

    def _with(self, clips: Sequence[AudioClip]) -> list[Stimulus]:
        return [self.stimulus.with_clip(clip, role=self.stimulus.primary_role) for clip in clips]

    def _replies(self, clips: Sequence[AudioClip], *, draws: int) -> list[Reply]:
        stimuli = [stimulus for stimulus in self._with(clips) for _ in range(draws)]
        self.count(len(stimuli))
        return self.system.ask_drawn(stimuli, draws=list(range(draws)) * len(clips))


def _without(word: str, answer: str) -> str | None:
    """The answer with this word left out, to compare with; None where nothing is left."""
    rest = re.sub(rf"(?<!\w){re.escape(word.strip())}(?!\w)\s*", "", answer, flags=re.IGNORECASE).strip()
    return rest or None


def _said(reply: Reply) -> str:
    return reply.said if isinstance(reply, Answer) else repr(reply)


def check_access(system: System, access: Access, *, of: str) -> None:
    """Raise `AccessDenied` where a model does not grant what a method needs."""
    if access != "responses" and access not in system.access:
        granted = ", ".join(sorted(system.access)) or "nothing"
        raise AccessDenied(
            f"{of} needs {access} of the model, which grants {granted}; take --method occlusion or --method shapley"
        )


@dataclass(frozen=True, kw_only=True)
class Method(abc.ABC):
    """What all explainers share; subclasses are frozen keyword-only dataclasses under `@explainers.register(name)`."""

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""
    needs: ClassVar[Access] = "responses"
    """What the model must grant."""


@dataclass(frozen=True, kw_only=True)
class Explainer(Method):
    """Base of the explainers that give a map of the clip."""

    @abc.abstractmethod
    def explain(self, asked: Asked, tiles: Tiles, *, seed: int = 0) -> Map:
        """What each tile counts towards the decision."""
