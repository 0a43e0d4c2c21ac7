"""How much of what is personal was replaced, and how much that is not, in seconds of sound.

*Recall* is the seconds of personal speech that were replaced, of all of them; half a name is half missed. *Over-redaction*
is the seconds replaced outside what is personal, of all seconds outside; the time added on both sides counts. Both are sums over recordings, with intervals that draw whole
clusters: speakers where the data names them, else recordings. A recording whose recognition failed stays in every sum
with what was done to it, all of it replaced, and nothing of it replaced where it was left out; how many there are stands
beside. `recall_where_recognised` leaves them out, so that replacing everything is not mistaken for finding it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from earnest.audio import AudioClip, Manifest
from earnest.audio.effects import noise
from earnest.audio.entry import Entry
from earnest.errors import BadData
from earnest.metrics.clusters import clustered_interval
from earnest.metrics.intervals import Interval
from earnest.privacy.redaction.personal import Span
from earnest.privacy.redaction.redact import Redacted, Redactor
from earnest.privacy.redaction.sound import padded


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What redaction did to one recording, in seconds.

    Parameters
    ----------
    cluster : str
        Recordings that share it are no independent evidence.
    personal_s, replaced_personal_s : float
        What is personal, and what of it was replaced.
    other_s, replaced_other_s : float
        What is not personal, and what of it was replaced.
    by_kind : dict of str to tuple of float
        Seconds and replaced seconds of each kind.
    n_spans, n_spans_missed : int
        Personal spans, and those of which less than half was replaced.
    n_rounds : int
    verified, failed : bool
    compute_s : float
        Processor time.
    """

    cluster: str
    personal_s: float
    replaced_personal_s: float
    other_s: float
    replaced_other_s: float
    by_kind: dict[str, tuple[float, float]]
    n_spans: int
    n_spans_missed: int
    n_rounds: int
    verified: bool
    failed: bool
    compute_s: float


