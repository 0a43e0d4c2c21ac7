"""What inner activations of a model tell of who speaks: linear probes, beside a control task and a baseline without the model.

Activations of each recording are read at every site, and a linear probe learns an attribute of the speaker from them. It is
tried on speakers that it has not learnt from. Three things stand beside it: chance, which is one over the number of values;
the *control task*, the same probe on attributes that are dealt to the speakers anew [hewitt2019-control], which tells what a
probe of this width reaches with these speakers anyhow; and the *baseline*, the same probe on plain acoustic features, since what
anybody can hear in the recording is no secret of the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Entry, Manifest, Stimulus
from earnest.engine import Progress
from earnest.errors import BadAudio, BadData
from earnest.metrics.clusters import clustered_interval
from earnest.models.access import Model, rng_for
from earnest.runs.anonymisation import described
from earnest.runs.reidentification import N_FOLDS, Heard

Floats = NDArray[np.float64]

LEAST_SPEAKERS = 10
"""That each value of the attribute needs."""
SHRINKAGE = 0.2
BATCH = 16
ACOUSTIC = "acoustic features, without the model"


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What a probe reads at one site.

    Parameters
    ----------
    site : str
    balanced_accuracy, low, high : float
        Mean of the recalls, with its 95 % interval by speakers.
    recall : mapping of str to float
        By value of the attribute; chance is one over their number.
    control, control_high : float
        Mean of the balanced accuracy on dealt attributes, and its 95th percentile.
    p : float
        Share of dealt attributes that are read as well or better, one added to both counts.
    """

    site: str
    balanced_accuracy: float
    low: float | None
    high: float | None
    recall: dict[str, float]
    control: float
    control_high: float
    p: float

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class AttributeInference:
    """One attribute, at every site."""

    attribute: str
    values: dict[str, int]
    """Speakers by value."""
    n_recordings: int
    n_left_out: int
    """Rows without a speaker or without the attribute, of a value that too few speakers have, or silent."""
    chance: float
    n_control: int
    sites: list[Probed]
    baseline: Probed

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "attribute": self.attribute,
            "values": self.values,
            "n_recordings": self.n_recordings,
            "n_left_out": self.n_left_out,
            "chance": self.chance,
            "n_control": self.n_control,
            "sites": [one.as_json() for one in self.sites],
            "baseline": self.baseline.as_json(),
        }


def infer_attribute(
    model: Model,
    manifest: Manifest,
    attribute: str,
    *,
    prompt: str = "Do what is asked.",
    limit: int = 400,
    n_control: int = 20,
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
) -> AttributeInference:
    """Read an attribute of speakers from the activations of a model.

    Parameters
    ----------
    model : Model
        Grants activations.
    attribute : str
        A column whose value is the same in all rows of a speaker, such as gender, age_band or accent.
    limit : int
        Recordings at most, drawn.

    Raises
    ------
    BadData
        If two values do not have ten speakers each, or a speaker has two.
    AccessDenied
        If the model grants no activations.
    """
    rows, of = _rows(manifest, attribute)
    places = rng_for(seed, "attributes").permutation(len(rows))[:limit]
    kept: list[tuple[Entry, Floats]] = []
    for place in sorted(places):
        try:
            kept.append((rows[place], described(Heard.of(rows[place].clip()))))
        except BadAudio:
            continue
    inner: dict[str, list[Floats]] = {}
    for begin in range(0, len(kept), BATCH):
        stimuli = [Stimulus(clips={"speech": entry.clip()}, prompt=prompt) for entry, _ in kept[begin : begin + BATCH]]
        for found in model.activations(stimuli):
            for site, vector in found.items():
                inner.setdefault(site, []).append(np.asarray(vector, dtype=np.float64))
        done = begin + len(stimuli)
        progress(
            Progress(
                done=done,
                total=len(kept),
                scored=done,
                unscored={},
                cost_usd=None,
                rate_per_s=0.0,
                eta_s=None,
                in_flight=0,
            )
        )
    speakers = [str(entry.speaker) for entry, _ in kept]
    folds = _folds(of, seed)

    def probed(site: str, table: Floats) -> Probed:
        return _probed(site, table, speakers, of, folds, n_control=n_control, seed=seed)

    counts = Counter(of[speaker] for speaker in set(speakers))
    return AttributeInference(
        attribute=attribute,
        values=dict(sorted(counts.items())),
        n_recordings=len(kept),
        n_left_out=len(manifest) - len(rows) + min(limit, len(rows)) - len(kept),
        chance=1 / len(counts),
        n_control=n_control,
        sites=[probed(site, np.stack(vectors)) for site, vectors in inner.items()],
        baseline=probed(ACOUSTIC, np.stack([row for _, row in kept])),
    )


