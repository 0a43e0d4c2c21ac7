"""How far an attacked clip may be from the clean one, and how far it is.

Both are taken on the 16-bit grid, of what files hold: a *step* is 2^-15 of full scale. Arithmetic on steps is exact, so
a budget is kept to the last bit, and never exceeded. An attack may put audio before and after the clip; it is then
compared with the clean clip between silences of those lengths.
"""

from __future__ import annotations

import decimal
import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.levels import to_pcm16
from earnest.audio.masking import Masking
from earnest.errors import BadParameter

STEP = 2.0**-15
"""One step of 16-bit audio, full scale being 1."""

_FADE = 0.9
"""By which a change is made quieter until its 16-bit form is masked."""

_EXACT = decimal.Context(prec=60, traps=[])
"""More digits than an energy in steps has, so that no limit is off by one step for want of digits."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How far a perturbed clip may be from the clean one. All given limits hold at once; none means any clip goes.

    Parameters
    ----------
    epsilon : float or None
        Largest change of any sample (L-infinity), full scale being 1: 0, or from one 16-bit step (2^-15) to 2.
    snr_db : float or None
        Least ratio of the clean clip's energy to that of the change, in dB; infinite allows no change. The change of
        a silent clip has no ratio, so none is allowed.
    l2 : float or None
        Longest change (L2): the root of the sum of squares of what is added, full scale being 1.
    masking_db : float or None
        Most that the change may lie above the masking threshold of the clean clip, in dB, on average over frames and
        audible bins (`earnest.audio.masking`); a change that is louder is made quieter as a whole. Rounded to 16 bits, the
        smallest changes there are may lie above 0.

    Raises
    ------
    BadParameter
        If a limit is out of its range.
    """

    epsilon: float | None = None
    snr_db: float | None = None
    l2: float | None = None
    masking_db: float | None = None

    def __post_init__(self) -> None:
        for name in ("l2", "masking_db"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise BadParameter(f"{name} must be at least 0 and finite, got {value!r}; leave it out for no limit")
        if self.epsilon is not None and not (self.epsilon == 0 or STEP * (1 - 1e-6) <= self.epsilon <= 2):
            raise BadParameter(
                f"epsilon must be 0 or lie from 2^-15 (one step of 16-bit audio) to 2, got {self.epsilon!r}; "
                "full scale is 1, so divide an epsilon in 16-bit steps by 32768"
            )
        if self.snr_db is not None and not self.snr_db > -math.inf:
            raise BadParameter(f"snr_db must be a number of dB, got {self.snr_db!r}; 30 is a common choice")

    @property
    def bounded(self) -> bool:
        """Whether there is any limit."""
        return self.round or self.epsilon is not None or self.masking_db is not None

    @property
    def round(self) -> bool:
        """Whether the length of the change is limited, by `snr_db` or `l2`."""
        return self.snr_db is not None or self.l2 is not None

    def radius(self, clean: NDArray[np.float32]) -> float:
        """Length (L2) of the largest change that `snr_db` and `l2` allow; infinite without these limits."""
        by_snr = math.inf if self.snr_db is None else math.sqrt(energy(clean)) * 10 ** (-self.snr_db / 20)
        return min(by_snr, math.inf if self.l2 is None else self.l2)

    def most_energy(self, steps: NDArray[np.integer]) -> float:
        """Largest energy, in squared 16-bit steps, that `snr_db` and `l2` allow a change of a clip of these steps.

        A whole number, below `energy(steps) / 10^(snr_db / 10)` as worked out in decimals: in floating point two
        energies that differ by a step may have the same ratio in dB. Infinite without the limits.
        """
        by_length = math.inf if self.l2 is None else float(math.floor((self.l2 / STEP) ** 2 * (1 + 1e-12)))
        return min(by_length, self._most_by_snr(steps))

    def _most_by_snr(self, steps: NDArray[np.integer]) -> float:
        if self.snr_db is None:
            return math.inf
        signal = energy(steps)
        ratio = _EXACT.power(10, _EXACT.divide(decimal.Decimal(-self.snr_db), decimal.Decimal(10)))
        limit = _EXACT.multiply(decimal.Decimal(signal), ratio) if signal else decimal.Decimal(0)
        return float(math.floor(limit)) if limit < decimal.Decimal(2) ** 80 else math.inf

    def project(
        self, perturbed: NDArray[np.float32], *, clean: NDArray[np.float32], sample_rate: int = 16_000
    ) -> NDArray[np.float32]:
        """A clip within the budget near `perturbed`, and the nearest where there is one limit; not yet rounded.

        The change is clipped to `epsilon`, then scaled down to `snr_db`, `l2` and `masking_db`, then clipped to full scale, as
        far as `clean` is within it.

        Parameters
        ----------
        perturbed, clean : float32 array, shape (n_samples,)

        Raises
        ------
        BadParameter
            If there is a limit and the lengths differ.
        """
        if not self.bounded:
            return perturbed
        self._check_length(perturbed, clean)
        delta = perturbed - clean
        if self.epsilon is not None:
            np.clip(delta, -self.epsilon, self.epsilon, out=delta)
        if self.round:
            length, radius = math.sqrt(energy(delta)), self.radius(clean)
            if length > radius:
                delta *= np.float32(radius / length)
        if self.masking_db is not None:
            delta *= np.float32(_quieter(masking_of(clean, sample_rate), delta, most_db=self.masking_db))
        delta += clean
        return np.clip(delta, np.minimum(clean, -1.0), np.maximum(clean, 1.0), out=delta)

    def rounded(
        self, perturbed: NDArray[np.float32], *, clean: NDArray[np.float32], sample_rate: int = 16_000
    ) -> NDArray[np.float32]:
        """`project`, then rounded to 16-bit steps without leaving the budget; `clean` is rounded too.

        Rounding moves the energy of a change. Under `snr_db` or `l2` it is put back, and never over the limit: the samples
        that were rounded outwards the furthest are rounded inwards instead, or the other way about, no more than are needed.
        Under `masking_db` the change is made quieter until what was rounded is within the limit.
        """
        base = to_pcm16(clean).astype(np.int32)
        if not self.bounded:
            return as_samples(to_pcm16(perturbed))
        grid = as_samples(base)
        wanted = (self.project(perturbed, clean=grid, sample_rate=sample_rate).astype(np.float64) - grid) / STEP
        steps = self._stepped(wanted, base)
        if self.masking_db is not None:
            masking = masking_of(grid, sample_rate)
            while np.any(steps) and masking.excess_db(as_samples(steps)) > self.masking_db:
                wanted = _FADE * wanted
                steps = self._stepped(wanted, base)
        return as_samples(base + steps)

    def _stepped(self, wanted: NDArray[np.float64], base: NDArray[np.int32]) -> NDArray[np.int32]:
        """A change in whole steps near the one that is wanted, within all limits but that of masking."""
        limit = 2**16 if self.epsilon is None else math.floor(self.epsilon / STEP + 1e-6)
        low, high = np.maximum(-limit, -(2**15) - base), np.minimum(limit, 2**15 - 1 - base)
        steps = np.clip(np.rint(wanted).astype(np.int32), low, high)
        if self.round:
            allowed = min(self.most_energy(base), energy(wanted))
            steps = _filled(
                _within(steps, wanted=wanted, limit=allowed), wanted=wanted, limit=allowed, low=low, high=high
            )
        return steps

    def holds(self, perturbed: NDArray[np.float32], *, clean: NDArray[np.float32], sample_rate: int = 16_000) -> bool:
        """Whether `perturbed` is within the budget of `clean`, both rounded; False where a limit meets another length."""
        if not self.bounded:
            return True
        if perturbed.shape != clean.shape:
            return False
        base = to_pcm16(clean).astype(np.int32)
        steps = to_pcm16(perturbed) - base
        peak_holds = self.epsilon is None or int(np.abs(steps).max()) <= self.epsilon / STEP + 1e-6
        if not peak_holds or energy(steps) > self.most_energy(base):
            return False
        if self.masking_db is None or not np.any(steps):
            return True
        return masking_of(as_samples(base), sample_rate).excess_db(as_samples(steps)) <= self.masking_db

    def _check_length(self, perturbed: NDArray[np.float32], clean: NDArray[np.float32]) -> None:
        if perturbed.shape != clean.shape:
            raise BadParameter(
                f"an attack with a budget must keep the clip's length of {clean.size} samples, got {perturbed.size}; "
                "say in n_before and n_after what it puts before and after the clip"
            )


@dataclass(frozen=True, kw_only=True)
class TextBudget:
    """How far a text may be from the clean one.

    Parameters
    ----------
    edits : int or None
        Most characters put in, left out or replaced (Levenshtein distance); None means any text goes.

    Raises
    ------
    BadParameter
        If it is negative.
    """

    edits: int | None = None

    def __post_init__(self) -> None:
        if self.edits is not None and not self.edits >= 0:
            raise BadParameter(f"edits must be a count of characters or None, got {self.edits!r}; 0 allows no change")

    def check(self, text: str, *, clean: str, role: str) -> None:
        """Refuse a text that is too far from the clean one; a text cannot be brought back into a budget like a clip.

        Raises
        ------
        BadParameter
            If it takes more edits than are allowed.
        """
        if not self.holds(text, clean=clean):
            raise BadParameter(
                f"the {role} may be changed by {self.edits} characters at most, got {n_edits(text, clean)}; "
                "keep within the budget inside the attack"
            )

    def holds(self, text: str, *, clean: str) -> bool:
        """Whether the text is within the budget of the clean one."""
        return self.edits is None or n_edits(text, clean) <= self.edits


def n_edits(text: str, other: str) -> int:
    """Least number of characters put in, left out or replaced from one text to the other (Levenshtein distance).

    >>> n_edits("a green door", "the green door")
    3
    """
    row = np.arange(len(other) + 1)
    codes = np.array([ord(sign) for sign in other], dtype=np.int64)
    for place, sign in enumerate(text, start=1):
        replaced = row[:-1] + (codes != ord(sign))
        least = np.concatenate(([place], np.minimum(replaced, row[1:] + 1)))
        # what is put in runs along the row: least over all earlier places, one more for each step from there
        row = np.minimum.accumulate(least - np.arange(least.size)) + np.arange(least.size)
    return int(row[-1])


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """How much a clip was changed.

    Parameters
    ----------
    snr_db : float or None
        Energy of the clean clip over that of the change; infinite where nothing changed, minus infinity where the
        clean clip is silent, None where the two cannot be compared sample by sample.
    peak : float or None
        Largest change of a sample, full scale being 1; None as above.
    length_ratio : float
        New duration over old.
    l2 : float or None
        Length of the change, full scale being 1; None as above.
    masking_excess_db : float or None
        How far the change lies above what the clean clip masks, on average over frames and audible bins
        (`earnest.audio.masking`); None as above, or where it was not asked for.
    """

    snr_db: float | None
    peak: float | None
    length_ratio: float
    l2: float | None = None
    masking_excess_db: float | None = None

    @classmethod
    def between(
        cls, *, clean: AudioClip, perturbed: AudioClip, n_before: int = 0, n_after: int = 0, masking: bool = False
    ) -> Distortion:
        """The distortion of `perturbed` against `clean`, both rounded to 16 bits, between silences of those lengths.

        With `masking` the excess over the masking threshold too, which takes a few milliseconds for each second of audio.
        """
        ratio = perturbed.duration_s / clean.duration_s
        base = padded(to_pcm16(clean.samples), n_before=n_before, n_after=n_after).astype(np.int32)
        if base.size != perturbed.n_samples or clean.sample_rate != perturbed.sample_rate:
            return cls(snr_db=None, peak=None, length_ratio=ratio)
        steps = to_pcm16(perturbed.samples) - base
        change, signal = energy(steps), energy(base)
        snr_db = math.inf if change == 0 else (10 * math.log10(signal / change) if signal > 0 else -math.inf)
        excess = None
        if masking:
            heard = masking_of(as_samples(base), clean.sample_rate) if change else None
            excess = 0.0 if heard is None else heard.excess_db(as_samples(steps))
        return cls(
            snr_db=snr_db,
            peak=int(np.abs(steps).max()) * STEP,
            length_ratio=ratio,
            l2=math.sqrt(change) * STEP,
            masking_excess_db=excess,
        )


def masking_of(clean: NDArray[np.float32], sample_rate: int) -> Masking:
    """What a clip masks; remembered, since a search asks for the same clip again and again."""
    return _masking(np.ascontiguousarray(clean, dtype=np.float32).tobytes(), sample_rate)


@functools.lru_cache(maxsize=32)
def _masking(samples: bytes, sample_rate: int) -> Masking:
    return Masking.of(np.frombuffer(samples, dtype=np.float32), sample_rate)


def _quieter(masking: Masking, change: NDArray[np.float32], *, most_db: float) -> float:
    """The largest factor, to a hundredth, that brings a change's excess over the threshold down to `most_db`."""
    if masking.excess_db(change) <= most_db:
        return 1.0
    low, high = -200.0, 0.0
    while high - low > 0.1:
        middle = (low + high) / 2
        louder = masking.excess_db(np.float32(10 ** (middle / 20)) * change) > most_db
        low, high = (low, middle) if louder else (middle, high)
    return 10 ** (low / 20)


def energy(values: NDArray[np.generic]) -> float:
    """Sum of squares, in float64."""
    wide = values.astype(np.float64)
    return float(np.dot(wide, wide))


def as_samples(steps: NDArray[np.integer]) -> NDArray[np.float32]:
    """Amplitudes of 16-bit steps."""
    return steps.astype(np.float32) * np.float32(STEP)


def padded(samples: NDArray[np.generic], *, n_before: int, n_after: int) -> NDArray[np.generic]:
    """The samples between silences."""
    return np.pad(samples, (n_before, n_after)) if n_before or n_after else samples


def _within(steps: NDArray[np.int32], *, wanted: NDArray[np.float64], limit: float) -> NDArray[np.int32]:
    """The steps with an energy of `limit` at most: those rounded outwards the furthest moved inwards by one."""
    excess = energy(steps) - limit
    if excess <= 0:
        return steps
    magnitude = np.abs(steps)
    places = np.flatnonzero(magnitude)
    order = places[np.argsort((np.abs(wanted) - magnitude)[places], kind="stable")]
    saved = np.cumsum(2.0 * magnitude[order] - 1.0)
    moved = order[: np.searchsorted(saved, excess) + 1]
    inside = steps.copy()
    inside[moved] -= np.sign(steps[moved])
    return inside


def _filled(
    steps: NDArray[np.int32],
    *,
    wanted: NDArray[np.float64],
    limit: float,
    low: NDArray[np.int32],
    high: NDArray[np.int32],
) -> NDArray[np.int32]:
    """The steps with as much of the energy `limit` as fits: those rounded inwards the furthest moved outwards by one."""
    spare = limit - energy(steps)
    outwards = np.sign(wanted).astype(np.int32)
    inwards = np.abs(wanted) - np.abs(steps)
    places = np.flatnonzero((inwards > 0) & (steps + outwards >= low) & (steps + outwards <= high))
    order = places[np.argsort(-inwards[places], kind="stable")]
    spent = np.cumsum(2.0 * np.abs(steps[order]) + 1.0)
    moved = order[: np.searchsorted(spent, spare, side="right")]
    filled = steps.copy()
    filled[moved] += outwards[moved]
    return filled
