"""Fitting: what an attack, a defence or a detector learns from a split of the data, as an artefact in a folder.

A fit asks through the same `Caller` as a run, so that its calls are cached, counted, paid and kept under a ceiling alike. What
decides its outcome stands in `fit.json`; under an equal one the same command goes on: answers that were paid for are taken
from the cache, and a fit that was finished is given back. Methods that take gradients begin anew, and give the same.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import hashlib
import json
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from earnest.artefacts import Artefact, load, store_folders
from earnest.audio import Entry
from earnest.engine.caller import LET_GO_S, Caller
from earnest.engine.job import Progress, Settings
from earnest.engine.journal import storage_failed
from earnest.engine.session import Session, in_session
from earnest.engine.workers import Workers
from earnest.errors import AccessDenied, BadData, BadParameter, EarnestError, PlanMismatch, RunStopped, machine_failed
from earnest.models.access import Model, System, rng_for
from earnest.run_folder import file_in, read_form, write_whole

T = TypeVar("T")

FILE = "fit.json"


class FitPlan(BaseModel):
    """Everything that decides what a fit gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    earnest: str = Field(description="Version of earnest.")
    kind: str = Field(description="Registry: attacks, defences or detectors.")
    spec: str
    model: str | None = Field(default=None, description="Specification of the model that is asked, or null: none.")
    fingerprint: str = ""
    data: str
    data_digest: str
    split: dict[str, Any] = Field(
        description="Name, how it was made, by which columns rows are kept apart, and how many there are."
    )
    rows_digest: str = Field(description="SHA-256 of the ids of its rows, in order.")
    seed: int = 0
    parameters: dict[str, Any] = Field(default_factory=dict, description="Sampling parameters of every call.")
    plugins: dict[str, str] = Field(default_factory=dict)
    artefact: str | None = Field(default=None, description="SHA-256 of what came of it; null until it is finished.")

    def differences(self, other: FitPlan) -> list[str]:
        """What `other` has otherwise, beside what came of it."""
        mine, theirs = self.model_dump(exclude={"artefact"}), other.model_dump(exclude={"artefact"})
        return [f"{key} is {mine[key]!r} there, {theirs[key]!r} here" for key in mine if mine[key] != theirs[key]]

    def write(self, folder: Path) -> None:
        """Write it into a folder, over the one that is there."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / FILE, (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode())
        except OSError as error:
            raise storage_failed(folder / FILE, error) from error


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A finished fit.

    Parameters
    ----------
    artefact : Artefact
    path : Path
    n_calls, n_cached : int
        Answers that were got, and that came from the cache, in this sitting.
    cost_usd : float or None
        Spent so far; None where a price is not known.
    seconds : float
        Of this sitting.
    resumed : bool
        Whether it was finished before, and nothing was done.
    """

    artefact: Artefact
    path: Path
    n_calls: int = 0
    n_cached: int = 0
    cost_usd: float | None = 0.0
    seconds: float = 0.0
    resumed: bool = False