def _rows(manifest: Manifest, attribute: str) -> tuple[list[Entry], dict[str, str]]:
    """Rows that can be used, and the value of each speaker."""
    of: dict[str, str] = {}
    for entry in manifest:
        value = entry.value(attribute)
        if entry.speaker and value is not None and of.setdefault(entry.speaker, str(value)) != str(value):
            raise BadData(
                f"{attribute} must be one for all rows of a speaker, got {of[entry.speaker]!r} and {str(value)!r} for "
                f"{entry.speaker!r} (row {entry.id!r}); mend the column"
            )
    counts = Counter(of.values())
    values = {value for value, n in counts.items() if n >= LEAST_SPEAKERS}
    if len(values) < 2:
        shown = ", ".join(f"{value}: {n}" for value, n in counts.most_common(5)) or "none"
        raise BadData(
            f"two values of {attribute!r} must have {LEAST_SPEAKERS} speakers each, got {shown}; "
            f"the columns are {', '.join(manifest.columns)}"
        )
    of = {speaker: value for speaker, value in of.items() if value in values}
    return [entry for entry in manifest if entry.speaker in of], of


def _folds(of: dict[str, str], seed: int) -> dict[str, int]:
    """The fold of each speaker, values spread over them."""
    names = sorted(of)
    shuffled = [names[place] for place in rng_for(seed, "attribute folds").permutation(len(names))]
    return {name: place % N_FOLDS for place, name in enumerate(sorted(shuffled, key=lambda name: of[name]))}


def _probed(
    site: str,
    table: Floats,
    speakers: Sequence[str],
    of: dict[str, str],
    folds: dict[str, int],
    *,
    n_control: int,
    seed: int,
) -> Probed:
    values = sorted(set(of.values()))
    held = np.array([folds[speaker] for speaker in speakers])
    readers = [_reader(table, held, fold) for fold in range(N_FOLDS)]

    def read(assigned: dict[str, str]) -> tuple[Floats, Floats]:
        """Right answers and answers of each speaker, by value."""
        labels = np.array([values.index(assigned[speaker]) for speaker in speakers])
        guesses = np.zeros(len(labels), dtype=np.int64)
        for fold, reader in enumerate(readers):
            guesses[held == fold] = reader(labels, len(values))
        names = sorted(set(speakers))
        places = np.array([names.index(speaker) for speaker in speakers])
        above, below = np.zeros((len(names), len(values))), np.zeros((len(names), len(values)))
        np.add.at(below, (places, labels), 1.0)
        np.add.at(above, (places, labels), (guesses == labels).astype(np.float64))
        return above, below

    above, below = read(of)
    recall = above.sum(axis=0) / below.sum(axis=0)
    interval = clustered_interval(above, below)
    dealt = []
    for number in range(n_control):
        names = sorted(of)
        order = rng_for(seed, "control", str(number)).permutation(len(names))
        up, down = read({name: of[names[place]] for name, place in zip(names, order, strict=True)})
        seen = down.sum(axis=0) > 0
        dealt.append(float(np.mean(up.sum(axis=0)[seen] / down.sum(axis=0)[seen])))
    value = float(recall.mean())
    return Probed(
        site=site,
        balanced_accuracy=round(value, 4),
        low=interval and round(interval.low, 4),
        high=interval and round(interval.high, 4),
        recall={name: round(float(one), 4) for name, one in zip(values, recall, strict=True)},
        control=round(float(np.mean(dealt)), 4),
        control_high=round(float(np.quantile(dealt, 0.95)), 4),
        p=round((1 + sum(one >= value for one in dealt)) / (1 + n_control), 4),
    )


def _reader(table: Floats, held: NDArray[np.int64], fold: int) -> Callable[[NDArray[np.int64], int], NDArray[np.int64]]:
    """From labels of all rows to the guesses of a linear discriminant for the rows of a fold that it has not learnt from."""
    inside, outside = held == fold, held != fold
    centre, spread = table[outside].mean(axis=0), table[outside].std(axis=0) + 1e-9
    rows = (table - centre) / spread

    def read(labels: NDArray[np.int64], n_values: int) -> NDArray[np.int64]:
        known = labels[outside]
        means = np.stack(
            [
                rows[outside][known == value].mean(axis=0) if (known == value).any() else 0 * centre
                for value in range(n_values)
            ]
        )
        rest = rows[outside] - means[known]
        within = rest.T @ rest / max(1, len(rest) - n_values)
        shrunk = (1 - SHRINKAGE) * within + SHRINKAGE * np.diag(np.diag(within)) + 1e-3 * np.eye(len(within))
        weights = np.linalg.solve(shrunk, means.T)
        offsets = -0.5 * np.einsum("ij,ji->i", means, weights)
        return np.asarray(np.argmax(rows[inside] @ weights + offsets, axis=1))

    return read
