"""Minutes of speech, put together from short recordings at known times.

A *passage* is a row of recordings with equal pauses between them, brought to one level and to 16 kHz; it is exactly as
long as asked. Recordings of one passage come from one data set where that has enough of them. None comes twice before
every other that fits has come once.

A *needle* is a private note (a door code, a birthday) of the data, or of the probe set where the data has none, at a
known time in a passage of other speech.
"""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.audio.levels import scaled_to_dbfs
from earnest.errors import BadAudio, BadParameter
from earnest.records import Item
from earnest.tasks._base import Requirement, Task
from earnest.tasks._items import corpus, duration_s, normal, rng_of, split_of
from earnest.tasks._labels import CAPTIONS, canonical
from earnest.tasks.probe import probe_manifest

SAMPLE_RATE = 16_000
LENGTHS_S = (60.0, 120.0, 300.0)
PLACES = ("beginning", "middle", "end")
"""The thirds of a recording."""

PAUSE_S = 0.6
"""Shortest pause after a recording."""

LEVEL_DBFS = -26.0
SHORTEST_S, LONGEST_S = 1.0, 40.0
"""Recordings that are shorter take no part, nor do longer ones whose words must be known."""

FEWEST_WORDS = 3
"""Texts of fewer words are commands or digits, and no speech to be followed."""

EXCERPT_S = 15.0
"""Of speech that only surrounds a note, no more is heard of one recording, so that a note can stand anywhere."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The first `duration_s` of a recording, at its place."""

    entry: Entry
    duration_s: float
    start_s: float = 0.0


