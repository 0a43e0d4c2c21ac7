"""An audit of a data set before any model: who is in it, and what else differs between groups than who speaks.

A model that is trained on such data learns what the data teaches. If one group has a tenth of the hours, says other
texts, carries other labels or was recorded through another channel, a gap is built in before the first step of training,
and no later figure can tell it from a gap in the voices.

Conventions
-----------
- A group is a value of a column, or a combination of values of several columns. Rows without a value are counted as
  unknown and compared with nothing.
- Speakers are the clusters of every interval and every test. Where a row has no speaker it is its own.
- Each measure of the sound is compared between each two groups by Welch's test on the means of speakers. The p-values
  of one measure and of all measures together are adjusted by Holm's procedure [holm1979-procedure].
- The channel is what is heard between words: the spectrum and the level of the frames that are at least 30 dB under the
  loud ones. A linear discriminant on it is tested on speakers that it was not fitted to, beside the band that the same
  procedure gives when the groups are dealt to the speakers at random.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.levels import active_speech_level_dbfs
from earnest.audio.spectra import frames, hann
from earnest.audio.splits import key
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.mitigation._groups import UNKNOWN, group_of, holm, plain_values, welch

Floats = NDArray[np.float64]

QUIET_DB = 30.0
"""How far under the loud frames a frame lies that counts as a pause."""
N_BANDS = 12
LOWEST_HZ = 60.0
ROLL_OFF_DB = 50.0
"""The bandwidth ends where the long-term spectrum stays this far under its highest band."""
FRAME_S, HOP_S = 0.032, 0.016
N_FOLDS = 5
SHRINKAGE = 0.2
THIN = 0.5
"""A group is thin if its share of the minutes or of the speakers is below this part of an even share."""
ALPHA = 0.05

MEASURES = {
    "level_dbfs": ("level of the speech", "dBFS"),
    "noise_dbfs": ("level of the pauses", "dBFS"),
    "snr_db": ("speech over pauses", "dB"),
    "bandwidth_hz": ("bandwidth", "Hz"),
    "duration_s": ("length of a recording", "s"),
}
"""What is measured of each recording: words and unit."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """How much there is of a group.

    Parameters
    ----------
    group : str
    n_rows, n_speakers : int
    minutes : float
        Of the recordings that could be read.
    n_texts : int
        Different texts.
    labels : mapping of str to int
        Rows by label.
    n_unreadable : int
        Recordings that could not be read; they are part of `n_rows` and of no measure.
    means : mapping of str to (float, float, float) or None
        Mean over speakers of each measure with its 95 % interval; None with fewer than two speakers.
    small : bool
        Fewer rows than the least size: listed, and compared with nothing.
    """

    group: str
    n_rows: int
    n_speakers: int
    minutes: float
    n_texts: int
    labels: dict[str, int]
    n_unreadable: int
    means: dict[str, tuple[float, float, float] | None]
    small: bool


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One measure compared between two groups.

    Parameters
    ----------
    measure : str
    first, second : str
    difference : float
        Mean over the speakers of the first less that of the second.
    low, high : float
        95 % interval of the difference, for this pair alone.
    p : float
        Holm-adjusted over all pairs and measures of the audit.
    """

    measure: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Texts that two groups have in common.

    Parameters
    ----------
    first, second : str
    n_texts : int
        Texts that both say.
    share_first, share_second : float
        Share of the rows with a text whose text the other group says too.
    n_contradicted : int
        Shared texts whose commonest label is another in the other group.
    """

    first: str
    second: str
    n_texts: int
    share_first: float
    share_second: float
    n_contradicted: int


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Whether the groups can be told apart by the pauses alone.

    Parameters
    ----------
    balanced_accuracy : float
        Of a discriminant on unseen speakers.
    chance : float
        One over the number of groups.
    band_low, band_high : float
        Middle 95 % of what permuted groups give.
    p : float
        Share of permutations that are at least as good, the data itself among them.
    n_permutations, n_speakers, n_rows : int
    without_pause : int
        Recordings without a pause, which are left out.
    """

    balanced_accuracy: float
    chance: float
    band_low: float
    band_high: float
    p: float
    n_permutations: int
    n_speakers: int
    n_rows: int
    without_pause: int

    @property
    def tells(self) -> bool:
        """Whether it is above its permutation band."""
        return self.balanced_accuracy > self.band_high and self.p < ALPHA


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What stands out: `kind` is thin, small, one_speaker, unreadable, labels, contradicted, texts, level, noise, length or channel."""

    kind: str
    groups: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The audit of a data set.

    Parameters
    ----------
    data : str
    columns : tuple of str
        Whose values, or combinations of values, are the groups.
    least : int
        Least rows of a group that is compared.
    n_rows, n_unknown : int
        All rows, and those without a value.
    groups, margins : tuple of Presence
        The groups, and where they are combinations of several columns, the values of each column by itself.
    contrasts : tuple of Contrast
    label_rates : tuple of Contrast
        Shares of each label (`measure`), compared likewise.
    shared : tuple of Shared
    channel : Channel or None
        None where it could not be tested, for `channel_note`.
    channel_note : str
    unreadable : mapping of str to str
        By id, why a recording could not be read.
    findings : tuple of Finding
    """

    data: str
    columns: tuple[str, ...]
    least: int
    seed: int
    n_rows: int
    n_unknown: int
    groups: tuple[Presence, ...]
    margins: tuple[Presence, ...]
    contrasts: tuple[Contrast, ...]
    label_rates: tuple[Contrast, ...]
    shared: tuple[Shared, ...]
    channel: Channel | None
    channel_note: str
    unreadable: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The audit as JSON values; what is not finite is null."""
        return plain_values(asdict(self) | {"channel_tells": None if self.channel is None else self.channel.tells})

    def as_text(self) -> str:
        """The audit for a terminal."""
        by = " and ".join(self.columns)
        unknown = f", {self.n_unknown} without a value" if self.n_unknown else ""
        lines = [f"{self.data}: {self.n_rows} recordings by {by}{unknown}"]
        width = max(len(one.group) for one in self.groups)
        for one in self.groups:
            level = one.means["level_dbfs"]
            heard = f"  {level[0]:.1f} dBFS" if level is not None else ""
            small = f"  (fewer than {self.least} rows)" if one.small else ""
            lines.append(
                f"  {one.group:<{width}}  {one.n_rows:>6} recordings {one.n_speakers:>5} speakers {one.minutes:>7.1f} min"
                f"{heard}{small}"
            )
        if self.channel is not None:
            c = self.channel
            lines.append(
                f"channel alone: balanced accuracy {c.balanced_accuracy:.2f}, permuted groups {c.band_low:.2f} to "
                f"{c.band_high:.2f}; it {'separates' if c.tells else 'does not separate'} the groups"
            )
        else:
            lines.append(f"channel alone: not tested, {self.channel_note}")
        lines.append("what stands out:" if self.findings else "nothing stands out")
        lines += [f"  {one.kind}: {one.text}" for one in self.findings]
        return "\n".join(lines)


def audit(
    data: Manifest,
    *,
    columns: Sequence[str],
    least: int = 20,
    n_permutations: int = 200,
    seed: int = 0,
    on_row: Callable[[int, int], None] = lambda done, total: None,
) -> Audit:
    """Audit a data set by the values of columns.

    Parameters
    ----------
    data : Manifest
    columns : sequence of str
        At least one; several make intersections.
    least : int
        Groups of fewer rows are listed and not compared.
    n_permutations : int
        Of the test of the channel.
    on_row : callable
        Of the recordings that were read and all.

    Raises
    ------
    BadData
        If a column has no value in any row, or there are fewer than two groups of `least` rows, of at least two
        speakers each.
    BadParameter
        If a number is out of range.
    """
    if least < 2 or n_permutations < 19:
        raise BadParameter(
            f"an audit needs groups of 2 rows and 19 permutations at least, got {least} and {n_permutations}"
        )
    rows = tuple(data)
    group = {entry.id: group_of(entry, columns) for entry in rows}
    for column in columns:
        if not any(entry.value(column) not in (None, "") for entry in rows):
            raise BadData(f"no row of {data.folder} has a value in column {column!r}; name a column that is filled")
    names = sorted({name for name in group.values() if name != UNKNOWN})
    n_rows = Counter(group.values())
    large = [name for name in names if n_rows[name] >= least]
    if len(large) < 2:
        raise BadData(
            f"an audit compares at least two groups of {least} rows, got {_listed(n_rows, rows, group)}; "
            "name another column, or lower the least size (--least)"
        )
    facts, unreadable = _heard(rows, on_row)
    speaker = {entry.id: speaker_of(entry) for entry in rows}
    groups = tuple(
        _presence(name, [e for e in rows if group[e.id] == name], facts, speaker, small=n_rows[name] < least)
        for name in names
    )
    margins = [
        (f"{column}={value}", [e for e in rows if e.value(column) == value])
        for column in (columns if len(columns) > 1 else ())
        for value in sorted({e.value(column) for e in rows} - {None, ""}, key=str)
    ]
    of_large = {name: [e for e in rows if group[e.id] == name] for name in large}
    contrasts, label_rates = _contrasts(of_large, facts, speaker)
    channel, note = _channel(of_large, facts, speaker, n_permutations=n_permutations, seed=seed)
    found = Audit(
        data=str(data.folder),
        columns=tuple(columns),
        least=least,
        seed=seed,
        n_rows=len(rows),
        n_unknown=n_rows[UNKNOWN],
        groups=groups,
        margins=tuple(_presence(name, each, facts, speaker, small=len(each) < least) for name, each in margins),
        contrasts=contrasts,
        label_rates=label_rates,
        shared=tuple(
            _shared(first, second, of_large[first], of_large[second])
            for first, second in itertools.combinations(large, 2)
        ),
        channel=channel,
        channel_note=note,
        unreadable=unreadable,
    )
    return Audit(**{**found.__dict__, "findings": tuple(_findings(found))})


def speaker_of(entry: Entry) -> str:
    """Who speaks in a row; a row without a speaker is its own."""
    return entry.speaker or f"row {entry.id}"


# ------------------------------------------------------------------ sound
@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """What is measured of a recording: `measures` by name, and the channel's vector, None without a pause."""

    measures: dict[str, float]
    channel: Floats | None