@dataclass(frozen=True)
class Rate:
    """A share of seconds with its 95 % interval, which is None where one cluster alone is known."""

    value: float
    interval: Interval | None
    n_clusters: int
    seconds: float

    def __str__(self) -> str:
        ends = "" if self.interval is None else f" ({self.interval.low:.3f} to {self.interval.high:.3f})"
        return f"{self.value:.3f}{ends}, {self.seconds:.0f} s in {self.n_clusters} clusters"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Redaction against known spans.

    Parameters
    ----------
    recall, recall_where_recognised, over_redaction : Rate or None
        None where there is nothing to count.
    recall_by_kind : dict of str to Rate
    n_recordings, n_failed, n_unverified : int
        All of them; those whose recognition failed; those in which the last hearing still found something, or failed.
    n_spans, n_spans_missed : int
        Personal spans, and those of which less than half was replaced.
    seconds_per_minute : float
        Processor time for a minute of sound.
    """

    recall: Rate | None
    recall_where_recognised: Rate | None
    over_redaction: Rate | None
    recall_by_kind: dict[str, Rate]
    n_recordings: int
    n_failed: int
    n_unverified: int
    n_spans: int
    n_spans_missed: int
    seconds_per_minute: float

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """For a terminal."""
        lines = [
            f"recall of personal seconds  {self.recall or 'nothing personal in the data'}",
            f"  where recognised          {self.recall_where_recognised or 'nothing personal was recognised'}",
            f"over-redaction              {self.over_redaction or 'nothing else in the data'}",
            *(f"  {kind:<26}{rate}" for kind, rate in self.recall_by_kind.items()),
            f"spans                       {self.n_spans}, of which {self.n_spans_missed} less than half replaced",
            f"recordings                  {self.n_recordings}, {self.n_failed} not recognised (failed), {self.n_unverified} not verified",
            f"processor time              {self.seconds_per_minute:.1f} s for a minute of sound",
        ]
        return "\n".join(lines)


def coverage(
    personal: Sequence[Span], done: Redacted, *, duration_s: float, cluster: str, compute_s: float = 0.0
) -> Coverage:
    """What redaction did to one recording whose personal spans are known; what was left out has nothing replaced.

    Examples
    --------
    Two of three personal seconds are replaced, and one of seven others:

    >>> done = Redacted(clip=None, spans=(Span(1.0, 4.0, "card"),), n_rounds=2, verified=True)
    >>> found = coverage([Span(2.0, 5.0, "card")], done, duration_s=10.0, cluster="a")
    >>> found.replaced_personal_s, found.replaced_other_s
    (2.0, 1.0)
    """
    truth = padded(personal, duration_s=duration_s)
    made = () if done.failure and done.clip is None else padded(done.spans, duration_s=duration_s)
    personal_s = sum(one.end_s - one.start_s for one in truth)
    hit_s = sum(_shared(one, made) for one in truth)
    by_kind: dict[str, tuple[float, float]] = {}
    for one in personal:
        seconds, hit = by_kind.get(one.kind, (0.0, 0.0))
        by_kind[one.kind] = (seconds + one.end_s - one.start_s, hit + _shared(one, made))
    return Coverage(
        cluster=cluster,
        personal_s=personal_s,
        replaced_personal_s=hit_s,
        other_s=duration_s - personal_s,
        replaced_other_s=sum(one.end_s - one.start_s for one in made) - hit_s,
        by_kind=by_kind,
        n_spans=len(personal),
        n_spans_missed=sum(_shared(one, made) < 0.5 * (one.end_s - one.start_s) for one in personal),
        n_rounds=done.n_rounds,
        verified=done.verified,
        failed=bool(done.failure),
        compute_s=compute_s,
    )


def _shared(one: Span, others: Sequence[Span]) -> float:
    return sum(max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s)) for other in others)


def evaluated(rows: Sequence[Coverage]) -> Evaluation:
    """The rates over all recordings, with intervals over clusters.

    Raises
    ------
    BadData
        If there are no recordings.
    """
    if not rows:
        raise BadData("at least one recording is needed, got none; name a folder with a manifest")
    heard = [row for row in rows if not row.failed]
    kinds = sorted({kind for row in rows for kind in row.by_kind})
    of_kind = {kind: _rate([(row.cluster, *row.by_kind.get(kind, (0.0, 0.0))[::-1]) for row in rows]) for kind in kinds}
    seconds = math.fsum(row.personal_s + row.other_s for row in rows)
    return Evaluation(
        recall=_rate([(row.cluster, row.replaced_personal_s, row.personal_s) for row in rows]),
        recall_where_recognised=_rate([(row.cluster, row.replaced_personal_s, row.personal_s) for row in heard]),
        over_redaction=_rate([(row.cluster, row.replaced_other_s, row.other_s) for row in rows]),
        recall_by_kind={kind: rate for kind, rate in of_kind.items() if rate is not None},
        n_recordings=len(rows),
        n_failed=len(rows) - len(heard),
        n_unverified=sum(not row.verified for row in rows),
        n_spans=sum(row.n_spans for row in rows),
        n_spans_missed=sum(row.n_spans_missed for row in rows),
        seconds_per_minute=60 * math.fsum(row.compute_s for row in rows) / seconds,
    )


def _rate(rows: Sequence[tuple[str, float, float]]) -> Rate | None:
    """A ratio of sums with its interval; from cluster, seconds above and seconds below the bar."""
    sums: dict[str, list[float]] = {}
    for cluster, above, below in rows:
        pair = sums.setdefault(cluster, [0.0, 0.0])
        pair[0] += above
        pair[1] += below
    table = np.array([pair for pair in sums.values() if pair[1] > 0]).reshape(-1, 2)
    if not len(table):
        return None
    table[:, 0] = np.clip(table[:, 0], 0.0, table[:, 1])
    top, bottom = table[:, :1], table[:, 1:]
    interval = clustered_interval(top, bottom) if len(table) > 1 else None
    return Rate(float(top.sum() / bottom.sum()), interval, len(table), float(bottom.sum()))


def evaluate(
    manifest: Manifest,
    redactor: Redactor,
    *,
    snr_db: float | None = None,
    seed: int = 0,
    on_row: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Redact every recording of a manifest, and compare with its column `personal`.

    Parameters
    ----------
    manifest : Manifest
        Every row needs `personal`, a list of [start in s, end in s, kind], empty where nothing is personal.
    redactor : Redactor
    snr_db : float or None
        Noise with the spectrum of speech is added at this ratio before redaction.
    seed : int
        Of the noise.
    on_row : callable or None
        Is called with the number of recordings that are done, and of all.

    Raises
    ------
    BadData
        If rows have no spans, or spans that are none; all of them are named.
    """
    rows: list[Coverage] = []
    spans, by_speaker = known_spans(manifest), all(entry.speaker for entry in manifest)
    for place, (entry, personal) in enumerate(zip(manifest, spans, strict=True)):
        clip = entry.clip()
        if snr_db is not None:
            rng = np.random.default_rng([seed, place])
            samples, _ = noise(clip.samples, clip.sample_rate, snr_db=snr_db, colour="speech", rng=rng)
            clip = AudioClip(samples, clip.sample_rate)
        begun = time.process_time()
        done = redactor.redacted(clip)
        cluster = str(entry.speaker) if by_speaker else entry.id
        took = time.process_time() - begun
        rows.append(coverage(personal, done, duration_s=clip.duration_s, cluster=cluster, compute_s=took))
        if on_row is not None:
            on_row(place + 1, len(spans))
    return evaluated(rows)


def known_spans(manifest: Manifest) -> list[list[Span]]:
    """The personal spans of every row.

    Raises
    ------
    BadData
        As `evaluate`.
    """
    spans, faults = [], []
    for entry in manifest:
        try:
            spans.append(list(_spans_of(entry)))
        except (ValueError, TypeError, KeyError) as error:
            faults.append(f"{entry.id}: {error}")
    if faults:
        raise BadData(
            "every row must have a column personal, a list of [start in s, end in s, kind], [] where nothing is; "
            + "; ".join(faults[:10])
        )
    return spans


def _spans_of(entry: Entry) -> Iterator[Span]:
    text = entry.attributes.get("personal")
    if text is None:
        raise ValueError("no such column")
    for start_s, end_s, kind in json.loads(text):
        if not 0 <= start_s < end_s:
            raise ValueError(f"a span must end behind its start, got {start_s} to {end_s}")
        yield Span(float(start_s), float(end_s), str(kind))
