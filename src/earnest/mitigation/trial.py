"""A mitigation tried on a data set: the gap before and after on speakers that were not trained on, and what it cost.

Speakers are dealt to folds. A network is trained on all folds but two; what acts after training is fitted to the one, and
all is measured on the other, so that every row is measured once, by networks that know nobody in it. Data with a column
`split` (train, calibration, test) is measured on its test rows alone. The same folds, seeds and batches serve the method
and the plain training. Several seeds are averaged row by row, so that an interval over speakers is about speakers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from earnest.audio import Entry, Manifest
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.mitigation._base import CLASSES, WORDS, Ints, Mitigation, Recipe, Rows, trained
from earnest.mitigation._groups import UNKNOWN, group_of, plain_values
from earnest.mitigation.measures import MEASURES, Fairness, Parts, Sums, Value, change, fairness, gap_of
from earnest.models.reference.vocabulary import plain_words

STRENGTHS = (0.25, 0.5, 1.0)
SPLITS = ("train", "calibration", "test")
HALVED = 0.5


@dataclass(frozen=True, kw_only=True)
class AtStrength:
    """A method at one strength, compared with the plain training on the same rows.

    Parameters
    ----------
    strength : float
    fairness : Fairness
    others : mapping of str to Fairness
        By the recipe's other measures, as far as they can be computed.
    gap_change, overall_change, best_change, worst_change : Value
        After less before: of the gap, of all rows, and of the groups that were best and worst before.
    halves : bool
        Whether the gap is at most half of what it was.
    on_front : bool
        Whether no other strength, 0 among them, has both a smaller gap and a better overall value.
    """

    strength: float
    fairness: Fairness
    others: dict[str, Fairness]
    gap_change: Value
    overall_change: Value
    best_change: Value
    worst_change: Value
    halves: bool
    on_front: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a mitigation did.

    Parameters
    ----------
    data, recipe, method, stage, source : str
    columns : tuple of str
    label, positive : str
        Column and favourable value; empty for a recogniser.
    measure, words : str
        What the gap is of.
    higher_is_better : bool or None
    folds, seeds, seed, least : int
    how : {"drawn", "column"}
        How speakers were kept apart.
    n_rows : int
        Rows that were measured.
    n_unscored : mapping of str to int
        By group, rows whose recording or label could not be used: in no value.
    left_out : mapping of str to int
        Rows without a value in a column, and groups of fewer rows than the least.
    unscored : mapping of str to str
        By id, why.
    before : Fairness
    before_others : mapping of str to Fairness
    before_on_front : bool
    strengths : tuple of AtStrength
    note : str
    """

    data: str
    recipe: str
    method: str
    stage: str
    source: str
    columns: tuple[str, ...]
    label: str
    positive: str
    measure: str
    words: str
    higher_is_better: bool | None
    folds: int
    seeds: int
    seed: int
    least: int
    how: str
    n_rows: int
    n_unscored: dict[str, int]
    left_out: dict[str, int]
    unscored: dict[str, str]
    before: Fairness
    before_others: dict[str, Fairness]
    before_on_front: bool
    strengths: tuple[AtStrength, ...]
    note: str = ""

    @property
    def full(self) -> AtStrength:
        """The greatest strength that was tried."""
        return max(self.strengths, key=lambda one: one.strength)

    def as_json(self) -> dict[str, Any]:
        """The trial as JSON values; what is not finite is null."""
        return plain_values(asdict(self) | {"verdict": self.verdict})

    @property
    def verdict(self) -> str:
        """What the greatest strength did to the gap, in a sentence."""
        one, gap = self.full, self.before.gap
        moved = f"from {gap.value:.3f} to {one.fairness.gap.value:.3f} ({_ends(one.gap_change, signed=True)})"
        if gap.low is not None and gap.low <= 0:
            return f"no gap is shown before: {gap.value:.3f} ({_ends(gap)}) is within noise; after, {moved}"
        if one.gap_change.within_noise:
            return f"the gap went {moved}: a change within noise"
        if one.gap_change.value > 0:
            return f"the gap widened {moved}"
        return f"the gap narrowed {moved}, {'by at least half' if one.halves else 'by less than half'}"

    def as_text(self) -> str:
        """The trial for a terminal."""
        lines = [
            f"{self.method} ({self.stage} training) on {self.recipe}, {self.data} by {' and '.join(self.columns)}",
            f"{self.words}, {self.n_rows} recordings of speakers that were not trained on, {self.seeds} seeds",
        ]
        if any(self.n_unscored.values()):
            lines.append("unscored: " + ", ".join(f"{n} of {name}" for name, n in self.n_unscored.items() if n))
        lines += [f"left out: {n} rows, {name}" for name, n in self.left_out.items()]
        lines.append(_row("strength", [one.group for one in self.before.groups], "all", "gap", "change of the gap"))
        for strength, found, moved, front in [
            (0.0, self.before, None, self.before_on_front),
            *((one.strength, one.fairness, one.gap_change, one.on_front) for one in self.strengths),
        ]:
            told = "" if moved is None else f"{moved.value:+.3f} ({_ends(moved, signed=True)})"
            told += " within noise" if moved is not None and moved.within_noise else ""
            lines.append(
                _row(
                    f"{strength:g}{' *' if front else ''}",
                    [f"{one.value.value:.3f}" for one in found.groups],
                    f"{found.overall.value:.3f}",
                    f"{found.gap.value:.3f} ({_ends(found.gap)})",
                    told,
                )
            )
        one = self.full
        lines += [
            "* on the front of gap and overall value",
            f"worst group before: {self.before.worst}, after: {one.fairness.worst}",
            f"cost at strength {one.strength:g}: {self.before.best} (best before) {_moved(one.best_change)}, all {_moved(one.overall_change)}",
            self.verdict,
        ]
        if self.note:
            lines.append(f"note: {self.note}")
        return "\n".join(lines)