def sound_of(clip: AudioClip) -> Sound:
    """Level, noise, bandwidth and channel of a clip.

    The level of the pauses has a floor of -120 dBFS, which digital silence reaches. The channel is the level of the
    pauses under the speech, and the spectrum of the pauses in bands of equal width on the mel scale, in dB under their sum.
    """
    rate, size = clip.sample_rate, round(FRAME_S * clip.sample_rate)
    samples = clip.samples if len(clip.samples) >= size else np.pad(clip.samples, (0, size - len(clip.samples)))
    cut = frames(samples, frame_length=size, hop_length=round(HOP_S * rate)).astype(np.float64)
    powers = np.mean(cut**2, axis=1)
    loud = np.percentile(powers, 95)
    quiet = powers <= loud * 10 ** (-QUIET_DB / 10)
    spectrum = np.abs(np.fft.rfft(cut * hann(size), axis=1)) ** 2
    bands = spectrum @ _bands(size, rate)
    level = max(-120.0, active_speech_level_dbfs(clip.samples, rate))
    noise = _db(float(powers[quiet].mean())) if quiet.any() else math.nan
    measures = {
        "level_dbfs": level,
        "noise_dbfs": noise,
        "snr_db": level - noise,
        "bandwidth_hz": 0.0 if quiet.all() else _bandwidth_hz(spectrum[~quiet].mean(axis=0), size, rate),
        "duration_s": clip.duration_s,
    }
    if not quiet.any():
        return Sound(measures=measures, channel=None)
    mean = bands[quiet].mean(axis=0) + 1e-12
    return Sound(measures=measures, channel=np.append(10 * np.log10(mean / mean.sum()), noise - level))


