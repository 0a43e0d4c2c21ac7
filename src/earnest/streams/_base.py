"""What every stream is: a method that is given windows, and the one place where frames are cut into them.

Frames come in any cutting; a method never sees it. The base class cuts what it is given into windows of one length at one hop,
and hands each to `hear` with the state of this stream and a generator that depends on the seed, the stream's name and the
window's number alone. So the same samples give the same windows and the same values however they were cut, streams that are
heard side by side know nothing of each other, and a window can be heard again alone if the state before it is known.

Windows begin at multiples of the hop from the first sample. What is left at the end, and belongs to no whole window, is heard as a
last one that is followed by silence.
"""

from __future__ import annotations

import abc
import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.errors import BadParameter
from earnest.models.access import rng_for
from earnest.registry import Registry, Spec

streams = Registry("streams")

Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Window:
    """What was said of one window.

    Parameters
    ----------
    number : int
        From 0.
    start_s, end_s : float
        Of what was heard of the stream; the last window may end before it is full.
    value : float
        Finite; higher means more likely bona fide, as with detectors.
    """

    number: int
    start_s: float
    end_s: float
    value: float


@dataclass(frozen=True, kw_only=True)
class Stream(abc.ABC):
    """Base of the streams; subclasses are frozen keyword-only dataclasses under `@streams.register(name)`.

    A subclass states `source` and implements `hear`; one that remembers implements `begin`. Everything that changes while it
    listens is in the state: the stream itself is shared by all that are open.

    Parameters
    ----------
    window_ms, hop_ms : float
        Length of a window, and from one beginning to the next; a hop is at most a window.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""

    window_ms: float = 32.0
    hop_ms: float = 32.0

    def __post_init__(self) -> None:
        if not 0 < self.hop_ms <= self.window_ms <= 60_000:
            raise BadParameter(
                f"windows of stream {self.name!r} must be above 0 ms and at most a minute, and a hop no longer than one, got window_ms="
                f"{self.window_ms} and hop_ms={self.hop_ms}"
            )

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        return Spec.of(self)

    def begin(self) -> Any:
        """The state of a stream before its first window; by default None. It may be changed in place."""
        return None

    @abc.abstractmethod
    def hear(self, window: Samples, *, state: Any, sample_rate: int, rng: np.random.Generator) -> tuple[float, Any]:
        """What is said of a window, and the state after it.

        Parameters
        ----------
        window : float32 array, shape (n_samples,)
            Read-only.
        state : object
            What `begin`, or the window before, gave.
        sample_rate : int
            In Hz.
        rng : numpy.random.Generator
            The only source of randomness; the same for this window of this stream whatever was drawn before.

        Returns
        -------
        value : float
        state : object
        """

    def summary(self, windows: list[Window]) -> float:
        """One number for all windows of a stream; by default their mean."""
        return float(np.mean([window.value for window in windows]))

    def open(self, *, sample_rate: int, seed: int = 0, name: str = "") -> Hearing:
        """A stream that is heard from its beginning.

        Parameters
        ----------
        sample_rate : int
            Of its frames, in Hz.
        seed : int
        name : str
            What tells it from other streams: each draws by its own.
        """
        return Hearing(self, sample_rate=sample_rate, seed=seed, name=name)

    def heard(self, clip: AudioClip, *, seed: int = 0, name: str = "") -> list[Window]:
        """Every window of a whole clip."""
        hearing = self.open(sample_rate=clip.sample_rate, seed=seed, name=name)
        return [*hearing.push(clip.samples), *hearing.close()]


class Hearing:
    """One open stream: what of it was not yet heard, and the method's state. For one thread at a time."""

    def __init__(self, stream: Stream, *, sample_rate: int, seed: int, name: str) -> None:
        self.stream, self.sample_rate, self.seed, self.name = stream, int(sample_rate), seed, name
        self._length, self._hop = (
            max(1, round(ms * self.sample_rate / 1000)) for ms in (stream.window_ms, stream.hop_ms)
        )
        self._held: list[Samples] = []
        self._n_held = 0
        self._number, self._n_samples, self._closed = 0, 0, False
        self._state = stream.begin()

    def push(self, frame: Samples) -> list[Window]:
        """The windows that a frame completes, in order; a frame may have any length, none included.

        Raises
        ------
        BadParameter
            If it is no list of finite numbers, or the stream was closed.
        """
        if self._closed:
            raise BadParameter(f"stream {self.name!r} was closed, and is given another frame; open another one")
        samples = np.array(frame, dtype=np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise BadParameter(
                f"a frame must be a finite array of shape (n_samples,), got shape {samples.shape}; mix channels down first"
            )
        self._held.append(samples)
        self._n_held += samples.size
        self._n_samples += samples.size
        return self._whole_windows() if self._n_held >= self._length else []

    def close(self) -> list[Window]:
        """The last window, where samples are left that no window has had, else none; the stream is over then."""
        if self._closed:
            return []
        held = np.concatenate(self._held) if self._held else np.zeros(0, np.float32)
        fresh = held.size > (self._length - self._hop if self._number else 0)
        last = [self._next_window(np.pad(held, (0, self._length - held.size)))] if fresh else []
        self._closed = True
        return last

    def copy(self) -> Hearing:
        """The same stream at the same place, to go on in two ways."""
        twin = copy.copy(self)
        twin._held, twin._state = list(self._held), copy.deepcopy(self._state)
        return twin

    def _whole_windows(self) -> list[Window]:
        held, place, found = np.concatenate(self._held), 0, []
        while held.size - place >= self._length:
            found.append(self._next_window(held[place : place + self._length]))
            place += self._hop
        self._held, self._n_held = [held[place:]], held.size - place
        return found

    def _next_window(self, samples: Samples) -> Window:
        number, window = self._number, samples.copy()
        window.flags.writeable = False
        rng = rng_for(self.seed, "stream", self.stream.name, self.name, str(number))
        value, self._state = self.stream.hear(window, state=self._state, sample_rate=self.sample_rate, rng=rng)
        if not np.isfinite(value):
            raise BadParameter(
                f"stream {self.stream.name!r} must give a finite number for each window, got {value!r} for window {number}"
            )
        self._number += 1
        start = number * self._hop
        end = min(start + self._length, self._n_samples)
        return Window(number=number, start_s=start / self.sample_rate, end_s=end / self.sample_rate, value=float(value))
