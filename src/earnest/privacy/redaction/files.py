"""Files redacted: one by one, each written whole or not at all, with nothing of the original but its sound.

Channels are mixed into one, and what else the file held (title, artist, place) is not written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earnest.audio import AudioClip
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.privacy.redaction.redact import Redacted, Redactor


@dataclass(frozen=True)
class RedactedFile:
    """What became of one file.

    Parameters
    ----------
    source, target : Path
    done : Redacted or None
        Without its samples; None where the file could not be read.
    error : str
        Why it could not be read; empty where it could.
    """

    source: Path
    target: Path
    done: Redacted | None
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values; no words."""
        written = self.done is not None and not (self.done.failure and self.done.clip is None)
        told = self.done.as_json() if self.done is not None else {}
        return {
            "source": str(self.source),
            "target": str(self.target) if written else None,
            **told,
            "error": self.error or None,
        }


@dataclass(frozen=True)
class RedactedFiles:
    """What became of all files.

    Parameters
    ----------
    files : tuple of RedactedFile
    """

    files: tuple[RedactedFile, ...]

    @property
    def n_unread(self) -> int:
        """Files that could not be read, and were not written."""
        return sum(one.done is None for one in self.files)

    @property
    def all_verified(self) -> bool:
        """Whether every file was recognised, and its last hearing found nothing more."""
        return all(one.done is not None and one.done.verified for one in self.files)

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "n_files": len(self.files),
            "n_unread": self.n_unread,
            "n_failed": sum(one.done is not None and bool(one.done.failure) for one in self.files),
            "n_verified": sum(one.done is not None and one.done.verified for one in self.files),
            "files": [one.as_json() for one in self.files],
        }

    def as_text(self) -> str:
        """A line for each file, and its spans."""
        return "\n".join(line for one in self.files for line in _lines(one))


def _lines(one: RedactedFile) -> list[str]:
    if one.done is None:
        return [f"{one.source}: not written: {one.error}"]
    if one.done.failure:
        what = "not written" if one.done.clip is None else f"all of it replaced in {one.target}"
        return [f"{one.source}: not recognised, {what}: {one.done.failure}"]
    state = "nothing more was heard" if one.done.verified else "NOT verified: the last hearing still found something"
    total_s = sum(span.end_s - span.start_s for span in one.done.spans)
    head = f"{one.target}: {len(one.done.spans)} spans, {total_s:.1f} s replaced; {state}"
    return [head, *(f"  {span.start_s:8.2f} to {span.end_s:8.2f} s  {span.kind}" for span in one.done.spans)]


def pairs_of(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Each recording and where it is written: a file to a file, the recordings of a folder to the same names in a folder.

    Raises
    ------
    BadData
        If there is nothing to read.
    BadParameter
        If something would be written over, or a file would get an ending that cannot be written.
    """
    if source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        if not found:
            raise BadData(f"the folder {str(source)!r} must hold recordings, got none; name another folder")
        pairs = [(one, target / one.relative_to(source).with_suffix(".wav")) for one in found]
        if len({other for _, other in pairs}) < len(pairs):
            raise BadParameter("recordings of one folder must have different names without their endings; rename some")
    elif source.is_file():
        pairs = [(source, target / source.with_suffix(".wav").name if target.is_dir() else target)]
    else:
        raise BadData(f"a recording or a folder of recordings is needed, and there is no {str(source)!r}")
    for _, other in pairs:
        if other.suffix.lower() not in (".wav", ".flac"):
            raise BadParameter(f"what is redacted is written as .wav or .flac, got {str(other)!r}; give such a name")
        if other.exists():
            raise BadParameter(f"{str(other)!r} exists and would be written over; remove it or give another name")
    return pairs


def redact_files(
    pairs: Sequence[tuple[Path, Path]], redactor: Redactor, *, on_row: Callable[[int, int], None] | None = None
) -> RedactedFiles:
    """Redact each file and write it; one that cannot be read is counted, and the others are done."""
    done = []
    for place, (source, target) in enumerate(pairs):
        done.append(_redacted_file(source, target, redactor))
        if on_row is not None:
            on_row(place + 1, len(pairs))
    return RedactedFiles(tuple(done))


def _redacted_file(source: Path, target: Path, redactor: Redactor) -> RedactedFile:
    try:
        clip = AudioClip.read(source)
    except BadAudio as error:
        return RedactedFile(source, target, None, str(error))
    done = redactor.redacted(clip)
    if done.clip is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        done.clip.write(target)
    return RedactedFile(source, target, done)
