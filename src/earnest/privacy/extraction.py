"""Extraction: what a model says of its training set to somebody who asks.

Three questions, each put to members and, as the control, to recordings that were never trained on. *Whole*: does it give
the answer that training taught, word by word, to the recording? *From a part*: does it give that answer, or go on with
words that were not played, when it hears the beginning alone ([carlini2023-quantifying], who prompt with a prefix)?
*Exposure*: see `exposure`. Random secrets cannot be guessed; sentences of a language can, and then the control says by how
much.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadAudio, BadParameter
from earnest.metrics.clusters import clustered_interval
from earnest.metrics.intervals import Interval, wilson
from earnest.models.access import Answer, Model, Sampling
from earnest.privacy.exposure import modelled_exposure, sampled_exposure
from earnest.privacy.items import AuditItem, Unscored, token_scores_of, totals_of

TRANSCRIBE = "Transcribe the speech."
BATCH = 16
SPARE_S = 0.3
"""A word counts as not played only where it begins so long after the cut: words are placed by their length in letters."""
SOUNDING = 0.01
"""Samples above this share of the peak are sound."""
N_WORDS = 3
"""Words that must follow each other for a continuation; fewer where fewer were not played, at least two."""
FADE_S = 0.01

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many items of a side gave something back.

    Parameters
    ----------
    measure : str
    member : bool
    n_hits, n, n_unscored, n_beyond : int
        Hits; items that were scored; that were not, as a call failed; that the measure does not apply to.
    interval : Interval or None
        95 %, over clusters; None without items.
    """

    measure: str
    member: bool
    n_hits: int
    n: int
    n_unscored: int
    n_beyond: int
    interval: Interval | None

    @property
    def value(self) -> float | None:
        """The rate; higher is worse for privacy."""
        return self.n_hits / self.n if self.n else None


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """Exposure of the secrets of a side, in bits; about 1 on average where nothing was memorised."""

    member: bool
    sampled: tuple[float, ...]
    modelled: tuple[float, ...]
    n_candidates: int
    n_unscored: int


def plain(text: str) -> list[str]:
    """Words without case, accents' composition and punctuation."""
    return re.findall(r"[\w']+", unicodedata.normalize("NFC", text).casefold())


def whole(
    model: Model, items: Sequence[AuditItem], clusters: Sequence[str], *, tell: Told | None = None
) -> tuple[list[Share], list[Unscored]]:
    """How often the answer is given back word by word to the whole recording."""
    hits, unscored = _asked(
        model, items, lambda item: (item.stimulus(), lambda said: plain(said) == plain(item.answer)), "whole", tell
    )
    return _shares("answer to the whole recording", items, clusters, hits), unscored


def from_a_part(
    model: Model, items: Sequence[AuditItem], clusters: Sequence[str], *, part: float = 0.5, tell: Told | None = None
) -> tuple[list[Share], list[Unscored]]:
    """How often the answer, or words of the text that were not played, are given to the beginning of a recording.

    Parameters
    ----------
    part : float
        Share of the recording that is played.
    """
    if not 0 < part < 1:
        raise BadParameter(f"part must be a share of the recording between 0 and 1, got {part}; 0.5 plays half")

    def answered(item: AuditItem) -> tuple[Stimulus, Callable[[str], bool]]:
        return item.stimulus(beginning(item.entry.clip(), part)), lambda said: plain(said) == plain(item.answer)

    def continued(item: AuditItem) -> tuple[Stimulus, Callable[[str], bool]] | None:
        clip = item.entry.clip()
        rest = not_played(item.entry.text or "", clip, part)
        if len(rest) < 2:
            return None
        wanted = rest[: min(N_WORDS, len(rest))]
        stimulus = Stimulus(clips={"speech": beginning(clip, part)}, prompt=TRANSCRIBE)
        return stimulus, lambda said: _holds(plain(said), wanted)

    shares, unscored = [], []
    for name, question in (("answer to the beginning", answered), ("words that were not played", continued)):
        hits, lacking = _asked(model, items, question, name, tell)
        shares += _shares(f"{name}, {100 * part:g} % played", items, clusters, hits)
        unscored += lacking
    return shares, unscored


