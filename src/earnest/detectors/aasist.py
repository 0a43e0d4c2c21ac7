"""AASIST: graph attention over bands and over time, with the checkpoint that a user gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from earnest import registry
from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.detectors._aasist import N_SAMPLES, SAMPLE_RATE, SHAPES, Aasist
from earnest.detectors._base import detectors
from earnest.detectors._calibrated import Calibrated, Held
from earnest.detectors._labels import bona_fide_and_spoof
from earnest.detectors._windows import Samples, heard, load_strictly, state_of, windows
from earnest.errors import BadData, BadParameter, StorageFailed
from earnest.models._onnx import onnx_session
from earnest.models._weights import sha256_of
from earnest.models.access import System

WINDOWS = ("first", "all")
_SOURCE = "weights_sha256"
_INPUT, _OUTPUT = "samples", "logits"


@detectors.register("aasist")
@dataclass(frozen=True, kw_only=True)
class AasistDetector(Calibrated):
    """Whether speech is bona fide, by AASIST with a published checkpoint [jung2021-aasist].

    The raw score is the network's logit of bona fide speech, as its authors evaluate it. Clips are taken at 16 kHz; a
    shorter one is repeated to 64,600 samples. `earnest fit` learns no weights, but the straight line from this score to
    a log-likelihood ratio; without an artefact scores rank and have no threshold. The network is written anew after the
    published architecture; it loads the authors' checkpoints strictly, and its logits are theirs.

    Of data sets that the checkpoint was not trained on the published error rates tell nothing.

    Parameters
    ----------
    weights : str
        The authors' state dictionary (`.pth`), the same as safetensors, or what `export` has written (`.onnx`, which
        needs no torch). Nothing is downloaded.
    windows : {"first", "all"}
        Whether the first window alone is scored, as the authors do, or the mean over all of the clip.
    """

    source: ClassVar[str] = "jung2021-aasist"
    limits: ClassVar[str] = (
        "the checkpoints are of ASVspoof 2019 LA or ASVspoof 5 track 1; other synthesis, codecs and microphones are "
        "unknown to it until measured"
    )
    window_s: ClassVar[float | None] = N_SAMPLES / SAMPLE_RATE
    sample_rate: ClassVar[int | None] = SAMPLE_RATE
    free: ClassVar[frozenset[str]] = frozenset({"checks", "weights"})

    weights: str = ""
    windows: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        if self.windows not in WINDOWS:
            raise BadParameter(
                f"windows of detector {self.name!r} must be {' or '.join(WINDOWS)}, got {self.windows!r}; 'first' is the authors'"
            )

    @property
    def ready(self) -> bool:
        return bool(self.weights)

    @property
    def identity(self) -> str:
        return self._identity

    def check(self) -> None:
        self._logits  # noqa: B018  (a checkpoint that cannot be used is told at once)
        self._check_artefact()

    def raw(self, clip: AudioClip) -> float:
        """The logit of bona fide speech."""
        cut = windows(heard(clip, SAMPLE_RATE), N_SAMPLES, every=self.windows == "all")
        return float(np.mean([self.logits(window)[1] for window in cut]))

    def score(self, clip: AudioClip) -> float:
        self._check_artefact()
        return super().score(clip)

    def logits(self, window: Samples) -> np.ndarray:
        """The logits of spoofed and of bona fide speech for a window of 64,600 samples at 16 kHz, float32, shape (2,)."""
        return self._logits(window)

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The calibration of the checkpoint's scores on these rows; the checkpoint stays as it is."""
        sides = bona_fide_and_spoof(rows)
        digest = np.frombuffer(bytes.fromhex(self._identity), dtype=np.uint8)
        return self.calibrated_artefact(
            [Held(rows=[*sides[0], *sides[1]], raw=self.raw)],
            {_SOURCE: digest},
            rng=rng,
            how="all rows of the split; the checkpoint has learnt from none of them",
        )

    def export(self, to: str | Path) -> Path:
        """Write the network with its weights as ONNX for a window of 64,600 samples, and give the path.

        `weights=` takes the file; onnxruntime runs it several times faster than torch, with scores that are equal to
        1e-4.

        Raises
        ------
        MissingExtra
            If torch or onnx is not installed.
        BadParameter
            If the weights are ONNX already, or the file is not to end in `.onnx`.
        """
        torch, onnx = (registry.extra(name, needed_by=f"export of {self.name!r}") for name in ("torch", "onnx"))
        path = Path(to)
        if self._path.suffix == ".onnx" or path.suffix != ".onnx":
            raise BadParameter(
                f"a checkpoint (.pth or .safetensors) is exported to a file that ends in .onnx, got {self.weights!r} and "
                f"{str(to)!r}; change one"
            )
        network = self._network()
        with warnings.catch_warnings():  # the exporter that needs no further package announces its own end
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                torch.onnx.export(
                    network,
                    (torch.zeros(1, N_SAMPLES),),
                    path,
                    dynamo=False,
                    opset_version=17,
                    input_names=[_INPUT],
                    output_names=[_OUTPUT],
                )
            except OSError as error:
                raise StorageFailed(f"{path} must be writable, got {error}; free some space") from error
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {_SOURCE: self._identity, "network": self.name})
        onnx.save(model, path)
        return path

    def _check_artefact(self) -> None:
        if not self.artefact:
            return
        fitted = bytes(np.asarray(self.fitted.arrays[_SOURCE], dtype=np.uint8)).hex()
        if fitted != self._identity:
            raise BadParameter(
                f"the artefact of {self.name!r} calibrates weights with the SHA-256 {fitted[:16]}, got {self._identity[:16]} "
                f"({self.weights}); give the same weights, or fit anew"
            )

    @property
    def _path(self) -> Path:
        if not self.weights:
            raise BadParameter(
                f"detector {self.name!r} needs its checkpoint: {self.name}:weights=PATH (clovaai/aasist, models/weights)"
            )
        return Path(self.weights).expanduser()

    @cached_property
    def _identity(self) -> str:
        """SHA-256 of the checkpoint; of an export, that of the checkpoint it was made from."""
        if not self._path.is_file():
            raise BadParameter(
                f"weights of detector {self.name!r} must be a file, got {self.weights!r}, which is none; check the path"
            )
        if self._path.suffix == ".onnx":
            return self._session.get_modelmeta().custom_metadata_map[_SOURCE]
        return sha256_of([self._path])

    @cached_property
    def _logits(self) -> Callable[[Samples], np.ndarray]:
        self._identity  # noqa: B018  (a file that is missing is told in the same words for both ways)
        if self._path.suffix == ".onnx":
            session = self._session
            return lambda window: np.asarray(session.run([_OUTPUT], {_INPUT: window[None]})[0][0])
        torch, network = registry.extra("torch", needed_by=f"detector {self.name!r}"), self._network()

        def by_torch(window: Samples) -> np.ndarray:
            with torch.inference_mode():
                found: np.ndarray = network(torch.from_numpy(np.array(window))[None])[0].numpy()
            return found

        return by_torch

    @cached_property
    def _session(self) -> Any:
        try:
            session = onnx_session(self._path, n_threads=1)
            props = session.get_modelmeta().custom_metadata_map
        except Exception as error:  # onnxruntime's own classes share no base
            raise BadData(
                f"{self._path} must be an ONNX network, got {type(error).__name__}: {str(error)[:160]}; export it again"
            ) from error
        if props.get("network") != self.name or _SOURCE not in props:
            raise BadData(
                f"{self._path} must be an export of {self.name!r}, got {props.get('network', 'another network')!r}; "
                "write it with the detector's export"
            )
        return session

    def _network(self) -> Any:
        needed_by = f"detector {self.name!r}"
        state = state_of(self._path, needed_by=needed_by)
        network = Aasist(SHAPES[self.name])
        load_strictly(network, state, path=self._path, needed_by=needed_by)
        return network.eval().requires_grad_(False)
