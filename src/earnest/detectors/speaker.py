"""Whether a voice is the enrolled one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.detectors._base import Detector, detectors
from earnest.detectors._calibrated import CALL_S, calibration, error_rate, error_rate_interval, over_telephone
from earnest.detectors._voice import SAMPLE_RATE, Floats, VoiceSpace, fitted_space, voice_frames
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.models._onnx import onnx_session
from earnest.models._weights import sha256_of
from earnest.models.access import System

N_FOLDS = 4
N_RESAMPLES = 100
_SOURCE = "onnx_sha256"


@detectors.register("speaker")
@dataclass(frozen=True, kw_only=True)
class SpeakerVerifier(Detector):
    """Whether a voice is that of the enrolled speaker: speaker verification.

    `verify(enrolled, clip)` compares a clip with clips of the enrolled speaker. The voice is a vector that is learnt by
    `earnest fit` from any recordings with the column `speaker` (a mixture over cepstra, discriminating directions, and
    the ratio of a Gaussian model of speakers), or the output of a network that a user gives. Ratios are calibrated by
    logistic regression on pairs of speakers that a fold has not learnt from [brummer2006-cllr].

    The vector of its own is small and honest: it is learnt in seconds from a few hundred speakers, and part of what it
    knows is the microphone. Speakers of one recording session each, as in LibriSpeech, flatter it; across sessions and
    channels expect several times the errors. It is no defence against a copied voice: put a spoof detector beside it.

    Parameters
    ----------
    enrolled : str
        A recording of the enrolled speaker, or a folder of them; `score` and `earnest detect` compare with it.
    onnx : str
        A network in ONNX form, from samples at 16 kHz, shape (1, n_samples), to a vector, shape (1, width); vectors are
        compared by their cosine. Empty takes the vector that is learnt here.
    n_components, n_principal, n_directions : int
        Gaussians of the mixture, principal directions of its statistics, and directions that part speakers.
    """

    source: ClassVar[str] = "nagrani2017-voxceleb"
    detects: ClassVar[str] = "another speaker than the enrolled one"
    limits: ClassVar[str] = (
        "knows the microphone as well as the voice: across sessions, channels and languages it is unknown until measured; "
        "a copied voice passes it"
    )
    free: ClassVar[frozenset[str]] = frozenset({"enrolled", "onnx"})
    sample_rate: ClassVar[int | None] = SAMPLE_RATE

    enrolled: str = ""
    onnx: str = ""
    n_components: int = 64
    n_principal: int = 150
    n_directions: int = 60

    def __post_init__(self) -> None:
        for name in ("n_components", "n_principal", "n_directions"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BadParameter(f"{name} of detector 'speaker' must be a whole number of at least 1, got {value!r}")

    @property
    def calibrated(self) -> bool:
        return bool(self.artefact)

    @property
    def ready(self) -> bool:
        return bool(self.artefact or self.onnx) and bool(self.enrolled)

    @property
    def identity(self) -> str:
        return self._onnx_sha if self.onnx else ""

    def check(self) -> None:
        self._compare  # noqa: B018  (what was not fitted or cannot be read is told at once)
        if self.enrolled:
            self._owner  # noqa: B018

    def verify(self, enrolled: Sequence[AudioClip], clip: AudioClip) -> float:
        """Natural log-likelihood ratio of the enrolled speaker against another one; higher means more likely the same.

        With `onnx` and without an artefact it is the cosine of the vectors, which only ranks (`calibrated` is False).

        Raises
        ------
        BadParameter
            If nothing is enrolled, or the detector was not fitted.
        BadAudio
            If a clip is silent.
        """
        if not enrolled:
            raise BadParameter("at least one clip of the enrolled speaker is needed, got none; enrol the owner first")
        joined, compare, scale, offset = self._compare
        owner = joined([self._vector(one) for one in enrolled])
        return float(scale * compare(owner, self._vector(clip)) + offset)

    def score(self, clip: AudioClip) -> float:
        """The ratio of the speaker that `enrolled` names against another one."""
        return self.verify(self._owner, clip)

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The space of voices over all rows, and the calibration on pairs of speakers that a fold has not learnt from.

        Rows of a speaker with a single recording are cut in halves.
        """
        pieces = _pieces(rows)
        speakers = [speaker for speaker, _ in pieces]
        names = sorted(set(speakers))
        if len(names) < 2 * N_FOLDS:
            raise BadData(
                f"rows of {2 * N_FOLDS} speakers at least must be there, got {len(names)}; fill the column speaker"
            )
        fold_of = dict(zip([names[place] for place in rng.permutation(len(names))], np.arange(len(names)) % N_FOLDS))
        clean = [self._given(clip) for _, clip in pieces]
        phone = [self._over_telephone(clip) for _, clip in pieces]
        pairs: list[_Pair] = []
        for fold in range(N_FOLDS if not self.onnx else 1):
            inside = [place for place, name in enumerate(speakers) if self.onnx or fold_of[name] == fold]
            outside = [place for place, name in enumerate(speakers) if fold_of[name] != fold]
            embed, compare = self._learnt_from([clean[p] for p in outside], [speakers[p] for p in outside], rng)
            called = [None if (given := phone[p]) is None else embed(given) for p in inside]
            pairs += _pairs(inside, speakers, [embed(clean[p]) for p in inside], called, compare)
        same = np.array([pair.same for pair in pairs])
        plain = np.array([pair.clean for pair in pairs])
        scale, offset = calibration(bona_fide=plain[same], spoof=plain[~same])
        arrays: dict[str, Any] = {"calibration": np.array([scale, offset])}
        if self.onnx:
            arrays[_SOURCE] = np.frombuffer(bytes.fromhex(self._onnx_sha), dtype=np.uint8)
        else:
            arrays |= self._space(clean, speakers, rng).arrays()
        alarms = scale * plain[same] + offset <= 0
        seconds = float(np.mean([clip.duration_s for _, clip in pieces]))
        checks = {
            "as_it_is": _measured(pairs, [pair.clean for pair in pairs], rng),
            "telephone": _measured(pairs, [pair.phone for pair in pairs], rng),
            "false_alarm_rate": float(alarms.mean()),
            "n_false_alarms": int(alarms.sum()),
            "false_alarms_per_call": round(float(alarms.mean()) * CALL_S / seconds, 2),
            "decision_s": round(seconds, 3),
        }
        return self.made(
            arrays,
            checks=checks,
            calibrated_on="pairs of recordings; the given network has learnt from none of them as far as is known"
            if self.onnx
            else "pairs of speakers that a fold had not learnt from",
            n_speakers=len(names),
            n_recordings=len(pieces),
        )

    # ------------------------------------------------------------ from clips to vectors

    def _given(self, clip: AudioClip) -> Floats:
        """What vectors are made from: frames, or the network's own vector."""
        return self._network(clip) if self.onnx else voice_frames(clip)

    def _over_telephone(self, clip: AudioClip) -> Floats | None:
        """The same over a telephone line; None where a quiet clip is silent there."""
        try:
            return self._given(over_telephone(clip))
        except BadAudio:
            return None

    def _vector(self, clip: AudioClip) -> Floats:
        return self._network(clip) if self.onnx else self._kept.vector(voice_frames(clip))

    def _space(self, frames: Sequence[Floats], speakers: Sequence[str], rng: np.random.Generator) -> VoiceSpace:
        return fitted_space(
            frames,
            speakers,
            n_components=self.n_components,
            n_principal=self.n_principal,
            n_directions=self.n_directions,
            rng=rng,
        )

    def _learnt_from(
        self, given: Sequence[Floats], speakers: Sequence[str], rng: np.random.Generator
    ) -> tuple[Callable[[Floats], Floats], Callable[[Floats, Floats], float]]:
        if self.onnx:
            return (lambda vector: vector), _cosine
        space = self._space(given, speakers, rng)
        return space.vector, space.ratio

    @cached_property
    def _kept(self) -> VoiceSpace:
        arrays = self.fitted.arrays
        if "directions" not in arrays:
            raise BadParameter(
                "this artefact of 'speaker' calibrates a network that was given; give onnx= again, or fit without it"
            )
        return VoiceSpace.of({name: value for name, value in arrays.items() if name != "calibration"})

    @cached_property
    def _compare(self) -> tuple[Callable[..., Floats], Callable[[Floats, Floats], float], float, float]:
        """How vectors are joined and compared, and the straight line of the calibration."""
        if self.onnx and not self.artefact:
            self._session  # noqa: B018
            return _mean_direction, _cosine, 1.0, 0.0
        scale, offset = (float(value) for value in np.asarray(self.fitted.arrays["calibration"]))
        if not self.onnx:
            return self._kept.joined, self._kept.ratio, scale, offset
        if bytes(np.asarray(self.fitted.arrays.get(_SOURCE, ()), dtype=np.uint8)).hex() != self._onnx_sha:
            raise BadParameter(
                f"the artefact of 'speaker' calibrates another network than {self.onnx}; give that one, or fit anew"
            )
        return _mean_direction, _cosine, scale, offset

    @cached_property
    def _owner(self) -> tuple[AudioClip, ...]:
        if not self.enrolled:
            raise BadParameter(
                "detector 'speaker' compares with an enrolled voice: give enrolled=PATH (a recording or a folder of them)"
            )
        place = Path(self.enrolled).expanduser()
        paths = [place]
        if place.is_dir():
            paths = sorted(path for path in place.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
        if not paths:
            raise BadData(f"{self.enrolled!r} must hold recordings of the enrolled speaker, got none; add some")
        return tuple(AudioClip.read(path) for path in paths)

    @cached_property
    def _onnx_sha(self) -> str:
        path = Path(self.onnx).expanduser()
        if not path.is_file():
            raise BadParameter(f"onnx of detector 'speaker' must be a file, got {self.onnx!r}, which is none; check it")
        return sha256_of([path])

    @cached_property
    def _session(self) -> Any:
        self._onnx_sha  # noqa: B018  (whether there is such a file)
        try:
            session = onnx_session(Path(self.onnx).expanduser(), n_threads=1)
        except Exception as error:  # onnxruntime's own classes share no base
            raise BadData(
                f"{self.onnx} must be an ONNX network, got {type(error).__name__}: {str(error)[:160]}"
            ) from error
        if len(session.get_inputs()) != 1 or len(session.get_inputs()[0].shape) != 2:
            shapes = ", ".join(f"{one.name} {one.shape}" for one in session.get_inputs())
            raise BadData(f"{self.onnx} must take samples of shape (1, n_samples), got {shapes}; wrap the network")
        return session

    def _network(self, clip: AudioClip) -> Floats:
        if clip.peak == 0.0:
            raise BadAudio("a clip must hold a voice to be compared, got silence")
        samples = clip.resampled(SAMPLE_RATE).samples
        name = self._session.get_inputs()[0].name
        vector = np.asarray(self._session.run(None, {name: samples[None]})[0], dtype=np.float64).ravel()
        if not np.isfinite(vector).all() or not vector.any():
            raise BadAudio(f"{self.onnx} gives no finite vector for this clip; is it too short?")
        return vector


@dataclass(frozen=True)
class _Pair:
    same: bool
    clean: float
    phone: float | None
    cluster: str


def _pieces(rows: Sequence[Entry]) -> list[tuple[str, AudioClip]]:
    """Each recording with its speaker; those of a speaker with one alone are cut in halves."""
    by_speaker: dict[str, list[AudioClip]] = {}
    for entry in rows:
        if entry.speaker:
            by_speaker.setdefault(entry.speaker, []).append(entry.clip())
    found = []
    for speaker, clips in by_speaker.items():
        if len(clips) == 1:
            half = clips[0].n_samples // 2
            clips = [clips[0].with_samples(clips[0].samples[:half]), clips[0].with_samples(clips[0].samples[half:])]
        found += [(speaker, clip) for clip in clips if clip.peak > 0]
    return found


def _pairs(
    places: Sequence[int],
    speakers: Sequence[str],
    clean: Sequence[Floats],
    phone: Sequence[Floats | None],
    compare: Callable[[Floats, Floats], float],
) -> list[_Pair]:
    found = []
    for a in range(len(places)):
        for b in range(a + 1, len(places)):
            called = phone[b]
            found.append(
                _Pair(
                    same=speakers[places[a]] == speakers[places[b]],
                    clean=compare(clean[a], clean[b]),
                    phone=None if called is None else compare(clean[a], called),
                    cluster=speakers[places[a]],
                )
            )
    return found


def _measured(pairs: Sequence[_Pair], scores: Sequence[float | None], rng: np.random.Generator) -> dict[str, Any]:
    """The equal error rate over pairs, with an interval by the first speaker of each."""
    kept = [(score, pair) for score, pair in zip(scores, pairs, strict=True) if score is not None]
    table = np.array([[score, float(pair.same)] for score, pair in kept])
    clusters = [pair.cluster for _, pair in kept]
    low, high = error_rate_interval(table, clusters=clusters, rng=rng, n_resamples=N_RESAMPLES)
    n_same = int(table[:, 1].sum())
    return {
        "equal_error_rate": round(error_rate(table), 4),
        "low": low,
        "high": high,
        "n_clusters": len(set(clusters)),
        "n_bona_fide": n_same,
        "n_spoof": len(kept) - n_same,
        "n_unscored": len(pairs) - len(kept),
    }


def _mean_direction(vectors: Sequence[Floats]) -> Floats:
    mean: Floats = np.mean([vector / max(float(np.linalg.norm(vector)), 1e-12) for vector in vectors], axis=0)
    return mean


def _cosine(first: Floats, second: Floats) -> float:
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-12))