def exposures(
    model: Model,
    items: Sequence[AuditItem],
    *,
    rng: np.random.Generator,
    n_items: int = 25,
    n_candidates: int = 100,
    tell: Told | None = None,
) -> list[Exposed]:
    """Exposure of the answers of some items of each side, against answers of non-members to the same recording.

    Parameters
    ----------
    n_items : int
        Of a side; drawn.
    n_candidates : int
        Answers of other non-members that each answer is compared with.

    Raises
    ------
    BadParameter
        If there are fewer than 20 different answers of non-members.
    """
    pool = sorted({item.answer for item in items if not item.member})
    found = []
    for member in (True, False):
        side = [item for item in items if item.member == member]
        some = [side[k] for k in np.sort(rng.choice(len(side), min(n_items, len(side)), replace=False))]
        sampled, modelled, lacking, used = [], [], 0, n_candidates
        for done, item in enumerate(some):
            others = [text for text in pool if text != item.answer]
            chosen = rng.choice(len(others), min(n_candidates, len(others)), replace=False)
            used = min(used, len(chosen))
            asked = [item, *(_answering(item, others[k]) for k in chosen)]
            scores = totals_of(token_scores_of(model, asked, tokens=False)[0])
            if not np.isfinite(scores).all():
                lacking += 1
            else:
                sampled.append(sampled_exposure(scores[0], scores[1:]))
                modelled.append(modelled_exposure(scores[0], scores[1:]))
            if tell is not None:
                tell(f"exposure of {'members' if member else 'non-members'}", done + 1, len(some))
        found.append(
            Exposed(
                member=member, sampled=tuple(sampled), modelled=tuple(modelled), n_candidates=used, n_unscored=lacking
            )
        )
    return found


def beginning(clip: AudioClip, part: float) -> AudioClip:
    """The first share of a clip, faded out over 10 ms."""
    n = max(1, round(part * clip.n_samples))
    samples = np.array(clip.samples[:n])
    fade = min(n, round(FADE_S * clip.sample_rate))
    samples[n - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return AudioClip(samples, clip.sample_rate)


def not_played(text: str, clip: AudioClip, part: float) -> list[str]:
    """Words that begin well after the cut, each placed by the letters before it between the first and last sound."""
    words = plain(text)
    lengths = np.array([len(word) + 1 for word in words], np.float64)
    if not words:
        return []
    loud = np.flatnonzero(np.abs(clip.samples) > SOUNDING * max(clip.peak, 1e-9))
    first, last = (loud[0], loud[-1]) if loud.size else (0, clip.n_samples)
    shares = np.concatenate([[0.0], np.cumsum(lengths)[:-1]]) / lengths.sum()
    begins = (first + shares * (last - first)) / clip.sample_rate
    return [word for word, at in zip(words, begins, strict=True) if at >= part * clip.duration_s + SPARE_S]


def _answering(item: AuditItem, answer: str) -> AuditItem:
    return AuditItem(entry=item.entry, member=item.member, prompt=item.prompt, answer=answer)


def _holds(said: Sequence[str], wanted: Sequence[str]) -> bool:
    n = len(wanted)
    return any(list(said[k : k + n]) == list(wanted) for k in range(len(said) - n + 1))


Question = Callable[[AuditItem], tuple[Stimulus, Callable[[str], bool]] | None]


def _asked(
    model: Model, items: Sequence[AuditItem], question: Question, name: str, tell: Told | None
) -> tuple[list[bool | str | None], list[Unscored]]:
    """Of each item whether it hit, `beyond` where the measure does not apply to it, None where a call failed."""
    hits: list[bool | str | None] = []
    unscored: list[Unscored] = []
    for start in range(0, len(items), BATCH):
        stimuli, checks, places = [], [], []
        part = items[start : start + BATCH]
        hits += [None] * len(part)
        for place, item in enumerate(part, start):
            try:
                made = question(item)
            except BadAudio as error:
                unscored.append(Unscored(id=item.id, member=item.member, reason=str(error)))
                continue
            if made is None:
                hits[place] = "beyond"
                continue
            stimuli.append(made[0])
            checks.append(made[1])
            places.append(place)
        replies = model.ask(stimuli, sampling=Sampling()) if stimuli else []
        for place, check, reply in zip(places, checks, replies, strict=True):
            if isinstance(reply, Answer):
                hits[place] = check(reply.said)
            else:
                item = items[place]
                unscored.append(Unscored(id=item.id, member=item.member, reason=getattr(reply, "detail", "blocked")))
        if tell is not None:
            tell(name, min(start + BATCH, len(items)), len(items))
    return hits, unscored


def _shares(
    measure: str, items: Sequence[AuditItem], clusters: Sequence[str], hits: Sequence[bool | str | None]
) -> list[Share]:
    found = []
    for member in (True, False):
        places = [k for k, item in enumerate(items) if item.member == member]
        scored = [k for k in places if isinstance(hits[k], bool)]
        n_hits = sum(hits[k] is True for k in scored)
        found.append(
            Share(
                measure=measure,
                member=member,
                n_hits=n_hits,
                n=len(scored),
                n_unscored=sum(hits[k] is None for k in places),
                n_beyond=sum(hits[k] == "beyond" for k in places),
                interval=_interval([bool(hits[k]) for k in scored], [clusters[k] for k in scored]),
            )
        )
    return found


def _interval(hits: Sequence[bool], clusters: Sequence[str]) -> Interval | None:
    """Over clusters; Wilson's where each has one item, which holds at 0 and 1 too."""
    if not hits:
        return None
    names = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    if len(names) == len(hits):
        return wilson(n_success=sum(hits), n=len(hits))
    place = [names[name] for name in clusters]
    above = np.bincount(place, weights=np.array(hits, np.float64))
    return clustered_interval(above[:, None], np.bincount(place).astype(np.float64)[:, None])
