"""Unlearning of one speaker, and whether it worked.

Two ways. *Gradient ascent* undoes what was learnt: steps that make the speaker's answers less likely, beside steps that
keep those of others ([jang2023-unlearning] ascend on the sequences to be forgotten; the retained set beside them is that
of the later literature). *From before*: the model of before the speaker was trained on is trained anew on the others; it
is exact, costs a training, and needs the model of before.

Ascent without an end destroys a model and makes the forgotten answers unlikelier than any that was never seen, which shows
membership as well as memory does. So it stops where the speaker's answers are as likely as answers that were never
trained on, and all is judged against a model that never had the speaker: the area that matters is the distance from that
model's, on either side of 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earnest.errors import BadParameter
from earnest.metrics.intervals import Interval, wilson
from earnest.metrics.membership import area_interval, area_under_curve
from earnest.models.access import Answer, Model, TokenScores
from earnest.privacy.extraction import plain
from earnest.privacy.items import AuditItem, token_scores_of
from earnest.privacy.training import Training, batches, choose, losses_of, trained_on


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """How a speaker is unlearnt by gradient ascent.

    Parameters
    ----------
    training : Training
        `steps` is the most that are made.
    retain_weight : float
        Of the mean loss of retained items, against 1 of the speaker's.
    check_every : int
        Steps between looks at the speaker's loss.
    """

    training: Training = Training(steps=60, batch_size=8, learning_rate=2e-4)
    retain_weight: float = 1.0
    check_every: int = 5


@dataclass(frozen=True, kw_only=True)
class Unlearnt:
    """A model that unlearnt, the steps that it took, and whether the speaker's loss reached that of unseen answers."""

    model: Model
    n_steps: int
    reached: bool


def ascended(
    model: Model,
    forget: Sequence[AuditItem],
    retain: Sequence[AuditItem],
    *,
    unseen: Sequence[AuditItem],
    how: Ascent = Ascent(),  # noqa: B008
    rng: np.random.Generator,
) -> Unlearnt:
    """Unlearn items by gradient ascent with a retained set.

    Parameters
    ----------
    forget, retain : sequence of AuditItem
        Items of the speaker, and others that the model was trained on and keeps.
    unseen : sequence of AuditItem
        Items that it was never trained on: ascent stops where the speaker's mean loss reaches theirs, as the model has it
        before it unlearns.

    Raises
    ------
    BadParameter
        If one of the sets is empty.
    AccessDenied
        If the model's network is out of reach.
    """
    import torch

    for name, items in (("forget", forget), ("retain", retain), ("unseen", unseen)):
        if not items:
            raise BadParameter(
                f"unlearning needs items to {name}, got none; name rows of the speaker, of others, and unseen"
            )
    learner = model.learner()
    choose(learner, how.training.layers)
    parameters = [p for p in learner.module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=how.training.learning_rate, weight_decay=0.0)
    n = how.training.batch_size
    gone, kept = (batches(items, min(n, len(items)), rng) for items in (forget, retain))

    def loss_of(items: Sequence[AuditItem]) -> float:
        with torch.no_grad():
            parts = [losses_of(learner, items[k : k + n]) for k in range(0, len(items), n)]
        return float(torch.cat(parts).mean())

    level, n_steps = loss_of(unseen), 0
    reached = loss_of(forget) >= level
    while not reached and n_steps < how.training.steps:
        optimiser.zero_grad(set_to_none=True)
        # clamped, so that an answer that is already forgotten pushes no further
        ascent = -losses_of(learner, next(gone)).clamp(max=level).mean()
        (ascent + how.retain_weight * losses_of(learner, next(kept)).mean()).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        n_steps += 1
        if n_steps % how.check_every == 0:
            reached = loss_of(forget) >= level
    return Unlearnt(model=model.with_weights(learner.weights()), n_steps=n_steps, reached=reached)