def _db(power: float) -> float:
    return max(-120.0, 10 * math.log10(power)) if power > 0 else -120.0


def _bands(size: int, rate: int) -> Floats:
    """Which band each bin belongs to, shape (n_bins, N_BANDS)."""
    hz = np.fft.rfftfreq(size, 1 / rate)
    mel = 2595 * np.log10(1 + hz / 700)
    low, high = 2595 * np.log10(1 + LOWEST_HZ / 700), mel[-1] + 1e-9
    place = np.floor((mel - low) / (high - low) * N_BANDS).astype(int)
    return (place[:, None] == np.arange(N_BANDS)).astype(np.float64)


def _bandwidth_hz(spectrum: Floats, size: int, rate: int) -> float:
    """The highest frequency at which the smoothed spectrum is less than `ROLL_OFF_DB` under its highest point."""
    smooth = np.convolve(spectrum, np.ones(5) / 5, mode="same")
    above = np.flatnonzero(smooth > smooth.max() * 10 ** (-ROLL_OFF_DB / 10))
    return float(np.fft.rfftfreq(size, 1 / rate)[above[-1]]) if above.size else 0.0


def _heard(rows: Sequence[Entry], on_row: Callable[[int, int], None]) -> tuple[dict[str, Sound], dict[str, str]]:
    facts, unreadable = {}, {}
    for done, entry in enumerate(rows, 1):
        try:
            facts[entry.id] = sound_of(entry.clip())
        except BadAudio as error:
            unreadable[entry.id] = str(error)
        on_row(done, len(rows))
    return facts, unreadable


