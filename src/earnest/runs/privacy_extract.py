"""`earnest privacy extract`: what a model gives back of its training set to somebody who asks."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence

from earnest.errors import BadAudio
from earnest.models.access import Model, rng_for
from earnest.privacy.extraction import Exposed, Share, exposures, from_a_part, whole
from earnest.privacy.items import AuditItem, check_sides, clusters_of
from earnest.report.extraction import Exposure, Extracted, ExtractionFile
from earnest.report.membership import UnscoredItem

Progress = Callable[[str, int, int, float], None]


def extract(
    model: Model,
    items: Sequence[AuditItem],
    *,
    part: float = 0.5,
    n_exposed: int = 25,
    n_candidates: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> ExtractionFile:
    """Ask a model for its training set.

    Parameters
    ----------
    items : sequence of AuditItem
        From `earnest.runs.privacy_audit.read_items`.
    part : float
        Share of a recording that is played where the beginning alone is.
    n_exposed, n_candidates : int
        Items of a side whose exposure is measured (0: of none), and answers that each is compared with.

    Raises
    ------
    BadData
        If the sides overlap, are too small, or are of one speaker; rows are named.
    """
    begun: dict[str, float] = {}

    def tell(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(what, done, total, time.monotonic() - begun.setdefault(what, time.monotonic()))

    check_sides(items, [_digest(item) for item in items])
    clusters, clustered_by = clusters_of(items)
    shares, unscored = whole(model, items, clusters, tell=tell)
    more, lacking = from_a_part(model, items, clusters, part=part, tell=tell)
    exposed = (
        exposures(model, items, rng=rng_for(seed, "exposure"), n_items=n_exposed, n_candidates=n_candidates, tell=tell)
        if n_exposed and "scores" in model.access
        else []
    )
    rates = [_rate(share) for share in (*shares, *more)]
    return ExtractionFile(
        model=model.name,
        note=model.note or "",
        threat_model=(
            "An attacker asks the model with recordings, whole or their beginning, and reads what it answers; for the exposure "
            "also how likely it finds given answers. Recordings that were never trained on are asked likewise."
        ),
        sentence=_sentence(rates),
        clustered_by=clustered_by,
        rates=rates,
        exposure=[_exposure(one) for one in exposed],
        unscored=[
            UnscoredItem(id=one.id, member=one.member, model="", reason=one.reason) for one in (*unscored, *lacking)
        ],
        seed=seed,
    )


def _digest(item: AuditItem) -> str:
    try:
        return item.entry.clip().digest
    except BadAudio:
        return ""


def _rate(share: Share) -> Extracted:
    total = share.n + share.n_unscored
    return Extracted(
        measure=share.measure,
        members=share.member,
        value=share.value,
        low=share.interval.low if share.interval else None,
        high=share.interval.high if share.interval else None,
        n_hits=share.n_hits,
        n=share.n,
        n_unscored=share.n_unscored,
        n_beyond=share.n_beyond,
        at_least=share.n_hits / total if total else None,
        at_most=(share.n_hits + share.n_unscored) / total if total else None,
    )


def _exposure(one: Exposed) -> Exposure:
    most = math.log2(one.n_candidates + 1)
    return Exposure(
        members=one.member,
        sampled_median=statistics.median(one.sampled) if one.sampled else None,
        modelled_median=statistics.median(one.modelled) if one.modelled else None,
        n=len(one.sampled),
        n_first=sum(bits >= most - 1e-9 for bits in one.sampled),
        n_candidates=one.n_candidates,
        most_sampled=most,
        n_unscored=one.n_unscored,
    )


def _sentence(rates: Sequence[Extracted]) -> str:
    first, control = rates[0], rates[1]
    if first.value is None or control.value is None:
        return "no recording of one of the sides could be asked, so that nothing is known of extraction"
    return (
        f"the model gives {first.n_hits:,} of {first.n:,} members their answer back word by word ({first.value:.3f} "
        f"[{first.low:.3f}, {first.high:.3f}]), and {control.n_hits:,} of {control.n:,} recordings that it was not trained on"
    )
