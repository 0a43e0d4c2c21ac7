"""A few questions to a model outside of a run, through the callers, the cache and the ceiling that runs have."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from earnest.audio import Stimulus
from earnest.engine.job import Settings
from earnest.engine.session import Session, in_session
from earnest.models.access import Model, Reply, Sampling


def ask_all(
    model: Model,
    stimuli: Sequence[Stimulus],
    *,
    folder: Path | str,
    settings: Settings = Settings(),  # noqa: B008
    sampling: Sampling = Sampling(),  # noqa: B008
) -> tuple[list[Reply], float]:
    """A reply to each stimulus, in order, and what they cost in US dollars; nothing is written but the cache.

    Parameters
    ----------
    folder : path
        Of the run that they are asked for: its ceiling holds, and it may not be there yet.
    """

    async def work(session: Session) -> tuple[list[Reply], float]:
        before = session.ledger.spent
        caller = session.caller(model)
        session.check_prices()
        replies = await asyncio.gather(*(caller.reply(stimulus, sampling=sampling) for stimulus in stimuli))
        return list(replies), session.ledger.spent - before

    return in_session(Path(folder), settings, work)