# ------------------------------------------------------------------ by group
def _by_speaker(rows: Sequence[Entry], values: Mapping[str, float], speaker: Mapping[str, str]) -> Floats:
    """The mean of each speaker who has a finite value."""
    found: dict[str, list[float]] = defaultdict(list)
    for entry in rows:
        if entry.id in values and math.isfinite(values[entry.id]):
            found[speaker[entry.id]].append(values[entry.id])
    return np.array([np.mean(each) for each in found.values()])


def _presence(
    name: str, rows: Sequence[Entry], facts: Mapping[str, Sound], speaker: Mapping[str, str], *, small: bool
) -> Presence:
    means: dict[str, tuple[float, float, float] | None] = {}
    for measure in MEASURES:
        each = _by_speaker(rows, {id: one.measures[measure] for id, one in facts.items()}, speaker)
        means[measure] = welch(each, None)[:3] if len(each) > 1 else None
    return Presence(
        group=name,
        n_rows=len(rows),
        n_speakers=len({speaker[e.id] for e in rows}),
        minutes=math.fsum(facts[e.id].measures["duration_s"] for e in rows if e.id in facts) / 60,
        n_texts=len({key(e, "text") for e in rows} - {None}),
        labels=dict(Counter(e.label for e in rows if e.label)),
        n_unreadable=sum(e.id not in facts for e in rows),
        means=means,
        small=small,
    )


def _contrasts(
    of: Mapping[str, Sequence[Entry]], facts: Mapping[str, Sound], speaker: Mapping[str, str]
) -> tuple[tuple[Contrast, ...], tuple[Contrast, ...]]:
    """Measures of the sound, and shares of labels, compared between each two groups; p-values adjusted together."""
    values = {name: {id: one.measures[name] for id, one in facts.items()} for name in MEASURES}
    labels = sorted({e.label for rows in of.values() for e in rows if e.label})
    labels = labels[:1] if len(labels) == 2 else labels if len(labels) > 2 else []
    for label in labels:
        values[f"label {label}"] = {e.id: float(e.label == label) for rows in of.values() for e in rows if e.label}
    found = []
    for measure, each in values.items():
        for first, second in itertools.combinations(of, 2):
            one, other = (_by_speaker(of[name], each, speaker) for name in (first, second))
            if min(len(one), len(other)) < 2:
                continue
            difference, low, high, p = welch(one, other)
            found.append(
                Contrast(measure=measure, first=first, second=second, difference=difference, low=low, high=high, p=p)
            )
    adjusted = holm([one.p for one in found])
    found = [Contrast(**{**one.__dict__, "p": p}) for one, p in zip(found, adjusted, strict=True)]
    return (
        tuple(one for one in found if not one.measure.startswith("label ")),
        tuple(one for one in found if one.measure.startswith("label ")),
    )


def _shared(first: str, second: str, one: Sequence[Entry], other: Sequence[Entry]) -> Shared:
    said = [defaultdict(Counter), defaultdict(Counter)]
    for place, rows in enumerate((one, other)):
        for entry in rows:
            if (text := key(entry, "text")) is not None:
                said[place][text][entry.label or ""] += 1
    both = said[0].keys() & said[1].keys()
    n = [sum(sum(each.values()) for each in texts.values()) for texts in said]
    of_both = [sum(sum(texts[text].values()) for text in both) for texts in said]
    return Shared(
        first=first,
        second=second,
        n_texts=len(both),
        share_first=of_both[0] / n[0] if n[0] else math.nan,
        share_second=of_both[1] / n[1] if n[1] else math.nan,
        n_contradicted=sum(_commonest(said[0][text]) != _commonest(said[1][text]) for text in both),
    )


