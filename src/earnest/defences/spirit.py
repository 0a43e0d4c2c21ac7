"""Neurons that noise moves most are patched, pruned or biased (SPIRIT)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.defences._base import defences
from earnest.defences._inside import PROMPT, Inside, blocks_of, inner, requests
from earnest.errors import BadParameter
from earnest.models.access import Model, System
from earnest.models.edits import Edit


@defences.register("spirit")
@dataclass(frozen=True, kw_only=True)
class Spirit(Inside):
    """The neurons whose activations noise changes most are patched with clean values, pruned, or given a bias.

    A neuron is a number inside a block's perceptron (`mlp.encoder.<k>` or `mlp.decoder.<k>`). Its score is the absolute
    difference of its sums over time, of a clip and of the same clip with noise, summed over the calibration clips. The
    `top_percent` of all neurons of the part with the highest scores are acted on, at every position.

    Parameters
    ----------
    mode : {"patch", "prune", "bias"}
        "patch" puts in the neuron's mean over clean calibration clips, "prune" puts in 0, "bias" adds `bias`.
    part : {"encoder", "decoder"}
        The audio encoder or the language model.
    top_percent : float
        Share of neurons, in percent of all of the part.
    bias : float
        What "bias" adds.
    snr_db : float
        Level of the white noise that the neurons are ranked by.
    prompt : str
        What the model is asked while it is fitted.

    Notes
    -----
    Follows [djanibekov2025-spirit] and its code (mbzuai-nlp/spirit-breaking@e3044bd): the ranking over all layers of a part at
    once, 0.5 percent, bias 1, every position. Departs in when neurons are ranked and with what they are patched: the work
    ranks them for each clip against the same clip in clean form, which a deployed system does not have; here they are ranked
    once, on calibration clips, and patched with a mean. It acts at the generated positions too, where the released code skips
    single tokens.
    """

    source: ClassVar[str] = "djanibekov2025-spirit"
    of_use: ClassVar[tuple[str, ...]] = ("mode", "top_percent", "bias")

    mode: Literal["patch", "prune", "bias"] = "patch"
    part: Literal["encoder", "decoder"] = "encoder"
    top_percent: float = 0.5
    bias: float = 1.0
    snr_db: float = 20.0
    prompt: str = PROMPT

    def __post_init__(self) -> None:
        if self.mode not in ("patch", "prune", "bias") or self.part not in ("encoder", "decoder"):
            raise BadParameter(
                "mode of spirit must be 'patch', 'prune' or 'bias' and part 'encoder' or 'decoder', got "
                f"{self.mode!r} and {self.part!r}"
            )
        if not 0 < self.top_percent <= 100 or not np.isfinite([self.bias, self.snr_db]).all():
            raise BadParameter(
                "top_percent of spirit must lie above 0 and up to 100, bias and snr_db must be finite, got "
                f"{self.top_percent!r}, {self.bias!r} and {self.snr_db!r}"
            )

    def edits(self, learnt: Mapping[str, NDArray[Any]], model: Model) -> list[Edit]:
        """One at each block that has neurons among the top."""
        sites = blocks_of(model, f"mlp.{self.part}")
        chosen = top_neurons([learnt[f"{site}.moved"] for site in sites], percent=self.top_percent)
        edits = []
        for site, where in zip(sites, chosen, strict=True):
            if not where.any():
                continue
            if self.mode == "bias":
                edits.append(Edit.add(site=site, at="all", vector=self.bias * where))
            else:
                values = learnt[f"{site}.clean"] if self.mode == "patch" else np.zeros(where.size)
                edits.append(Edit.replace(site=site, at="all", vector=values, where=where))
        return edits

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """How far noise moves each neuron, and its mean over clean clips."""
        model = inner(system, by="defence 'spirit'")
        asked, _ = requests(rows, prompt=self.prompt, by="defence 'spirit'")
        sites = blocks_of(model, f"mlp.{self.part}")
        noisy = [_with_noise(each, snr_db=self.snr_db, rng=rng) for each in asked]
        moved = {site: np.float64(0) for site in sites}
        sums = {site: np.float64(0) for site in sites}
        n_rows = dict.fromkeys(sites, 0)
        for clean, other in zip(asked, noisy, strict=True):
            (quiet,) = model.activations([clean], sites=sites, at="all")
            (loud,) = model.activations([other], sites=sites, at="all")
            for site in sites:
                total = quiet[site].sum(axis=0, dtype=np.float64)
                moved[site] = moved[site] + np.abs(loud[site].sum(axis=0, dtype=np.float64) - total)
                sums[site], n_rows[site] = sums[site] + total, n_rows[site] + len(quiet[site])
        arrays = {f"{site}.moved": moved[site] for site in sites}
        return self.made(arrays | {f"{site}.clean": sums[site] / n_rows[site] for site in sites})


def top_neurons(moved: Sequence[NDArray[Any]], *, percent: float) -> list[NDArray[np.bool_]]:
    """By block, which neurons are among the top of all blocks together: the whole number below that share, at least one.

    Parameters
    ----------
    moved : sequence of array, shape (n_neurons,)
        Scores, one array a block. Of equal ones the first come first.
    percent : float
        In (0, 100].
    """
    scores = np.concatenate([np.asarray(each, dtype=np.float64) for each in moved])
    n = max(1, int(scores.size * percent / 100))
    where = np.zeros(scores.size, dtype=bool)
    where[np.argsort(-scores, kind="stable")[:n]] = True
    return np.split(where, np.cumsum([len(each) for each in moved])[:-1])


def _with_noise(stimulus: Stimulus, *, snr_db: float, rng: np.random.Generator) -> Stimulus:
    clip: AudioClip = stimulus.clip
    noise = rng.standard_normal(clip.n_samples).astype(np.float32)
    level = float(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64)))) * 10 ** (-snr_db / 20)
    return stimulus.with_clip(clip.with_samples(clip.samples + np.float32(level) * noise))