def fit(
    plan: FitPlan,
    plugin: Any,
    rows: Sequence[Entry],
    *,
    model: Model | None,
    folder: Path,
    split: dict[str, Any],
    settings: Settings = Settings(),  # noqa: B008
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Fit a plug-in to rows, and keep what came of it in `folder`.

    Parameters
    ----------
    split : dict
        What the artefact is to say of the split, digests of what was seen among it.

    Raises
    ------
    PlanMismatch
        If the folder holds another fit.
    BadParameter
        If there is nothing to fit, or what came of it is no artefact of this plug-in.
    AccessDenied
        If it needs more than the model grants.
    RunStopped
        If nobody can be asked, or its own code failed; the same command resumes it.
    """
    held = _held(folder, plan)
    if held is not None:
        return held
    plan.write(folder)
    return in_session(
        folder,
        settings,
        lambda session: _fitted(session, plan, plugin, rows, model, split=split, on_progress=on_progress),
    )


def _held(folder: Path, plan: FitPlan) -> Fit | None:
    """What an earlier sitting has finished; None where there is something to do."""
    path = file_in(folder, FILE)
    if not path.exists():
        return None
    there = read_form(path, FitPlan, called="a fit")
    if differences := there.differences(plan):
        raise PlanMismatch(
            f"{folder} holds another fit: {'; '.join(differences)}; give the same options to go on, or another --out"
        )
    if there.artefact is None:
        return None
    made = folder / f"{there.artefact}.safetensors"
    artefact = load(made)
    if artefact.sha != there.artefact:
        raise BadData(f"{made} must hold the artefact {there.artefact}, got {artefact.sha}; fit into another folder")
    return Fit(artefact=artefact, path=made, resumed=True)


async def _fitted(
    session: Session,
    plan: FitPlan,
    plugin: Any,
    rows: Sequence[Entry],
    model: Model | None,
    *,
    split: dict[str, Any],
    on_progress: Callable[[Progress], None] | None,
) -> Fit:
    session.keep_account(of_learning=False)
    caller = None if model is None else session.caller(model)
    session.check_prices()
    _check_access(plugin, caller)
    async with AsyncExitStack() as stack:
        pool = Workers(1, name="earnest-work")
        stack.push_async_callback(pool.closed, within_s=LET_GO_S)
        stack.push_async_callback(
            session.close_callers
        )  # before the pool: a thread that waits for an answer must be let go
        shown = functools.partial(_shown, session, on_progress=on_progress, total=len(rows))
        digests = await shown(pool.submit(_digests, rows))
        system = None if caller is None else System(caller, (), plan.seed, session.settings.sampling)
        rng = rng_for(plan.seed, "fit", plan.spec)
        made = await shown(pool.submit(_fit_of, plugin, list(rows), system, rng))
    totals = session.totals()
    artefact = _checked(made, plan).with_about(
        data=plan.data,
        data_digest=plan.data_digest,
        rows=sorted(set(digests)),
        split=split,
        model=plan.model,
        fingerprint=plan.fingerprint,
        seed=plan.seed,
        seconds=round(totals.duration_s, 3),
        cost_usd=totals.cost_usd,
        earnest=plan.earnest,
        plugins=plan.plugins,
        fitted=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    path = artefact.save(session.folder)
    artefact.save(store_folders()[-1])
    plan.model_copy(update={"artefact": artefact.sha}).write(session.folder)
    return Fit(
        artefact=artefact,
        path=path,
        n_calls=totals.n_calls,
        n_cached=totals.n_cached,
        cost_usd=totals.cost_usd,
        seconds=totals.duration_s,
    )


def _check_access(plugin: Any, caller: Caller | None) -> None:
    needs = getattr(plugin, "needs", None)
    if caller is None or needs is None or needs in caller.access:
        return
    raise AccessDenied(
        f"{plugin.name!r} needs {needs} access to be fitted, but {caller.name!r} grants {', '.join(sorted(caller.access))} only; "
        "choose a model that runs here"
    )


async def _shown(session: Session, work: Future[T], *, on_progress: Callable[[Progress], None] | None, total: int) -> T:
    """What a worker's task gives; what is asked meanwhile is shown and written to the disk.

    Nobody knows how many answers a method will ask for, so that those that came are all there are; without a model rows
    are counted, once they are done with.
    """

    def show() -> None:
        if on_progress is None:
            return
        totals = session.totals()
        n_answers = totals.n_calls + totals.n_cached
        done, most = (n_answers, n_answers) if session.callers else (total * work.done(), total)
        on_progress(session.progress(done=done, total=most, scored=n_answers, unscored={}, n_here=n_answers))

    async with session.ticking(show):
        return await asyncio.wrap_future(work)


def _digests(rows: Sequence[Entry]) -> list[str]:
    """SHA-256 of each row's clip, as run folders name clips."""
    return [entry.clip().quantised().digest for entry in rows]


def _fit_of(plugin: Any, rows: list[Entry], system: System | None, rng: Any) -> Any:
    try:
        return plugin.fit(rows, system, rng)
    except EarnestError:
        raise
    except Exception as error:
        if fault := machine_failed(error):
            raise fault from error
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise RunStopped(
            f"{plugin.name!r} could not be fitted, {type(error).__name__}: {str(error)[:300]} ({Path(place.filename).name}, line "
            f"{place.lineno}); mend it and run the same command again"
        ) from error


def _checked(artefact: Any, plan: FitPlan) -> Artefact:
    if artefact is None:
        raise BadParameter(f"{plan.kind}/{plan.spec} has nothing to fit; use it as it is")
    if not isinstance(artefact, Artefact) or (artefact.kind, artefact.name) != (plan.kind, plan.spec.partition(":")[0]):
        came = f"one of {artefact.kind}/{artefact.spec}" if isinstance(artefact, Artefact) else type(artefact).__name__
        raise BadParameter(
            f"fit of {plan.kind}/{plan.spec} must return its artefact, got {came}; return self.made(arrays)"
        )
    return artefact


def rows_digest(rows: Sequence[Entry]) -> str:
    """SHA-256 of the ids of rows, in order."""
    return hashlib.sha256("\n".join(entry.id for entry in rows).encode()).hexdigest()
