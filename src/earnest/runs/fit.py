"""`earnest.fit`: from names to a fit that is checked whole, to an artefact in a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import earnest
from earnest.audio import Entry, Manifest
from earnest.audio.splits import Split, split_of, with_rows
from earnest.engine.fitting import Fit, FitPlan, rows_digest
from earnest.engine.fitting import fit as fitted
from earnest.engine.job import Progress, Settings, default_cache
from earnest.engine.prices import read_prices
from earnest.errors import BadData, BadParameter
from earnest.models import load_model
from earnest.models.access import Model, Sampling
from earnest.models.options import Given, options_of
from earnest.registry import loaded_files, registry
from earnest.runs.artefacts import canonical
from earnest.tasks.probe import NAME as PROBE
from earnest.tasks.probe import probe_manifest

FITTED = ("attacks", "defences", "detectors")
"""Registries whose plug-ins may have something to fit."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitOutline:
    """What a fit would learn from, and whom it would ask.

    Parameters
    ----------
    plan : FitPlan
    split : Split
    destination : str or None
        Host that recordings are sent to; None where they stay on this machine.
    """

    plan: FitPlan
    split: Split
    destination: str | None

    def as_json(self) -> dict[str, Any]:
        """The outline as JSON values."""
        return {
            "plan": self.plan.model_dump(mode="json"),
            "n_rows": len(self.split.rows),
            "destination": self.destination,
        }

    def as_text(self) -> str:
        """The outline for a terminal."""
        split, asked = self.split, self.plan.model
        apart = (
            f"rows are kept apart by {' and '.join(split.apart_by)}" if split.apart_by else "each row stands for itself"
        )
        lines = [
            f"fit {self.plan.kind}/{self.plan.spec} on {len(split.rows)} rows of {self.plan.data}, split {split.name} "
            f"({'drawn from the seed' if split.how == 'drawn' else 'column split' if split.how == 'column' else 'every row'}; {apart})",
            *([f"  {split.note}"] if split.note else []),
            f"  {asked} is asked as often as the method wants" if asked else "  no model is asked",
            f"  recordings are sent to {self.destination}" if self.destination else "  recordings stay on this machine",
        ]
        return "\n".join(lines)


def fit(
    plugin: str,
    *,
    out: str | Path | None = None,
    data: str | Path | Manifest | None = None,
    split: str = "train",
    also: str | tuple[str, ...] = (),
    model: str | Model | None = None,
    seed: int = 0,
    max_cost: float | None = None,
    price: str | tuple[str, ...] = (),
    max_connections: int = 16,
    batch_size: int | None = None,
    timeout_s: float = 120.0,
    temperature: float = 0.0,
    max_tokens: int = 256,
    model_options: Given = (),
    cache: bool | Path = True,
    dry_run: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Fit | FitOutline:
    """Fit an attack, a defence or a detector to a split of the data, and keep what it learnt.

    Parameters
    ----------
    plugin : str
        `<registry>/<name>[:k=v,...]`: `detectors/lfcc_gmm:n_components=16`.
    out : path
        Folder for the artefact; one that holds the same fit goes on, or gives back what it made.
    data : path, Manifest or None
        Folder of recordings; None takes the embedded probe set.
    split : str
        Value of the column `split`; where there is none, `train` or `test`, drawn by cluster of speaker and text; or `all`.
    also : str or tuple of str
        Further folders to learn from, `FOLDER[:column=value,...]`, with columns that all of their rows get:
        `librispeech:label=bona_fide`. Rows that share a speaker or a text with rows outside the split are left out.
    model : str, Model or None
        Whom the method asks, if it asks anybody.
    seed : int
        Of the draw of the split, and of all that the method draws.
    dry_run : bool
        Give back a `FitOutline` and do nothing.

    Returns
    -------
    Fit, or FitOutline of a dry run

    Raises
    ------
    BadParameter, UnknownName, BadData
        If something is not there, or there is nothing to fit.
    PlanMismatch
        If `out` holds another fit.
    """
    kind, spec = _named(plugin)
    if out is None and not dry_run:
        raise BadParameter(
            "a fit needs a folder, got out=None; give --out fitted, or --dry-run to see what it would learn from"
        )
    made = registry(kind).make(spec)
    asked = load_model(model, **options_of(model, model_options)) if isinstance(model, str) else model
    manifest = probe_manifest() if data is None else data if isinstance(data, Manifest) else Manifest.read(data)
    chosen = split_of(manifest, split, seed=seed)
    further = [_further(folder) for folder in ((also,) if isinstance(also, str) else also)]
    for name, rows, _ in further:
        chosen = with_rows(chosen, rows, of=name)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    facts = {key: value for key, value in chosen.as_json().items() if not key.endswith(("speakers", "texts"))}
    plan = FitPlan(
        earnest=earnest.__version__,
        kind=kind,
        spec=spec,
        model=None if asked is None else asked.name,
        fingerprint="" if asked is None else asked.fingerprint,
        data="+".join((PROBE if data is None else manifest.folder.resolve().name, *(name for name, _, _ in further))),
        data_digest="+".join((manifest.digest, *(digest for _, _, digest in further))),
        split=facts,
        rows_digest=rows_digest(chosen.rows),
        seed=seed,
        parameters={} if asked is None else dataclasses.asdict(sampling),
        plugins=loaded_files(),
    )
    if dry_run:
        return FitOutline(plan=plan, split=chosen, destination=None if asked is None else asked.destination)
    settings = Settings(
        max_connections=max_connections,
        timeout_s=timeout_s,
        max_cost=max_cost,
        batch_size=batch_size,
        sampling=sampling,
        cache=default_cache() if cache is True else (cache or None),
        prices=read_prices((price,) if isinstance(price, str) else price, models=[asked.name])
        if price and asked
        else None,
    )
    return fitted(
        plan,
        made,
        chosen.rows,
        model=asked,
        folder=Path(str(out)),
        split=chosen.as_json(),
        settings=settings,
        on_progress=on_progress,
    )


def _further(given: str) -> tuple[str, list[Entry], str]:
    """Name of a further folder to learn from, its rows with the columns given for all of them, and a digest of both."""
    folder, _, columns = given.rpartition(":") if "=" in given.rpartition(":")[2] else (given, "", "")
    values = dict(pair.partition("=")[::2] for pair in columns.split(",") if pair)
    if not folder or not all(values.values()) or not all("=" in pair for pair in columns.split(",") if pair):
        raise BadParameter(
            f"a further folder is written FOLDER[:column=value,...], got {given!r}; write librispeech:label=bona_fide, say"
        )
    manifest = Manifest.read(folder)
    strange = sorted(set(values) - {"label", "speaker", "gender", "age_band", "accent", "language", "role"})
    if strange:
        raise BadParameter(
            f"what all rows of a further folder get must be label, speaker, gender, age_band, accent, language or role, got "
            f"{', '.join(strange)}; put other columns into its manifest"
        )
    rows = [entry.model_copy(update=values) for entry in manifest]
    name = manifest.folder.resolve().name
    return name, rows, ":".join(part for part in (manifest.digest, columns) if part)


def _named(plugin: str) -> tuple[str, str]:
    """The registry and the canonical specification of what is to be fitted."""
    kind, slash, spec = plugin.partition("/")
    if not slash or kind not in FITTED:
        raise BadParameter(
            f"what is fitted is written <registry>/<name>[:k=v,...], the registry being one of {', '.join(FITTED)}, got {plugin!r}"
        )
    try:
        return kind, canonical(spec)
    except BadData as error:
        raise BadParameter(str(error)) from error
