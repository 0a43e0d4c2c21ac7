"""The contracts of detectors and of streams; see `earnest.testing.contracts`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.detectors import Detector, detectors
from earnest.streams import Stream, Window, streams
from earnest.testing.contracts import _check_plugin, _expect, _untouched
from earnest.testing.toys import toy_stimulus

CUTTINGS = ((1,), (7, 160, 1, 0, 333), (512,), (100_000,))
"""Lengths of frames, in turn, in which a stream must hear the same."""


def check_detector(
    detector: Detector | type[Detector], *, rows: Sequence[Entry] = (), clips: Sequence[AudioClip] = ()
) -> None:
    """Check that a detector states what it must, and that its scores can be trusted.

    It is registered, documented, a frozen keyword-only dataclass, and its specification makes it again; a clip has one finite
    score, whatever was scored before it; clips and global randomness are untouched; its card can be written down. Given rows,
    one that learns is fitted twice, and one seed gives one artefact, which is of its own kind.

    Parameters
    ----------
    detector : Detector or its class
        A class is built with its defaults; one that learns is only scored where it has an artefact, one of videos not at all.
    rows : sequence of Entry
        To fit on.
    clips : sequence of AudioClip
        To score; none takes toys.
    """
    detector = detector() if isinstance(detector, type) else detector
    _check_plugin(detector, detectors)
    json.dumps(detector.card.as_json(), allow_nan=False)
    if rows and detector.learns:
        made = [detector.fit(list(rows), None, np.random.default_rng(3)) for _ in range(2)]
        _expect(
            isinstance(made[0], Artefact), f"{detector.name}: fit must return an Artefact, got {type(made[0]).__name__}"
        )
        assert made[0] is not None and made[1] is not None
        _expect(
            made[0] == made[1], f"{detector.name}: two fits with one seed must give one artefact; draw from rng alone"
        )
        own = (made[0].kind, made[0].name)
        _expect(
            own == ("detectors", detector.name),
            f"{detector.name}: fit must return its own artefact, got one of {'/'.join(own)}",
        )
    if detector.takes != "audio" or not detector.ready:
        return
    stimuli = [toy_stimulus(seed=seed, n_samples=8000 + 160 * seed) for seed in range(3)]
    heard = list(clips) or [stimulus.clip for stimulus in stimuli]
    with _untouched(stimuli):
        first = [detector.score(clip) for clip in heard]
        again = [detector.score(clip) for clip in reversed(heard)][::-1]
    _expect(
        all(isinstance(score, float) and math.isfinite(score) for score in first),
        f"{detector.name}: scores must be finite floats, got {first}",
    )
    _expect(
        first == again,
        f"{detector.name}: a clip must have one score whatever was scored before, got {first} and {again}",
    )


def check_stream(stream: Stream | type[Stream], *, clip: AudioClip | None = None) -> None:
    """Check that a stream hears the same in any cutting, and that streams side by side know nothing of each other.

    It is registered, documented, a frozen keyword-only dataclass, and its specification makes it again; frames of one sample, of
    mixed lengths, empty ones and one frame for all give equal windows; two streams heard in turn give what each gives
    alone; a stream of another name draws its own; a copy goes on as the original does; nothing that it is given is changed.

    Parameters
    ----------
    stream : Stream or its class
    clip : AudioClip or None
        What is heard; None takes a toy of a third of a second or four windows, whichever is longer.
    """
    stream = stream() if isinstance(stream, type) else stream
    _check_plugin(stream, streams)
    if clip is None:
        n_samples = max(5300, round(16 * 4.3 * stream.window_ms))
        clip = toy_stimulus(seed=5, n_samples=n_samples).clip
    stimuli = [toy_stimulus()]
    with _untouched(stimuli):
        whole = stream.heard(clip, seed=2, name="one")
        _expect(bool(whole), f"{stream.name}: a clip of {clip.duration_s:g} s must give a window, got none")
        for cutting in CUTTINGS:
            _expect(
                _cut(stream, clip, cutting) == whole,
                f"{stream.name}: frames of {cutting} samples must give the windows of the whole",
            )
        _check_side_by_side(stream, clip, whole)
    json.dumps(stream.summary(whole), allow_nan=False)


def _cut(stream: Stream, clip: AudioClip, cutting: Sequence[int]) -> list[Window]:
    hearing, place, turn, found = stream.open(sample_rate=clip.sample_rate, seed=2, name="one"), 0, 0, []
    while place < clip.n_samples:
        length = cutting[turn % len(cutting)]
        found += hearing.push(clip.samples[place : place + length])
        place, turn = place + length, turn + 1
    return [*found, *hearing.close()]


def _check_side_by_side(stream: Stream, clip: AudioClip, whole: list[Window]) -> None:
    """Another stream, of other samples, heard in turn with this one; and a copy in the middle."""
    other = clip.with_samples((0.5 * clip.samples[::-1]).copy())
    alone = stream.heard(other, seed=2, name="two")
    mine, theirs = (stream.open(sample_rate=clip.sample_rate, seed=2, name=name) for name in ("one", "two"))
    found: tuple[list[Window], list[Window]] = ([], [])
    twin, half = None, clip.n_samples // 2
    for place in range(0, clip.n_samples, 400):
        if place >= half and twin is None:
            twin, n_before = mine.copy(), len(found[0])
            rest = [*twin.push(clip.samples[place:]), *twin.close()]
            _expect(found[0][:n_before] + rest == whole, f"{stream.name}: a copy must go on as the stream does")
        for hearing, samples, windows in ((mine, clip.samples, found[0]), (theirs, other.samples, found[1])):
            windows += hearing.push(samples[place : place + 400])
    for hearing, windows, expected in ((mine, found[0], whole), (theirs, found[1], alone)):
        windows += hearing.close()
        _expect(
            windows == expected,
            f"{stream.name}: streams side by side must give what each gives alone; keep all that changes in the state",
        )