def retrained(before: Model, retain: Sequence[AuditItem], *, training: Training, rng: np.random.Generator) -> Unlearnt:
    """The model of before, trained on the others: exact unlearning at the cost of a training."""
    return Unlearnt(model=trained_on(before, retain, training, rng), n_steps=training.steps, reached=True)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a model shows of a speaker that it is to have forgotten.

    Parameters
    ----------
    model : str
    forgotten : float
        Area of the speaker's trained items against items of theirs that were never trained on, by loss; 0.5 is forgotten,
        and less shows too that they were singled out.
    interval : Interval
        95 %, over recordings of this one speaker: it says nothing of others.
    from_never : float
        The area less that of the model that never had the speaker.
    extracted, extracted_interval : float, Interval
        Share of the speaker's answers given back word by word.
    retained, retained_interval : float, Interval
        Share of the other speakers' answers: what the unlearning cost.
    n_forget, n_unseen, n_retain : int
    """

    model: str
    forgotten: float
    interval: Interval
    from_never: float
    extracted: float
    extracted_interval: Interval
    retained: float
    retained_interval: Interval
    n_forget: int
    n_unseen: int
    n_retain: int


def judged(
    models: Mapping[str, Model],
    *,
    never: str,
    forget: Sequence[AuditItem],
    unseen: Sequence[AuditItem],
    retain: Sequence[AuditItem],
) -> list[Judged]:
    """Judge models against the one that never had the speaker.

    Parameters
    ----------
    models : mapping of str to Model
        By a name for the table.
    never : str
        The name of the one that was never trained on the speaker.
    forget, unseen, retain : sequence of AuditItem
        Trained items of the speaker; items of theirs that were not; trained items of others.

    Raises
    ------
    BadParameter
        If there is no model `never`, or `forget` and `unseen` are not of one and the same speaker.
    """
    if never not in models:
        raise BadParameter(
            f"unlearning is judged against a model that never had the speaker, got none called {never!r}"
        )
    speakers = {item.entry.speaker for item in (*forget, *unseen)}
    if len(speakers) != 1 or None in speakers:
        shown = ", ".join(sorted(repr(speaker) for speaker in speakers))
        raise BadParameter(
            f"items to forget, and unseen ones beside them, must be of one speaker, got {shown}; other voices would differ "
            "by voice"
        )
    found = [_judged(name, model, forget, unseen, retain) for name, model in models.items()]
    level = next(one.forgotten for one in found if one.model == never)
    return [replace(one, from_never=one.forgotten - level) for one in found]


def _judged(
    name: str, model: Model, forget: Sequence[AuditItem], unseen: Sequence[AuditItem], retain: Sequence[AuditItem]
) -> Judged:
    inside, outside = _losses(model, forget), _losses(model, unseen)
    rates = {side: _given_back(model, items) for side, items in (("forget", forget), ("retain", retain))}
    return Judged(
        model=name,
        forgotten=area_under_curve(members=inside, nonmembers=outside),
        interval=area_interval(
            members=inside,
            nonmembers=outside,
            member_clusters=[f"in{k}" for k in range(len(inside))],
            nonmember_clusters=[f"out{k}" for k in range(len(outside))],
        ),
        from_never=0.0,
        extracted=rates["forget"] / len(forget),
        extracted_interval=wilson(n_success=rates["forget"], n=len(forget)),
        retained=rates["retain"] / len(retain),
        retained_interval=wilson(n_success=rates["retain"], n=len(retain)),
        n_forget=len(forget),
        n_unseen=len(unseen),
        n_retain=len(retain),
    )


def _losses(model: Model, items: Sequence[AuditItem]) -> list[float]:
    """Mean log-probability of a token of each answer.

    Raises
    ------
    BadParameter
        If an item could not be scored: few items decide here, and none is left out.
    """
    scores, unscored = token_scores_of(model, items)
    if unscored:
        raise BadParameter(
            f"every item must be scored to judge unlearning, got {len(unscored)} without, {unscored[0].id!r} among them "
            f"({unscored[0].reason}); take it out of the set"
        )
    return [float(one.log_probabilities.mean()) for one in scores if isinstance(one, TokenScores)]


def _given_back(model: Model, items: Sequence[AuditItem]) -> int:
    replies = model.ask([item.stimulus() for item in items])
    if lacking := [item.id for item, reply in zip(items, replies, strict=True) if not isinstance(reply, Answer)]:
        raise BadParameter(
            f"every item must be answered to judge unlearning, got no answer to {lacking[0]!r}; ask again"
        )
    return sum(
        plain(reply.said) == plain(item.answer)
        for item, reply in zip(items, replies, strict=True)
        if isinstance(reply, Answer)
    )