def _commonest(labels: Counter[str]) -> str:
    return min(labels, key=lambda label: (-labels[label], label))


# ------------------------------------------------------------------ channel
def _channel(
    of: Mapping[str, Sequence[Entry]],
    facts: Mapping[str, Sound],
    speaker: Mapping[str, str],
    *,
    n_permutations: int,
    seed: int,
) -> tuple[Channel | None, str]:
    rows = [(place, e) for place, each in enumerate(of.values()) for e in each if e.id in facts]
    usable = [(place, e) for place, e in rows if facts[e.id].channel is not None]
    without = len(rows) - len(usable)
    units = {(speaker[e.id], place) for place, e in usable}
    fewest = min(Counter(place for _, place in units).values(), default=0)
    if len({place for place, _ in usable}) < len(of) or fewest < 2:
        lacking = "recordings with a pause of two speakers in each group are needed"
        return None, f"{lacking}, and {without} of {len(rows)} recordings have none"
    x = np.array([facts[e.id].channel for _, e in usable])
    groups = np.array([place for place, _ in usable])
    names = [f"{speaker[e.id]}\x1f{place}" for place, e in usable]
    return channel_test(
        x, groups, names, n_permutations=n_permutations, rng=np.random.default_rng(seed), without_pause=without
    ), ""


def channel_test(
    x: Floats,
    groups: NDArray[np.int64],
    speakers: Sequence[str],
    *,
    n_permutations: int,
    rng: np.random.Generator,
    without_pause: int = 0,
) -> Channel:
    """Whether a linear discriminant on `x` tells the groups of unseen speakers, beside the band of permuted groups.

    Parameters
    ----------
    x : float64 array, shape (n_rows, n_features)
    groups : int array, shape (n_rows,)
        From 0; each speaker is of one group, of which there are two at least, of two speakers each.
    speakers : sequence of str

    Notes
    -----
    Speakers are dealt to folds so that every group is in each. A permutation deals the groups out to whole speakers and
    is then treated exactly alike, folds included: a cross-validated null lies below chance, and not around it.
    """
    names = sorted(set(speakers))
    place = {name: k for k, name in enumerate(names)}
    who = np.array([place[name] for name in speakers])
    group_of_speaker = np.zeros(len(names), dtype=np.int64)
    group_of_speaker[who] = groups
    own = _cross_validated(x, who, group_of_speaker, rng)
    draws = np.array([_cross_validated(x, who, rng.permutation(group_of_speaker), rng) for _ in range(n_permutations)])
    low, high = np.quantile(draws, [0.025, 0.975])
    return Channel(
        balanced_accuracy=own,
        chance=1 / len(set(groups.tolist())),
        band_low=float(low),
        band_high=float(high),
        p=float((1 + np.sum(draws >= own - 1e-12)) / (1 + n_permutations)),
        n_permutations=n_permutations,
        n_speakers=len(names),
        n_rows=len(x),
        without_pause=without_pause,
    )


def _cross_validated(
    x: Floats, who: NDArray[np.int64], group_of_speaker: NDArray[np.int64], rng: np.random.Generator
) -> float:
    """Balanced accuracy over the rows of speakers who were not fitted to."""
    kinds = np.unique(group_of_speaker)
    n_folds = min(N_FOLDS, int(np.bincount(group_of_speaker)[kinds].min()))
    fold = np.empty(len(group_of_speaker), dtype=np.int64)
    for kind in kinds:
        members = rng.permutation(np.flatnonzero(group_of_speaker == kind))
        fold[members] = np.arange(len(members)) % n_folds
    truth, test = group_of_speaker[who], fold[who]
    right = np.empty(len(x), dtype=bool)
    for k in range(n_folds):
        fitted, held = test != k, test == k
        right[held] = _nearest_class(x[fitted], truth[fitted], x[held], kinds) == truth[held]
    return float(np.mean([right[truth == kind].mean() for kind in kinds]))


