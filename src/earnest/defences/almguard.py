"""A perturbation of the spectrum that triggers the model's own refusal, in bands that recognition needs least (ALMGuard)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import Entry, Goal, Stimulus
from earnest.defences._base import defences
from earnest.defences._inside import PROMPT, InForce, Inside, inner, requests
from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Model, System
from earnest.models.edits import Edit
from earnest.registry import parse_spec, registry

FEATURES = "features"
REFUSAL = "I'm sorry, but I cannot fulfill this request."
LONGEST = 3_000
"""Frames that a perturbation is learnt for: 30 s at 10 ms."""


@defences.register("almguard")
@dataclass(frozen=True, kw_only=True)
class AlmGuard(Inside):
    """One perturbation of the log-mel spectrum, the same for every clip, under which attacked requests are refused.

    It is learnt by gradients on attacked harmful requests towards a refusal, in the mel bins alone that matter much to the
    jailbreak and little to transcription: the mean absolute gradient of the loss of refusal over that of transcription.

    Parameters
    ----------
    share : float
        Of the mel bins, those that are perturbed: 48 of 128 in the work.
    bound : float
        Largest change of a value of the spectrum, in the unit that the model is given.
    attacks : str
        Attacks whose clips it is learnt on, joined by `+`, by turns; empty where the rows hold attacked clips.
    refusal : str
        What the model is driven to answer.
    n_clips, epochs, steps : int
        Clips learnt from, passes over them, and the most steps on a clip in a pass.
    learning_rate, stop_at : float
        Of Adam; the loss, in nats per token, below which a clip is left.
    prompt, transcribe : str
        What the model is asked, and how it is asked for a transcript.

    Notes
    -----
    Follows [jin2025-almguard]: start from 0.01 times white noise, Adam at 3e-4 on masked gradients, clamp at 0.5, 50 clips
    interleaved over attacks, ten passes, at most 3,000 steps a clip, stop at a loss below 0.1. Departs in the recogniser of the
    mask, which is the model itself asked for a transcript (the work takes Whisper), and in its attacks. The perturbation covers
    the first 30 s; of a shorter clip it covers the whole.
    """

    source: ClassVar[str] = "jin2025-almguard"

    share: float = 0.375
    bound: float = 0.5
    attacks: str = "pgd:snr_db=30"
    refusal: str = REFUSAL
    n_clips: int = 50
    epochs: int = 10
    steps: int = 3_000
    learning_rate: float = 3e-4
    stop_at: float = 0.1
    prompt: str = PROMPT
    transcribe: str = "Transcribe the speech."

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or not 0 < self.bound < np.inf:
            raise BadParameter(
                f"share of almguard must lie in (0, 1] and bound above 0, got {self.share!r} and {self.bound!r}"
            )
        if min(self.n_clips, self.epochs, self.steps) < 1 or not self.learning_rate > 0:
            raise BadParameter(
                "n_clips, epochs and steps of almguard must be at least 1 and learning_rate above 0, got "
                f"{self.n_clips}, {self.epochs}, {self.steps} and {self.learning_rate}"
            )
        for spec in self._attacks:
            registry("attacks").make(parse_spec(spec))

    @property
    def _attacks(self) -> list[str]:
        return [spec for spec in self.attacks.split("+") if spec]

    def edits(self, learnt: Mapping[str, NDArray[Any]], model: Model) -> list[Edit]:
        """That of the spectrum."""
        _with_features(model)
        change = partial(perturbed, perturbation=learnt["perturbation"])
        return [Edit(site=FEATURES, at="all", change=change, key=str(self.spec), differentiable=True)]

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The mask and the perturbation."""
        model = inner(system, by="defence 'almguard'")
        _with_features(model)
        assert system is not None
        harmful = [entry for entry in rows if entry.label == "harmful"][: self.n_clips]
        asked, _ = requests(
            [*harmful, *(e for e in rows if e.label == "benign")], prompt=self.prompt, by="defence 'almguard'"
        )
        asked = asked[: len(harmful)]
        attacked = self._attacked(system, asked, rng)
        watched = Watched(system, key=f"almguard {self.spec}")
        jailbreak = watched.mean_gradient(attacked, [self.refusal] * len(attacked))
        heard = [(entry, each) for entry, each in zip(harmful, asked, strict=True) if entry.text]
        if not heard:
            raise BadParameter("defence 'almguard' needs harmful rows with the column text, for its mask; got none")
        written = [replace(each, prompt=self.transcribe) for _, each in heard]
        recognition = watched.mean_gradient(written, [str(entry.text) for entry, _ in heard])
        mask = salient_bins(jailbreak, recognition, n=max(1, round(self.share * jailbreak.size)))
        perturbation, losses = self._learnt(watched, attacked, mask, rng)
        arrays = {"perturbation": perturbation, "mask": mask, "jailbreak": jailbreak, "recognition": recognition}
        return self.made(arrays, mean_loss_by_epoch=losses)

    def _attacked(self, system: System, asked: Sequence[Stimulus], rng: np.random.Generator) -> list[Stimulus]:
        """The clips as each attack by turns leaves them; as they are where there is none."""
        made = [registry("attacks").make(parse_spec(spec)) for spec in self._attacks]
        if not made:
            return list(asked)
        out: list[Stimulus | None] = [None] * len(asked)
        for turn, attack in enumerate(made):
            places = list(range(turn, len(asked), len(made)))
            goal = Goal(away_from=self.refusal, reached=_complies, description="an answer that is no refusal")
            result = attack.run(system, [replace(asked[place], goal=goal) for place in places], rng=rng)
            for place, attempt in zip(places, result.attempts, strict=True):
                out[place] = replace(asked[place], clips=attempt.stimulus.clips)
        return [each for each in out if each is not None]

    def _learnt(
        self, watched: Watched, attacked: Sequence[Stimulus], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], list[float]]:
        """The perturbation, and the mean of the last losses of each pass."""
        delta = 0.01 * rng.standard_normal((LONGEST, mask.size)) * mask
        first, second, n_steps = np.zeros_like(delta), np.zeros_like(delta), 0
        means = []
        for _ in range(self.epochs):
            last = []
            for stimulus in attacked:
                for _ in range(self.steps):
                    watched.perturbation = delta
                    loss, gradient = watched.loss_and_gradient(stimulus, self.refusal)
                    if loss < self.stop_at:
                        break
                    n_steps += 1
                    full = np.zeros_like(delta)
                    full[: len(gradient)] = (gradient * mask)[:LONGEST]
                    first = 0.9 * first + 0.1 * full
                    second = 0.999 * second + 0.001 * full**2
                    step = (first / (1 - 0.9**n_steps)) / (np.sqrt(second / (1 - 0.999**n_steps)) + 1e-8)
                    delta = np.clip(delta - self.learning_rate * step, -self.bound, self.bound) * mask
                last.append(loss)
            means.append(float(np.mean(last)))
        return delta.astype(np.float32), means


