"""Base of detectors by a network that a fit trains: clusters apart, both sides weighing alike, calibrated on a quarter."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.detectors._calibrated import Calibrated, Held, folds
from earnest.detectors._labels import bona_fide_and_spoof, is_bona_fide
from earnest.detectors._windows import Samples, fixed, heard, windows
from earnest.errors import BadData, BadParameter
from earnest.models.access import System

SAMPLE_RATE = 16_000
N_SAMPLES = 64_600
_NETWORK = "network."


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork(Calibrated):
    """Base of detectors by a network that a fit trains.

    A quarter of the rows, whole clusters of speaker and text, is held out for the calibration and the checks. In each
    epoch every other row is heard once, from a place that is drawn where it is longer than a window.

    Parameters
    ----------
    n_epochs, batch_size : int
    learning_rate : float
        Of Adam; it falls to a tenth along a cosine.
    windows : {"first", "all"}
        Whether the first window alone is scored, or the mean over all of the clip.
    """

    window_s: ClassVar[float | None] = N_SAMPLES / SAMPLE_RATE
    sample_rate: ClassVar[int | None] = SAMPLE_RATE
    limits: ClassVar[str] = (
        "learns the sound of its data: other synthesis, codecs, noise and microphones are unknown to it until measured"
    )

    n_epochs: int = 12
    batch_size: int = 16
    learning_rate: float = 3e-4
    windows: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        for name in ("n_epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BadParameter(
                    f"{name} of detector {self.name!r} must be a whole number of at least 1, got {value!r}"
                )
        if not 0 < self.learning_rate <= 1:
            raise BadParameter(
                f"learning_rate of detector {self.name!r} must lie in (0, 1], got {self.learning_rate!r}; 3e-4, say"
            )
        if self.windows not in ("first", "all"):
            raise BadParameter(f"windows of detector {self.name!r} must be first or all, got {self.windows!r}")

    @abc.abstractmethod
    def network(self) -> Any:
        """The network in torch with drawn weights: from `inputs` of n windows to logits of both sides, shape (n, 2)."""

    @abc.abstractmethod
    def inputs(self, window: Samples) -> NDArray[np.float32]:
        """What the network is given of a window of 64,600 samples."""

    def check(self) -> None:
        registry.extra("torch", needed_by=f"detector {self.name!r}")
        super().check()

    def raw(self, clip: AudioClip) -> float:
        """The logit of bona fide speech less that of spoofed speech."""
        return self._raw_of(self._loaded, clip)

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The network trained on three quarters of the rows, and the calibration on the others."""
        torch = registry.extra("torch", needed_by=f"detector {self.name!r}")
        sides = bona_fide_and_spoof(rows)
        both = [*sides[0], *sides[1]]
        fitted_on, held, how = _parted(both, rng)
        with torch.random.fork_rng(devices=[]):  # the global generator is left as it was
            torch.manual_seed(int(rng.integers(2**31)))
            network = self._trained(torch, fitted_on, rng)
        arrays = {f"{_NETWORK}{name}": value.numpy() for name, value in network.state_dict().items()}
        return self.calibrated_artefact(
            [Held(rows=held, raw=lambda clip: self._raw_of(network, clip))],
            arrays,
            rng=rng,
            how=how,
            n_bona_fide=len(sides[0]),
            n_spoof=len(sides[1]),
        )

    def _trained(self, torch: Any, rows: Sequence[Entry], rng: np.random.Generator) -> Any:
        clips = [heard(entry.clip(), SAMPLE_RATE) for entry in rows]
        truth = torch.tensor([int(bool(is_bona_fide(entry))) for entry in rows])
        shares = torch.bincount(truth, minlength=2).float()
        loss_of = torch.nn.CrossEntropyLoss(weight=shares.flip(0) / shares.sum())
        network = self.network().train()
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        n_steps = self.n_epochs * -(-len(rows) // self.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps, eta_min=self.learning_rate / 10)
        for _ in range(self.n_epochs):
            for batch in np.array_split(rng.permutation(len(rows)), -(-len(rows) // self.batch_size)):
                given = np.stack([self.inputs(_drawn(clips[place], rng)) for place in batch])
                optimiser.zero_grad()
                loss_of(network(torch.from_numpy(given)), truth[batch]).backward()
                optimiser.step()
                schedule.step()
        return network.eval().requires_grad_(False)

    def _raw_of(self, network: Any, clip: AudioClip) -> float:
        torch = registry.extra("torch", needed_by=f"detector {self.name!r}")
        found = []
        for window in windows(heard(clip, SAMPLE_RATE), N_SAMPLES, every=self.windows == "all"):
            with torch.inference_mode():
                logits = network(torch.from_numpy(self.inputs(window))[None])[0]
            found.append(float(logits[1] - logits[0]))
        return float(np.mean(found))

    @cached_property
    def _loaded(self) -> Any:
        torch = registry.extra("torch", needed_by=f"detector {self.name!r}")
        shape = type(self)(**self.fitted_parameters)  # sizes are the fit's, whatever is left out here
        state = {
            name.removeprefix(_NETWORK): torch.from_numpy(np.array(array))
            for name, array in self.fitted.arrays.items()
            if name.startswith(_NETWORK)
        }
        network = shape.network()
        try:
            network.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise BadData(
                f"the artefact {self.artefact} holds another network than {self.name!r} of this version; fit anew"
            ) from error
        return network.eval().requires_grad_(False)


def _drawn(samples: Samples, rng: np.random.Generator) -> Samples:
    """A window from a place that is drawn."""
    if len(samples) <= N_SAMPLES:
        return fixed(samples, N_SAMPLES)
    start = int(rng.integers(len(samples) - N_SAMPLES + 1))
    return samples[start : start + N_SAMPLES]


def _parted(rows: Sequence[Entry], rng: np.random.Generator) -> tuple[list[Entry], list[Entry], str]:
    """Rows to train on, rows to calibrate on, and how they were parted."""
    placed = folds(rows, rng)
    for fold in sorted(set(placed.values())):
        inside = [entry for entry in rows if placed[entry.id] != fold]
        held = [entry for entry in rows if placed[entry.id] == fold]
        if all(_enough(part, least) for part, least in ((inside, 1), (held, 2))):
            return inside, held, "a quarter of the rows, of clusters that the network has not learnt from"
    return list(rows), list(rows), "the rows that it was fitted to: too few clusters to hold some out"


def _enough(rows: Sequence[Entry], least: int) -> bool:
    n_ours = sum(bool(is_bona_fide(entry)) for entry in rows)
    return min(n_ours, len(rows) - n_ours) >= least
