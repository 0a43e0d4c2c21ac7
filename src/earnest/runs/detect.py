"""`earnest detect`: the scores that one detector gives to files, with what must be known to read them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from earnest.artefacts import load, pinned
from earnest.audio import AudioClip
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.audio.video import VIDEO_SUFFIXES
from earnest.detectors import Card, Detector, detectors
from earnest.errors import BadAudio, BadData, ModelFailed
from earnest.registry import parse_spec


@dataclass(frozen=True, kw_only=True)
class FileScore:
    """What a detector gives to one file.

    Parameters
    ----------
    file : str
    score : float or None
        Higher means more likely bona fide; None where the file could not be scored.
    log_likelihood_ratio : float or None
        The score, where the detector is calibrated: natural logarithm, of bona fide against what it detects.
    decision : {"bona_fide", "detected"} or None
        By the threshold; None where there is none, or no score.
    duration_s, heard_s : float or None
        Length of the recording, and of what the score was made from.
    compute_s : float or None
        Processor time that scoring took.
    notes : tuple of str
        What was done to the clip, and what was not heard.
    error : str
        Why there is no score; empty where there is one.
    """

    file: str
    score: float | None = None
    log_likelihood_ratio: float | None = None
    decision: str | None = None
    duration_s: float | None = None
    heard_s: float | None = None
    compute_s: float | None = None
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Detected:
    """The scores of all files, the threshold, and the detector's card.

    Parameters
    ----------
    detector : str
        Specification, its artefact by SHA-256.
    threshold : float or None
    card : Card
    files : tuple of FileScore
    """

    detector: str
    threshold: float | None
    card: Card
    files: tuple[FileScore, ...]

    @property
    def n_unscored(self) -> int:
        """Files without a score."""
        return sum(bool(one.error) for one in self.files)

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "detector": self.detector,
            "threshold": self.threshold,
            "n_files": len(self.files),
            "n_unscored": self.n_unscored,
            "files": [asdict(one) for one in self.files],
            "card": self.card.as_json(),
        }

    def as_text(self) -> str:
        """The scores for a terminal, then the limits of the detector."""
        kind = (
            "log-likelihood ratio (natural logarithm)"
            if self.card.calibrated
            else "score, not calibrated: it only ranks"
        )
        lines = [f"{self.detector}: {kind}; higher means more likely bona fide"]
        lines.append(
            "no threshold: set one on data of your own"
            if self.threshold is None
            else f"threshold {self.threshold:g}: at or below it, {self.card.detects}"
        )
        lines += [line for one in self.files for line in _lines_of(one, self.card.detects)]
        if self.n_unscored:
            lines.append(f"{self.n_unscored} of {len(self.files)} files could not be scored")
        return "\n".join([*lines, *_limits(self.card)])


def detect(files: Iterable[str | Path], detector: str | Detector, *, threshold: float | None = None) -> Detected:
    """The scores of files by a detector.

    Parameters
    ----------
    files : iterable of path
        Recordings, or folders whose recordings are taken in the order of their names.
    detector : str or Detector
        `lfcc_gmm:artefact=fitted`, say.
    threshold : float or None
        Scores at or below it count as detected; None takes the detector's own.

    Raises
    ------
    BadParameter, BadData, MissingExtra
        If the detector cannot be used: it is not fitted, a checkpoint is another network's, an extra is missing.
    BadData
        If there are no files.
    """
    made, name = _made(detector)
    paths = _recordings(files, suffixes=VIDEO_SUFFIXES if made.takes == "video" else AUDIO_SUFFIXES)
    made.check()
    threshold = made.threshold if threshold is None else threshold
    found = tuple(_scored(path, made, threshold) for path in paths)
    return Detected(detector=name, threshold=threshold, card=made.card, files=found)


def _made(detector: str | Detector) -> tuple[Detector, str]:
    if isinstance(detector, Detector):
        return detector, str(detector.spec)
    spec, _ = pinned(parse_spec(detector), load)
    return detectors.make(spec), str(spec)


def _recordings(files: Iterable[str | Path], *, suffixes: Collection[str]) -> list[Path]:
    paths: list[Path] = []
    for given in map(Path, files):
        inside = sorted(path for path in given.rglob("*") if path.suffix.lower() in suffixes) if given.is_dir() else []
        if given.is_dir() and not inside:
            raise BadData(f"the folder {str(given)!r} must hold recordings, got none; name files, or another folder")
        paths += inside or [given]
    if not paths:
        raise BadData("at least one recording must be given, got none; name files or a folder")
    return paths


def _scored(path: Path, detector: Detector, threshold: float | None) -> FileScore:
    one, begun = FileScore(file=str(path)), time.process_time()
    try:
        if detector.takes == "video":
            score = float(detector.score_file(path))  # type: ignore[attr-defined]
        else:
            clip = AudioClip.read(path)
            one = replace(
                one,
                duration_s=round(clip.duration_s, 3),
                heard_s=round(_heard_s(clip, detector), 3),
                notes=_notes(clip, detector),
            )
            begun = time.process_time()
            score = float(detector.score(clip))
    except (BadAudio, ModelFailed) as error:
        return replace(one, heard_s=None, error=str(error))
    took = time.process_time() - begun
    decision = None if threshold is None else "bona_fide" if score > threshold else "detected"
    return replace(
        one,
        score=score,
        log_likelihood_ratio=score if detector.calibrated else None,
        decision=decision,
        compute_s=round(took, 4),
    )


def _heard_s(clip: AudioClip, detector: Detector) -> float:
    first_only = detector.window_s is not None and getattr(detector, "windows", "all") == "first"
    return min(clip.duration_s, detector.window_s or clip.duration_s) if first_only else clip.duration_s


def _notes(clip: AudioClip, detector: Detector) -> tuple[str, ...]:
    notes = []
    rate, wanted = clip.sample_rate, detector.sample_rate
    if wanted is not None and rate != wanted:
        missing = f"; above {rate // 2:,} Hz there is nothing to hear" if rate < wanted else ""
        notes.append(f"resampled from {rate:,} to {wanted:,} Hz inside{missing}")
    heard_s = _heard_s(clip, detector)
    if heard_s < clip.duration_s:
        notes.append(
            f"the first {heard_s:.2f} s of {clip.duration_s:.2f} s were heard; windows=all takes the whole recording"
        )
    elif detector.window_s is not None and clip.duration_s < detector.window_s:
        notes.append(f"{clip.duration_s:.2f} s were repeated to fill a window of {detector.window_s:.2f} s")
    return tuple(notes)


def _lines_of(one: FileScore, detects: str) -> list[str]:
    if one.error:
        return [f"{one.file}: not scored: {one.error}"]
    says = {"bona_fide": "above the threshold", "detected": detects}.get(one.decision or "", "no decision")
    audio = f"{one.duration_s:.2f} s of audio, " if one.duration_s is not None else ""
    line = f"{one.file}: {one.score:+.3f}  {says}  ({audio}{one.compute_s:.2f} s of processor time)"
    return [line, *(f"    {note}" for note in one.notes)]


def _limits(card: Card) -> Sequence[str]:
    """What a card says of when its detector can be relied on."""
    told = card.as_json()
    conditions = [f"  {name}: {value}" for name, value in told["conditions"].items()]
    alarms = told["false_alarms_per_call"]
    per_call = alarms if isinstance(alarms, str) else f"{alarms:g} expected on bona fide speech"
    return [
        "limits",
        *([f"  {card.note}"] if card.note else []),
        f"  window: {'the whole recording' if card.window_s is None else f'{card.window_s:.2f} s'}",
        f"  false alarms in a call of five minutes: {per_call}",
        *conditions,
    ]