@dataclass(frozen=True)
class Pieces:
    """Recordings that a passage may be made of, and the time that each takes with its pause: float64, shape (n_pieces,)."""

    pieces: tuple[Piece, ...]
    slots_s: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Recordings in a row, `duration_s` long, each followed by a pause of `pause_s`."""

    pieces: tuple[Piece, ...]
    pause_s: float
    duration_s: float

    def clip(self) -> AudioClip:
        """The passage to be heard, rounded to 16 bits; only one recording is in memory beside it.

        Raises
        ------
        BadAudio
            If a recording is silent or cannot be read.
        """
        samples = np.zeros(round(self.duration_s * SAMPLE_RATE), dtype=np.float32)
        for piece in self.pieces:
            start = round(piece.start_s * SAMPLE_RATE)
            heard = _levelled(piece.entry.clip().resampled(SAMPLE_RATE).samples, piece.entry)
            part = samples[start : start + round(piece.duration_s * SAMPLE_RATE)]
            part[: len(heard)] = heard[: len(part)]
        return AudioClip(samples, SAMPLE_RATE).quantised()


@dataclass(frozen=True, kw_only=True)
class Needle:
    """A note in a passage."""

    passage: Passage
    note: Entry
    start_s: float
    place: str
    sample: str


def place_of(time_s: float, *, length_s: float) -> str:
    """The third of the recording that a time lies in."""
    return PLACES[min(2, max(0, int(3.0 * time_s / length_s)))]


def speech_rows(data: Manifest, *, with_text: bool = False) -> list[Entry]:
    """Rows known to be speech: those with a text, a speaker or a language, and no role but that of being read.

    With `with_text` those with a transcript, of at most `LONGEST_S`.
    """
    return data.once(
        ("speech rows", with_text), lambda: [entry for entry in data.entries if _is_speech(entry, with_text=with_text)]
    )


def _is_speech(entry: Entry, *, with_text: bool) -> bool:
    return bool(
        entry.role in (None, "read")
        and (entry.text or (not with_text and (entry.speaker or entry.language)))
        and (entry.text is None or len(entry.text.split()) >= FEWEST_WORDS)
        and canonical(entry.label) not in _NO_SPEECH
        and SHORTEST_S <= (duration_s(entry) or 0.0) <= (LONGEST_S if with_text else math.inf)
    )


_NO_SPEECH = frozenset({*CAPTIONS, "harmful", "spoof"})


def passage(pieces: Pieces, *, length_s: float, rng: np.random.Generator) -> Passage:
    """A passage of whole recordings, drawn; the time that no further one fits into is shared out among the pauses."""
    return _in_a_row(_drawn(pieces, length_s, rng=rng), length_s=length_s)


def pieces_of(rows: Sequence[Entry], *, most_s: float = math.inf) -> Pieces:
    """The recordings as parts of a passage, of which at most `most_s` are played."""
    pieces = tuple(_piece(row, most_s=most_s) for row in rows)
    return Pieces(pieces, np.array([piece.duration_s + PAUSE_S for piece in pieces], dtype=np.float64))


@dataclass(frozen=True, kw_only=True)
class NeedleTask(Task):
    """Base of the tasks that ask for a needle; a subclass says in `question` how.

    Parameters
    ----------
    lengths_s : sequence of float
        Lengths of the recordings in seconds, 10 to 3600.
    n_each : int
        Recordings of each length with the note in each third; they share recordings of other speech.
    """

    pillar: ClassVar[str] = "robustness"
    source: ClassVar[str] = "li2025-audiotrust"
    requires: ClassVar[Requirement] = Requirement(not_labels=("harmful", "spoof"))
    design: ClassVar[str] = "recording of 1 to 40 s that is known to be speech"
    reads: ClassVar[tuple[str, ...]] = ("text", "speaker", "language")

    lengths_s: Sequence[float] = LENGTHS_S
    n_each: int = 3

    def __post_init__(self) -> None:
        checked_lengths(self.name, self.lengths_s)

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        found = needles(data, lengths_s=self.lengths_s, n_each=self.n_each, seed=seed)
        return [long_item(self.name, needle.sample, needle.passage, **self.question(needle)) for needle in found]

    @abc.abstractmethod
    def question(self, needle: Needle) -> dict[str, Any]:
        """Prompt, truth, and what scripted models are told."""

    def stratum(self, item: Item) -> str:
        return f"{item.truth['length_s']:g} {item.truth['place']}"


def needles(data: Manifest, *, lengths_s: Sequence[float], n_each: int, seed: int) -> Sequence[Needle]:
    """Notes in passages: `n_each` for every length and third; alike for every task that asks with equal parameters."""
    key = ("needles", tuple(lengths_s), n_each, seed)
    return data.once(key, lambda: tuple(_needles(data, lengths_s=lengths_s, n_each=n_each, seed=seed)))


def _needles(data: Manifest, *, lengths_s: Sequence[float], n_each: int, seed: int) -> Iterator[Needle]:
    notes = [entry for entry in data.entries if _is_note(entry)]
    notes = notes or [entry for entry in probe_manifest().entries if _is_note(entry)]
    notes = _in_language_of(speech_rows(data), notes) or notes
    fields = {entry.attributes["field"] for entry in notes}
    rows = [row for row in speech_rows(data) if not any(field in normal(row.text) for field in fields)]
    order = rng_of(seed, "needles").permutation(len(notes))
    number = 0
    for length_s, sources in by_length(rows, lengths_s, most_s=EXCERPT_S):
        for third, place in enumerate(PLACES if sources else ()):
            for n in range(n_each):
                sample = f"{length_s:g}s-{place}-{n}"
                note = notes[order[number % len(notes)]]
                source = sources[number % len(sources)]
                rng = rng_of(seed, "needle", sample)
                yield _needle(note, source, third=third, length_s=length_s, rng=rng, sample=sample)
                number += 1


def _in_language_of(rows: Sequence[Entry], notes: Sequence[Entry]) -> list[Entry]:
    """The notes in the language of most of the speech: among it, one in another would stand out by its language."""
    spoken = Counter(_language(row) for row in rows)
    most = spoken.most_common(1)[0][0] if spoken else ""
    return [note for note in notes if _language(note) == most]


def _language(entry: Entry) -> str:
    return (entry.language or "")[:2].lower()


def by_length(
    rows: Sequence[Entry], lengths_s: Sequence[float], *, most_s: float = math.inf
) -> Iterator[tuple[float, list[Pieces]]]:
    """For each length what its passages may be made of: the recordings of each data set that holds at least half of it.

    All recordings as one where no data set does; nothing where there are none.
    """
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(corpus(row), []).append(row)
    sources = [(pieces_of(own, most_s=most_s), sum(duration_s(row) or 0.0 for row in own)) for own in found.values()]
    whole = sources[0][0] if len(sources) == 1 else pieces_of(rows, most_s=most_s)
    for length_s in lengths_s:
        large = [pieces for pieces, held_s in sources if held_s >= length_s / 2]
        yield length_s, large or ([whole] if rows else [])


def long_item(
    task: str, sample: str, passage: Passage, *, prompt: str, truth: dict[str, Any], seen: dict[str, Any]
) -> Item:
    """An item on a passage, which is put together when it is loaded."""

    def load() -> Stimulus:
        return Stimulus(clips={"speech": passage.clip()}, prompt=prompt, truth=seen)

    rows = [piece.entry for piece in passage.pieces]
    length = {
        **split_of(*rows),
        "length_s": passage.duration_s,
        "pause_s": round(passage.pause_s, 3),
        "n_recordings": len(passage.pieces),
    }
    return Item(
        id=f"{task}/{sample}",
        task=task,
        sample=sample,
        load=load,
        truth={**length, **truth},
        cluster=sample,
        prompt=prompt,
        duration_s=passage.duration_s,
        audible="speech",
    )


def checked_lengths(task: str, lengths_s: Sequence[float]) -> None:
    """Refuse lengths that are no seconds from 10 to 3600."""
    if not lengths_s or not all(10.0 <= length <= 3600.0 for length in lengths_s):
        raise BadParameter(
            f"lengths_s of {task} must be seconds from 10 to 3600, got {list(lengths_s)!r}; 60 is a minute"
        )


def _needle(
    note: Entry, pieces: Pieces, *, third: int, length_s: float, rng: np.random.Generator, sample: str
) -> Needle:
    """The note between other recordings, where it begins nearest a time drawn within the third."""
    own = _piece(note)
    others = _drawn(pieces, length_s - _slot_s(own), rng=rng)
    pause_s = (length_s - sum(piece.duration_s for piece in (own, *others))) / (len(others) + 1)
    starts = np.cumsum([0.0, *(piece.duration_s + pause_s for piece in others)])
    wanted_s = length_s * (third + float(rng.uniform(0.15, 0.85))) / 3.0
    place = int(np.abs(starts - wanted_s).argmin())
    made = _in_a_row([*others[:place], own, *others[place:]], length_s=length_s)
    start_s = made.pieces[place].start_s
    return Needle(passage=made, note=note, start_s=start_s, place=place_of(start_s, length_s=length_s), sample=sample)


def _drawn(pieces: Pieces, length_s: float, *, rng: np.random.Generator) -> list[Piece]:
    """Pieces with their pauses that fill a length: every one that fits once, then again, none twice in a row."""
    left = length_s
    chosen: list[int] = []
    while len(fitting := np.flatnonzero(pieces.slots_s <= left)):
        order = fitting[rng.permutation(len(fitting))]
        slots_s, place = pieces.slots_s[order], 0
        while place < len(order):
            fits = slots_s[place:] <= left
            place += int(fits.argmax())  # the next that fits, or the first of those that are left, none of which does
            if slots_s[place] > left:
                break
            if not (chosen and order[place] == chosen[-1] and len(fitting) > 1):
                chosen.append(int(order[place]))
                left -= float(slots_s[place])
            place += 1
    return [pieces.pieces[number] for number in chosen]


def _in_a_row(pieces: Sequence[Piece], *, length_s: float) -> Passage:
    pause_s = (length_s - sum(piece.duration_s for piece in pieces)) / max(1, len(pieces))
    starts = np.cumsum([0.0, *(piece.duration_s + pause_s for piece in pieces)])
    placed = (replace(piece, start_s=round(float(start), 4)) for piece, start in zip(pieces, starts, strict=False))
    return Passage(pieces=tuple(placed), pause_s=pause_s, duration_s=length_s)


def _piece(entry: Entry, *, most_s: float = math.inf) -> Piece:
    return Piece(entry=entry, duration_s=min(most_s, float(duration_s(entry) or 0.0)))


def _slot_s(piece: Piece) -> float:
    return piece.duration_s + PAUSE_S


def _is_note(entry: Entry) -> bool:
    return entry.role == "note" and bool(entry.attributes.get("field") and entry.attributes.get("secret"))


def _levelled(samples: np.ndarray, entry: Entry) -> np.ndarray:
    try:
        return scaled_to_dbfs(samples, LEVEL_DBFS)
    except BadParameter as error:
        raise BadAudio(f"{entry.id} cannot be part of a long recording: {error}") from error