def salient_bins(jailbreak: NDArray[Any], recognition: NDArray[Any], *, n: int) -> NDArray[np.bool_]:
    """The `n` mel bins that matter most to a jailbreak beside what they matter to recognition.

    Parameters
    ----------
    jailbreak, recognition : array, shape (n_bins,)
        Mean absolute gradients of the two losses, at least 0.

    Returns
    -------
    bool array, shape (n_bins,)
        True where jailbreak / (recognition + 1e-6) is among the `n` largest.
    """
    score = np.asarray(jailbreak, np.float64) / (np.asarray(recognition, np.float64) + 1e-6)
    mask = np.zeros(score.size, dtype=bool)
    mask[np.argsort(-score, kind="stable")[:n]] = True
    return mask


def _complies(answer: str) -> bool:
    return refusal_label(answer) == "compliance"


def _with_features(model: Model) -> None:
    if FEATURES not in model.sites:
        raise BadParameter(
            f"defence 'almguard' needs a model whose spectrum can be changed, with a site {FEATURES!r}; {model.name!r} has "
            f"{', '.join(model.sites) or 'no sites'}"
        )


class Watched:
    """The perturbation that is in force at the spectrum, and the gradient that last came back there."""

    def __init__(self, system: System, key: str) -> None:
        self.perturbation: NDArray[Any] | None = None
        self._gradient: Any = None
        edit = Edit(site=FEATURES, at="all", change=self._changed, key=key, differentiable=True)
        self._system = replace(system, defences=(*system.defences, InForce(edits=(edit,), key=key)))

    def _changed(self, frames: Any) -> Any:
        changed = frames + 0 if self.perturbation is None else perturbed(frames, perturbation=self.perturbation)
        if getattr(changed, "requires_grad", False):
            changed.register_hook(self._keep)
        return changed

    def _keep(self, gradient: Any) -> None:
        self._gradient = gradient

    def loss_and_gradient(self, stimulus: Stimulus, target: str) -> tuple[float, NDArray[np.float64]]:
        """The loss of a target, and its gradient at the spectrum, shape (n_frames, n_bins)."""
        losses, _ = self._system.loss_and_gradient([stimulus], targets=[target])
        return float(losses[0]), np.asarray(self._gradient.numpy(), dtype=np.float64)

    def mean_gradient(self, stimuli: Sequence[Stimulus], targets: Sequence[str]) -> NDArray[np.float64]:
        """The mean absolute gradient of each mel bin, over the frames of each clip and then over clips, shape (n_bins,)."""
        pairs = zip(stimuli, targets, strict=True)
        return np.mean([np.abs(self.loss_and_gradient(*pair)[1]).mean(axis=0) for pair in pairs], axis=0)


def perturbed(frames: Any, *, perturbation: NDArray[Any]) -> Any:
    """A spectrum, shape (n_frames, n_bins), with the perturbation added to as many of its frames as it has; tensors too.

    Raises
    ------
    BadParameter
        If the numbers of mel bins differ.
    """
    n, n_bins = frames.shape
    if n_bins != perturbation.shape[1]:
        raise BadParameter(
            f"the perturbation of almguard has {perturbation.shape[1]} mel bins, and this model hears {n_bins}; fit it on this model"
        )
    whole = np.zeros((n, n_bins), dtype=np.float32)
    whole[: len(perturbation)] = perturbation[:n]
    return frames + (whole if isinstance(frames, np.ndarray) else frames.new_tensor(whole))