def mitigated(
    recipe: Recipe,
    read: Read,
    method: Mitigation,
    *,
    columns: Sequence[str],
    label: str = "label",
    measure: str = "",
    strengths: Sequence[float] = STRENGTHS,
    folds: int = 4,
    seeds: int = 3,
    least: int = 20,
    seed: int = 0,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Trial:
    """Try a method on a data set.

    Parameters
    ----------
    recipe : Recipe
    read : Read
        The rows, as `read_rows` gives them for the same recipe.
    columns : sequence of str
    label : str
        As they were read by, to be told.
    measure : str
        By default the method's, or the first of `MEASURES` that the recipe has.
    strengths : sequence of float in (0, 1]
    folds, seeds, least, seed : int
    on_step : callable
        Of the trainings that are done and all.

    Raises
    ------
    BadData
        If rows lack what is needed, with what and which.
    BadParameter
        If the method does not serve the recipe, or a number is out of range.
    """
    measure = measure or method.measure or next(name for name, one in MEASURES.items() if one.gives == recipe.gives)
    _check(recipe, method, measure=measure, strengths=strengths, folds=folds, seeds=seeds, least=least)
    rows = read.rows
    method.check(rows)
    parts, how = split_of(rows, read.splits, folds=folds, seed=seed)
    names = [name for name, one in MEASURES.items() if one.gives == recipe.gives]
    found: dict[float, dict[str, list[Parts]]] = {s: {name: [] for name in names} for s in (0.0, *strengths)}
    tested: list[Rows] = []
    done, total = 0, trainings(method, read, strengths, folds=len(parts), seeds=seeds)
    for train, held, test in parts:
        rows_train, rows_held, rows_test = (rows.taken(places) for places in (train, held, test))
        tested.append(rows_test)
        sums: dict[float, dict[str, list[Parts]]] = {s: {name: [] for name in names} for s in (0.0, *strengths)}
        for k in range(seeds):
            plain = trained(recipe, rows_train, method.at(0.0), seed=seed + k)
            done += 1
            on_step(done, total)
            for strength in sums:
                one = method.at(strength)
                network = plain
                if strength and method.stage != "after":
                    rng = np.random.default_rng([seed + k, 2])
                    network = trained(recipe, one.prepared(rows_train, recipe, rng), one, seed=seed + k)
                    done += 1
                    on_step(done, total)
                outputs = recipe.outputs(network, rows_test)
                if strength and method.stage == "after":
                    outputs = one.rule(recipe.outputs(network, rows_held), rows_held)(outputs, rows_test)
                for name in names:
                    sums[strength][name].append(MEASURES[name].of(outputs, rows_test))
        for strength, by_name in sums.items():
            for name, each in by_name.items():
                found[strength][name].append(
                    (np.mean([a for a, _ in each], axis=0), np.mean([b for _, b in each], axis=0))
                )
    whole = tested[0]
    for more in tested[1:]:
        whole = whole.joined(more)
    sums_of = {
        strength: {
            name: _sums(
                (np.concatenate([a for a, _ in each]), np.concatenate([b for _, b in each])), whole, name == measure
            )
            for name, each in by_name.items()
        }
        for strength, by_name in found.items()
    }
    return _told(
        sums_of, whole, measure,
        Trial(
            data=read.folder, recipe=_written(recipe), method=str(method.at(1.0).spec), stage=method.stage,
            source=method.source, columns=tuple(columns), label=label if recipe.gives == CLASSES else "",
            positive=rows.classes[rows.positive] if recipe.gives == CLASSES else "", measure=measure,
            words=MEASURES[measure].words, higher_is_better=MEASURES[measure].higher_is_better, folds=len(parts),
            seeds=seeds, seed=seed, least=least, how=how, n_rows=len(whole), n_unscored=read.n_unscored,
            left_out=read.left_out, unscored=read.unscored, before=None, before_others={}, before_on_front=False,  # type: ignore[arg-type]
            strengths=(), note=_texts_note(rows, parts),
        ),
    )  # fmt: skip


def trainings(method: Mitigation, read: Read, strengths: Sequence[float], *, folds: int, seeds: int) -> int:
    """How many networks a trial trains."""
    n = 1 if set(read.splits) & {"train", "test"} else folds
    return n * seeds * (1 + (0 if method.stage == "after" else len(strengths)))


def _told(sums: dict[float, dict[str, Sums | None]], rows: Rows, measure: str, blank: Trial) -> Trial:
    """The trial with its numbers."""

    def fair(strength: float, name: str) -> Fairness | None:
        own = sums[strength][name]
        return None if own is None else fairness(own, MEASURES[name], rows.names, rng=np.random.default_rng(0))

    def others(strength: float) -> dict[str, Fairness]:
        made = {name: fair(strength, name) for name in sums[strength] if name != measure}
        return {name: one for name, one in made.items() if one is not None}

    main = {strength: fair(strength, measure) for strength in sums}
    before, own = main[0.0], sums[0.0][measure]
    assert before is not None and own is not None
    worst, best = rows.names.index(before.worst), rows.names.index(before.best)
    better = -1.0 if MEASURES[measure].higher_is_better is False else 1.0
    marks = {s: (one.gap.value, better * one.overall.value) for s, one in main.items() if one is not None}
    front = {
        s: not any((g <= gap and o >= good) and (g < gap or o > good) for t, (g, o) in marks.items() if t != s)
        for s, (gap, good) in marks.items()
    }
    strengths = []
    for strength in sorted(set(sums) - {0.0}):
        after, made = sums[strength][measure], main[strength]
        assert after is not None and made is not None
        strengths.append(
            AtStrength(
                strength=strength,
                fairness=made,
                others=others(strength),
                gap_change=change(own, after, gap_of),
                overall_change=change(own, after, lambda values: values[:, -1]),
                best_change=change(own, after, lambda values: values[:, best]),
                worst_change=change(own, after, lambda values: values[:, worst]),
                halves=made.gap.value <= HALVED * before.gap.value,
                on_front=front[strength],
            )
        )
    given = {**blank.__dict__, "before": before, "before_others": others(0.0)}
    return Trial(**{**given, "before_on_front": front[0.0], "strengths": tuple(strengths)})


def _sums(parts: Parts, rows: Rows, needed: bool) -> Sums | None:
    """Sums of speakers; None of a measure that is not asked for where a group has too few rows that count."""
    try:
        return Sums.of(parts, rows)
    except BadData:
        if needed:
            raise
        return None


# ------------------------------------------------------------------ rows
@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """Rows of a data set, the split of each, and what could not be used."""

    folder: str
    rows: Rows
    splits: tuple[str, ...]
    n_unscored: dict[str, int]
    left_out: dict[str, int]
    unscored: dict[str, str]


def read_rows(
    recipe: Recipe,
    data: Manifest,
    *,
    columns: Sequence[str],
    label: str,
    positive: str,
    least: int,
    on_row: Callable[[int, int], None] = lambda done, total: None,
) -> Read:
    """The rows of groups that are large enough, with the inputs of a recipe.

    Parameters
    ----------
    recipe : Recipe
    data : Manifest
    columns : sequence of str
        Whose values, or combinations of values, are the groups.
    label, positive : str
        Column of the class, and its favourable value, by default the last in the alphabet; a recogniser reads `text`.
    least : int
        Groups of fewer rows are left out.
    on_row : callable
        Of the recordings that were read and all.

    Raises
    ------
    BadData
        If fewer than two groups are large enough, a group is one speaker, or no row has a label.
    """
    entries = tuple(data)
    group = {entry.id: group_of(entry, columns) for entry in entries}
    sizes = Counter(group.values())
    order = list(dict.fromkeys(name for name in group.values() if name != UNKNOWN))
    names = [name for name in order if sizes[name] >= least]
    if len(names) < 2:
        raise BadData(
            f"a mitigation compares at least two groups of {least} rows, got {_sizes(entries, group)} in column "
            f"{' and '.join(columns)}; name another column, or lower the least size (--least)"
        )
    left = {f"{name}: fewer than {least}": sizes[name] for name in order if sizes[name] < least}
    left |= {"without a value": sizes[UNKNOWN]} if sizes[UNKNOWN] else {}
    kept, inputs, unscored = [], [], {}
    for done, entry in enumerate(entries, 1):
        on_row(done, len(entries))
        if group[entry.id] not in names:
            continue
        missing = "" if recipe.gives == WORDS or entry.value(label) not in (None, "") else f"no {label}"
        missing = missing or ("" if recipe.gives == CLASSES or plain_words(entry.text or "") else "no text")
        try:
            given = recipe.input_of(entry.clip(), entry.text or "") if not missing else None
        except BadAudio as error:
            missing = str(error)
        if missing:
            unscored[entry.id] = missing
            continue
        kept.append(entry)
        inputs.append(given)
    rows = _rows(recipe, kept, inputs, [group[e.id] for e in kept], names, label=label, positive=positive, data=data)
    _check_speakers(rows)
    return Read(
        folder=str(data.folder),
        rows=rows,
        splits=tuple(str(entry.value("split") or "") for entry in kept),
        n_unscored={name: sum(group[id] == name for id in unscored) for name in names},
        left_out=left,
        unscored=unscored,
    )


def _rows(
    recipe: Recipe,
    entries: Sequence[Entry],
    inputs: Sequence[Any],
    groups: Sequence[str],
    names: Sequence[str],
    *,
    label: str,
    positive: str,
    data: Manifest,
) -> Rows:
    if not entries:
        raise BadData(f"no row of {data.folder} can be used; see `earnest data check`")
    place = {name: k for k, name in enumerate(names)}
    values = [str(e.value(label)) if recipe.gives == CLASSES else "" for e in entries]
    classes = sorted(set(values))
    if recipe.gives == CLASSES and len(classes) < 2:
        raise BadData(f"a classifier needs two labels, got {classes} in column {label!r}; name another with --label")
    if positive and positive not in classes:
        raise BadData(f"no row has {label}={positive!r}; the values are {', '.join(classes[:8])}")
    return Rows(
        inputs=tuple(inputs),
        labels=np.array([classes.index(value) for value in values], dtype=np.int64),
        groups=np.array([place[name] for name in groups], dtype=np.int64),
        weights=np.ones(len(entries)),
        speakers=tuple(entry.speaker or f"row {entry.id}" for entry in entries),
        texts=tuple(" ".join(plain_words(entry.text or "")) for entry in entries),
        classes=tuple(classes),
        names=tuple(names),
        entries=tuple(entries),
        positive=classes.index(positive) if positive else len(classes) - 1,
    )


def _check_speakers(rows: Rows) -> None:
    for k, name in enumerate(rows.names):
        people = {rows.speakers[place] for place in np.flatnonzero(rows.groups == k)}
        if len(people) < 2:
            first = [rows.entries[place].id for place in np.flatnonzero(rows.groups == k)[:3]]
            raise BadData(
                f"a group is compared on speakers, two at least, and all usable rows of {name} "
                f"({', '.join(first)}, ...) are of {len(people)}; give more speakers, or leave the group out"
            )


def split_of(rows: Rows, splits: Sequence[str], *, folds: int, seed: int) -> tuple[list[tuple[Ints, Ints, Ints]], str]:
    """Places of rows to train on, to calibrate on and to test on, once or fold by fold, and how they were made.

    Raises
    ------
    BadData
        If a column `split` lacks train or test, its sides share a speaker, or a group is not on every side.
    """
    given = set(splits) - {""}
    if given & {"train", "test"}:
        if not {"train", "test"} <= given:
            raise BadData(
                f"a column split must have train and test, and may have calibration, got {', '.join(sorted(given))}"
            )
        sides = [np.array([k for k, one in enumerate(splits) if one == name], dtype=np.int64) for name in SPLITS]
        if not len(sides[1]):
            fold = _dealt(rows, 4, seed)
            held = np.array([k for k in sides[0] if fold[k] == 0], dtype=np.int64)
            sides = [np.setdiff1d(sides[0], held), held, sides[2]]
        people = [{rows.speakers[k] for k in side} for side in sides]
        shared = (people[0] & people[2]) | (people[1] & people[2])
        if shared:
            raise BadData(
                f"a speaker must be on one side of the split, and {len(shared)} are in test and outside it "
                f"({', '.join(sorted(shared)[:5])}); mend the column split, or take it out to have speakers dealt"
            )
        parts, how = [(sides[0], sides[1], sides[2])], "column"
    else:
        fold = _dealt(rows, folds, seed)
        parts = [
            (
                np.flatnonzero((fold != k) & (fold != (k + 1) % folds)),
                np.flatnonzero(fold == (k + 1) % folds),
                np.flatnonzero(fold == k),
            )
            for k in range(folds)
        ]
        how = "drawn"
    for sides in parts:
        for name, side in zip(SPLITS, sides, strict=True):
            missing = [group for k, group in enumerate(rows.names) if not (rows.groups[side] == k).any()]
            if missing:
                raise BadData(
                    f"every group must be among the rows to train on, to calibrate on and to test on, and {', '.join(missing)} "
                    f"has none in {name}; give more speakers of it, or fewer folds (--folds)"
                )
    return parts, how


def _dealt(rows: Rows, folds: int, seed: int) -> Ints:
    """The fold of each row: whole speakers, dealt out group by group and label by label."""
    first: dict[str, int] = {}
    for place, name in enumerate(rows.speakers):
        first.setdefault(name, place)
    people = list(first)
    rng = np.random.default_rng([seed, 3])
    order = rng.permutation(len(people))
    order = sorted(order, key=lambda k: (rows.groups[first[people[k]]], rows.labels[first[people[k]]]))
    fold_of = {people[k]: turn % folds for turn, k in enumerate(order)}
    return np.array([fold_of[name] for name in rows.speakers], dtype=np.int64)


def _texts_note(rows: Rows, parts: Sequence[tuple[Ints, Ints, Ints]]) -> str:
    seen = n = 0
    for train, _, test in parts:
        known = {rows.texts[k] for k in train} - {""}
        seen += sum(rows.texts[k] in known for k in test)
        n += len(test)
    return f"the texts of {seen / n:.0%} of the rows were trained on, in other voices" if seen else ""


# ------------------------------------------------------------------ checks and words
def _check(
    recipe: Recipe, method: Mitigation, *, measure: str, strengths: Sequence[float], folds: int, seeds: int, least: int
) -> None:
    if recipe.gives not in method.needs:
        raise BadParameter(
            f"{method.name} serves recipes that give {' or '.join(method.needs)}, and {recipe.name} gives {recipe.gives}; "
            f"take another recipe or method"
        )
    known = [name for name, one in MEASURES.items() if one.gives == recipe.gives]
    if measure not in known:
        raise BadParameter(f"the measures of {recipe.name} are {', '.join(known)}, got {measure!r}; name one of them")
    if not strengths or not all(0 < one <= 1 for one in strengths) or len(set(strengths)) < len(strengths):
        raise BadParameter(f"strengths must be different numbers above 0 and up to 1, got {list(strengths)}")
    if folds < 3 or seeds < 1 or least < 2:
        raise BadParameter(
            f"a trial takes 3 folds, 1 seed and groups of 2 rows at least, got {folds}, {seeds} and {least}"
        )


def _sizes(entries: Sequence[Entry], group: dict[str, str]) -> str:
    words = []
    for name, n in sorted(Counter(group.values()).items(), key=lambda each: each[1]):
        first = [entry.id for entry in entries if group[entry.id] == name][:3]
        words.append(f"{name}: {n} ({', '.join(first)}{', ...' if n > 3 else ''})")
    return "; ".join(words[:6])


def _written(recipe: Recipe) -> str:
    return str(getattr(recipe, "spec", recipe.name))


def _ends(value: Value, *, signed: bool = False) -> str:
    if value.low is None or value.high is None:
        return "no interval"
    return f"{value.low:+.3f} to {value.high:+.3f}" if signed else f"{value.low:.3f} to {value.high:.3f}"


def _moved(value: Value) -> str:
    return f"{value.value:+.3f} ({_ends(value, signed=True)}{', within noise' if value.within_noise else ''})"


def _row(strength: str, groups: Sequence[str], overall: str, gap: str, moved: str) -> str:
    return f"  {strength:<9}" + "".join(f"{one:>12}" for one in (*groups, overall)) + f"  {gap:<24} {moved}".rstrip()