def _nearest_class(x: Floats, truth: NDArray[np.int64], new: Floats, kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The likeliest class of each new row: Gaussians of one shrunken covariance, all classes as likely."""
    means = np.stack([x[truth == kind].mean(axis=0) for kind in kinds])
    centred = x - means[np.searchsorted(kinds, truth)]
    within = centred.T @ centred / max(1, len(x) - len(kinds))
    variances = np.diag(within)
    floor = 1e-6 * max(float(variances.max(initial=0.0)), 1e-12)
    shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * np.diag(variances) + floor * np.eye(len(within))
    weights = np.linalg.solve(shrunk, means.T)
    return kinds[np.argmax(new @ weights - 0.5 * np.sum(means.T * weights, axis=0), axis=1)]


# ------------------------------------------------------------------ what stands out
def _findings(found: Audit) -> list[Finding]:
    total_minutes = math.fsum(one.minutes for one in found.groups)
    total_speakers = sum(one.n_speakers for one in found.groups)
    even = 1 / len(found.groups)
    out = []
    for one in found.groups:
        minutes, people = one.minutes / max(total_minutes, 1e-9), one.n_speakers / total_speakers
        if one.small:
            out.append(_says("small", one.group, f"{one.group} has {one.n_rows} recordings, fewer than {found.least}"))
        if min(minutes, people) < THIN * even:
            out.append(
                _says("thin", one.group, f"{one.group} has {minutes:.0%} of the minutes and {people:.0%} of the speakers, where an even share is {even:.0%}")
            )  # fmt: skip
        if one.n_speakers == 1:
            out.append(
                _says("one_speaker", one.group, f"all of {one.group} is one speaker, who cannot be told from the group")
            )
        if one.n_unreadable:
            out.append(
                _says(
                    "unreadable",
                    one.group,
                    f"{one.n_unreadable} of {one.n_rows} recordings of {one.group} cannot be read",
                )
            )
    for one in found.label_rates:
        if one.p < ALPHA:
            text = f"{one.measure}: {_signed(one.difference)} in {one.first} against {one.second} (p {one.p:.2g})"
            out.append(_says("labels", (one.first, one.second), text))
    for one in found.shared:
        if one.n_contradicted:
            text = f"{one.n_contradicted} of {one.n_texts} texts that {one.first} and {one.second} share have another label in the other group"
            out.append(_says("contradicted", (one.first, one.second), text))
    apart = [one for one in found.shared if not one.n_texts and math.isfinite(one.share_first + one.share_second)]
    if apart and len(apart) == len(found.shared):
        names = tuple(one.group for one in found.groups if not one.small)
        out.append(_says("texts", names, "no two groups share a text: whatever differs may be due to what is said"))
    else:
        for one in apart:
            text = f"{one.first} and {one.second} share no text: whatever differs may be due to what is said"
            out.append(_says("texts", (one.first, one.second), text))
    kinds = {"level_dbfs": "level", "noise_dbfs": "noise", "snr_db": "noise", "bandwidth_hz": "channel", "duration_s": "length"}  # fmt: skip
    for one in found.contrasts:
        if one.p < ALPHA:
            words, unit = MEASURES[one.measure]
            text = f"{words}: {_signed(one.difference)} {unit} in {one.first} against {one.second} ({_signed(one.low)} to {_signed(one.high)}, p {one.p:.2g})"
            out.append(_says(kinds[one.measure], (one.first, one.second), text))
    if found.channel is not None and found.channel.tells:
        c = found.channel
        text = (
            f"pauses alone tell the groups of unseen speakers with balanced accuracy {c.balanced_accuracy:.2f}; "
            f"permuted groups give {c.band_low:.2f} to {c.band_high:.2f}"
        )
        out.append(_says("channel", tuple(one.group for one in found.groups if not one.small), text))
    return out


def _says(kind: str, groups: str | tuple[str, ...], text: str) -> Finding:
    return Finding(kind=kind, groups=(groups,) if isinstance(groups, str) else groups, text=text)


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _listed(n_rows: Mapping[str, int], rows: Sequence[Entry], group: Mapping[str, str]) -> str:
    """The groups with their sizes, and rows of those that are small."""
    words = []
    for name, n in sorted(n_rows.items(), key=lambda each: each[1]):
        first = [entry.id for entry in rows if group[entry.id] == name][:3]
        words.append(f"{name}: {n} ({', '.join(first)}{', ...' if n > 3 else ''})")
    return "; ".join(words)
