"""Streams: any cutting, side by side, by hand, and as detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.detectors import detectors
from earnest.errors import BadParameter
from earnest.registry import names
from earnest.streams import Stream, streams
from earnest.testing import check_stream
from earnest.testing.toys import toy_stimulus


@pytest.mark.parametrize("name", names("streams"))
def test_streams(name: str) -> None:
    check_stream(streams.get(name))


@pytest.mark.parametrize(
    "spec", ["changes:window_ms=20,hop_ms=7", "changes:window_ms=100,hop_ms=100", "changes:window_ms=0.1,hop_ms=0.1"]
)
def test_streams_with_parameters(spec: str) -> None:
    check_stream(streams.make(spec), clip=toy_stimulus(n_samples=1700).clip)


@dataclass(frozen=True, kw_only=True)
class Sums(Stream):
    """The sum of a window, plus ten times how many came before."""

    source: ClassVar[str] = "example2026-sums"
    window_ms: float = 4.0
    hop_ms: float = 3.0

    def begin(self) -> int:
        return 0

    def hear(self, window: Any, *, state: int, sample_rate: int, rng: np.random.Generator) -> tuple[float, int]:
        return float(window.sum()) + 10 * state, state + 1


def test_windows_by_hand() -> None:
    """At 1 kHz, four samples every three: 1234, 4567, 789 and silence; a tenth sample would fill the third."""
    stream = Sums()
    clip = AudioClip(np.arange(1, 10, dtype=np.float32), 1000)
    assert [(w.number, w.start_s, w.end_s, w.value) for w in stream.heard(clip)] == [
        (0, 0.0, 0.004, 10.0),
        (1, 0.003, 0.007, 10 + 22.0),
        (2, 0.006, 0.009, 20 + 24.0),
    ]
    hearing = stream.open(sample_rate=1000)
    assert hearing.push(clip.samples[:3]) == [] and [w.number for w in hearing.push(clip.samples[3:7])] == [0, 1]
    assert hearing.close() == [], "the seventh sample was the last of the second window"
    assert stream.heard(clip.with_samples(clip.samples[:1]))[0].value == 1.0
    assert stream.open(sample_rate=1000).close() == []


def test_what_a_stream_refuses() -> None:
    hearing = Sums().open(sample_rate=1000)
    for frame in (np.zeros((2, 4), np.float32), [np.nan]):
        with pytest.raises(BadParameter, match="finite array"):
            hearing.push(frame)  # type: ignore[arg-type]
    hearing.close()
    with pytest.raises(BadParameter, match="was closed"):
        hearing.push(np.zeros(1, np.float32))
    with pytest.raises(BadParameter, match="a hop no longer than one"):
        Sums(hop_ms=5.0)


@pytest.fixture
def registered() -> Any:
    made: list[str] = []

    def register(cls: type) -> type:
        made.append(cls.__name__.lower())
        return streams.register(made[-1])(cls)

    yield register
    for name in made:
        del streams._found[name]


def test_the_contract_sees_state_that_streams_share(registered: Any) -> None:
    counts = {"n": 0}

    @registered
    @dataclass(frozen=True, kw_only=True)
    class Shared(Stream):
        """Counts windows of all streams."""

        source: ClassVar[str] = "example2026-shared"

        def hear(self, window: Any, *, state: Any, sample_rate: int, rng: Any) -> tuple[float, Any]:
            counts["n"] += 1
            return float(counts["n"]), None

    with pytest.raises(AssertionError, match="must give the windows of the whole"):
        check_stream(Shared)


def test_the_contract_sees_a_stream_that_cuts_by_itself(registered: Any) -> None:
    from earnest.streams import Hearing

    class ByFrame(Hearing):
        def push(self, frame: Any) -> list[Any]:
            self._n_samples += len(frame)
            return [self._next_window(np.resize(frame, self._length))] if len(frame) else []

    @registered
    @dataclass(frozen=True, kw_only=True)
    class Cuts(Stream):
        """Hears frames as they come."""

        source: ClassVar[str] = "example2026-cuts"

        def hear(self, window: Any, *, state: Any, sample_rate: int, rng: Any) -> tuple[float, Any]:
            return float(np.abs(window).sum()), None

        def open(self, *, sample_rate: int, seed: int = 0, name: str = "") -> Hearing:
            return ByFrame(self, sample_rate=sample_rate, seed=seed, name=name)

    with pytest.raises(AssertionError, match=r"frames of \(1,\) samples must give the windows of the whole"):
        check_stream(Cuts)


def test_draws_are_by_seed_stream_and_number(registered: Any) -> None:
    @registered
    @dataclass(frozen=True, kw_only=True)
    class Draws(Stream):
        """One draw a window, and in every second window one more."""

        source: ClassVar[str] = "example2026-draws"

        def hear(self, window: Any, *, state: Any, sample_rate: int, rng: np.random.Generator) -> tuple[float, Any]:
            value = float(rng.random())
            return value, rng.random() if int(value * 10) % 2 else None

    check_stream(Draws)
    clip = toy_stimulus(n_samples=5000).clip
    one, two, seeded = (
        [window.value for window in Draws().heard(clip, seed=seed, name=name)]
        for seed, name in ((0, "a"), (0, "b"), (1, "a"))
    )
    assert len({*one, *two, *seeded}) == len(one) * 3


def test_a_splice_is_a_change_and_steady_noise_is_not() -> None:
    """Half a second of each: white noise throughout, and white noise that goes on as a hum."""
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(16_000)).astype(np.float32)
    hum = (0.1 * np.sin(2 * np.pi * 300 * np.arange(8000) / 16_000)).astype(np.float32)
    steady, spliced = AudioClip(noise, 16_000), AudioClip(np.concatenate([noise[:8000], hum]), 16_000)
    found = detectors.make("stream:of=changes")
    assert found.score(steady) == 0.0 and found.score(spliced) < -20
    windows = streams.make("changes").heard(spliced)
    assert [window.value < 0 for window in windows if window.end_s <= 0.5] == [False] * sum(
        w.end_s <= 0.5 for w in windows
    )


def test_the_sum_is_pages() -> None:
    """Bands 10 dB apart at a drift of 6 dB: each window adds 4, until the mean has followed; a like window takes 6 away."""
    stream = streams.make("changes:drift_db=6,memory=0.0")
    low, high = (np.sin(2 * np.pi * f * np.arange(1024) / 16_000).astype(np.float32) for f in (300, 6000))
    rng, state = np.random.default_rng(0), stream.begin()
    value, state = stream.hear(low, state=state, sample_rate=16_000, rng=rng)
    assert value == 0.0
    jump, state = stream.hear(high, state=state, sample_rate=16_000, rng=rng)
    assert jump < -6
    after, state = stream.hear(high, state=state, sample_rate=16_000, rng=rng)
    assert after == pytest.approx(min(0.0, jump + 6))


def test_a_stream_without_a_name_is_refused_as_a_detector() -> None:
    with pytest.raises(BadParameter, match="no stream is called 'chnages'; did you mean 'changes'"):
        detectors.make("stream:of=chnages")
    with pytest.raises(BadParameter, match="nothing fitted of its own"):
        detectors.make("stream:artefact=abc")
