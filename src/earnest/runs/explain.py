"""Why an item of a run was answered as it was: a map over its clip, tested before it is shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from earnest.audio import AudioClip, Manifest, Stimulus
from earnest.engine.caller import Caller
from earnest.engine.prices import Ledger, read_prices
from earnest.errors import BadParameter, UnknownName
from earnest.explainers import Asked, Decision, Explainer, Map, Tiles, explainers
from earnest.explainers._base import Baseline, Held, check_access
from earnest.explainers._inside import Beside, InnerExplainer
from earnest.explainers._trust import Checks, Curve, Muting, Trust, checks_of, trust_of
from earnest.models import load_model
from earnest.models.access import Model, Sampling, System
from earnest.models.options import Given, options_of
from earnest.plan import Plan
from earnest.registry import Spec
from earnest.report.explanation import (
    Area,
    Checked,
    ExplanationFile,
    InsideFile,
    Muted,
    Place,
    Tile,
    Word,
    check_rows,
    fragment,
    write,
)
from earnest.run_folder import taken_as_data
from earnest.runs.again import _checked_model, _defences, _line, _stimulus
from earnest.tasks.probe import probe_manifest


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A tested explanation, with what can be heard of it; a notebook shows and plays it.

    Parameters
    ----------
    file : ExplanationFile
        What `explanation.json` holds.
    sounds : dict of str to AudioClip
        The clip, the clip with the evidence muted, and with all but the evidence muted.
    """

    file: ExplanationFile | InsideFile
    sounds: dict[str, AudioClip]

    def as_json(self) -> dict[str, Any]:
        """The explanation as JSON values."""
        return self.file.model_dump(mode="json")

    def as_text(self) -> str:
        """The explanation for a terminal."""
        lines = [f"{self.file.item}, decision {self.file.decision}, by {self.file.method}", f"  {self.file.sentence}"]
        if isinstance(self.file, InsideFile):
            lines += [
                f"  {row.where:34s} {row.value:6.2f}  {_control(row)}  {row.note}".rstrip() for row in self.file.rows
            ]
            lines.append(f"  Values: {self.file.unit}. In brackets: {self.file.control}.")
            if not self.file.beats_random:
                lines.append("  What is found here is no more than chance gives: do not take it as the reason.")
            return "\n".join(lines)
        curve = self.file.deletion
        if curve is not None:
            lines.append(
                f"  deletion area {curve.area:.2f} (lower is better), random maps {curve.random:.2f} "
                f"[{curve.random_low:.2f}, {curve.random_high:.2f}], n = {self.file.n_random}"
            )
        if self.file.complete_gap is not None and self.file.complete_gap > 0.05:
            lines.append(f"  The values miss the sum that the method promises by {100 * self.file.complete_gap:.0f} %.")
        lines += [f"  {name}: {text}" for name, text in check_rows(self.file.checks)]
        if not self.file.beats_random:
            lines.append("  This map does not beat random maps: do not take it as the reason.")
        return "\n".join(lines)

    def save(self, folder: str | Path) -> list[Path]:
        """Write `explanation.json` and `explanation.html` into a folder."""
        return write(self.file, self.sounds, Path(folder))

    def _repr_html_(self) -> str:
        return fragment(self.file, self.sounds)


def explain(
    folder: str | Path,
    item: str,
    *,
    method: str = "occlusion",
    decision: str,
    model: str | Model | None = None,
    model_options: Given = (),
    data: str | Path | Manifest | None = None,
    twin: str | Path | None = None,
    max_cost: float | None = None,
    price: Sequence[str] = (),
    **options: Any,
) -> Explanation:
    """Explain a decision on an item of a run; its model is asked anew, as `replay` asks it.

    Parameters
    ----------
    method : str
        Specification of an explainer.
    decision : str
        See `earnest.explainers.Decision`.
    model : str or Model or None
        As for `replay`: a run folder is data, and only earnest's own models are asked because it names them.
    data : path, Manifest or None
        Labelled recordings for methods that look inside the model; None takes the embedded probe set.
    twin : path or None
        Recording of the item's twin; None takes the row that is named as its pair in the data.
    max_cost : float or None
        Ceiling in US dollars on what questions cost; the explanation stops with an error where it is reached.
    price : sequence of str
        As for `earnest run --price`.
    options
        Those of `explain_stimulus`.
    """
    folder, explainer, wanted = Path(folder), explainers.make(method), Decision(decision)
    with taken_as_data(folder):
        plan, line = Plan.read(folder), _line(folder, item)
        stimulus, sampling = _stimulus(folder, line), Sampling(**line.parameters)
        defences = _defences(line)
    asked = (
        model
        if isinstance(model, Model)
        else load_model(_checked_model(plan, model), **options_of(plan.model, model_options))
    )
    manifest = probe_manifest() if data is None else data if isinstance(data, Manifest) else Manifest.read(data)

    def explained(answering: Model) -> Explanation:
        system = System(answering, defences, plan.seed, sampling)
        if isinstance(explainer, InnerExplainer):
            beside = beside_of(stimulus, item, manifest, twin=twin)
            given = {name: options[name] for name in ("against", "draws", "seed") if name in options}
            return explain_inside(
                system, stimulus, explainer=explainer, decision=wanted, beside=beside, item=item, **given
            )
        return explain_stimulus(system, stimulus, explainer=explainer, decision=wanted, item=item, **options)

    if asked.batch_size is not None and max_cost is None:
        return explained(asked)
    return asyncio.run(_within_ceiling(asked, explained, max_cost=max_cost, price=price))


async def _within_ceiling(
    model: Model, explained: Callable[[Model], Explanation], *, max_cost: float | None, price: Sequence[str]
) -> Explanation:
    """An explanation whose questions go through the engine: with retries, several at once, and a ceiling on their cost."""
    ledger = Ledger(max_cost)
    prices = read_prices(list(price), models=[model.name]) if price else None
    caller = Caller(model, ledger=ledger, prices=prices)
    if max_cost is not None and caller.price is None:
        raise BadParameter(
            f"a ceiling needs prices, and none is known for {model.name}; give them with --price in=2.5,audio_in=32,out=10 "
            "(US dollars per million tokens), or leave out --max-cost"
        )
    try:
        made = await asyncio.to_thread(explained, caller)
    finally:
        await caller.aclose()
    spent = None if caller.price is None else ledger.spent
    return replace(made, file=made.file.model_copy(update={"cost_usd": spent}))


def explain_inside(
    system: System,
    stimulus: Stimulus,
    *,
    explainer: InnerExplainer,
    decision: Decision,
    beside: Beside,
    item: str = "clip",
    against: str | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Look inside the model for what makes a decision on a stimulus."""
    check_access(system, explainer.needs, of=explainer.name)
    asked = Asked(system, stimulus, decision, against=against, draws=draws or 1, sampling=system.sampling)
    found = explainer.look(asked, beside, seed=seed)
    file = InsideFile(
        item=item,
        model=system.model.name,
        method=str(Spec.of(explainer)),
        source=explainer.source,
        decision=decision.name,
        answer=asked.answer,
        against=against,
        unit=found.unit,
        control=found.control,
        rows=[Place.model_validate(asdict(row)) for row in found.rows],
        beats_random=found.beats_random,
        n_queries=asked.n_queries,
        seed=seed,
        sentence=found.sentence,
    )
    twin = {} if beside.twin is None else {"Its twin": beside.twin.clip}
    return Explanation(file=file, sounds={"The clip": asked.clip, **twin})


def beside_of(stimulus: Stimulus, item: str, manifest: Manifest, *, twin: str | Path | None = None) -> Beside:
    """The rows of the data, and the item's twin: a recording, or the row that is named as the item's pair.

    Rows that are requests come first where there are any, so that what is compared is alike.
    """
    rows = sorted(manifest.entries, key=lambda row: row.label not in ("harmful", "benign"))
    if twin is not None:
        clip: AudioClip | None = AudioClip.read(twin)
    else:
        clip = None
        with contextlib.suppress(UnknownName):
            row = manifest[item.rpartition("/")[2].partition("@")[0]]
            found = [one for one in rows if row.pair and one.id != row.id and row.pair in (one.id, one.pair)]
            clip = found[0].clip() if found else None
    other = None if clip is None or not stimulus.clips else stimulus.with_clip(clip, role=stimulus.primary_role)
    return Beside(rows=tuple(rows), twin=other)


def _control(row: Place) -> str:
    if row.control is None:
        return ""
    if row.control_low is None or row.control_high is None:
        return f"[{row.control:.2f}]"
    return f"[{row.control:.2f}: {row.control_low:.2f} to {row.control_high:.2f}]"


def explain_stimulus(
    system: System,
    stimulus: Stimulus,
    *,
    explainer: Explainer,
    decision: Decision,
    item: str = "clip",
    against: str | None = None,
    seconds: float = 0.25,
    bands: int = 1,
    draws: int | None = None,
    n_random: int = 19,
    transcript: Held | None = None,
    words: Sequence[tuple[str, float, float]] | None = None,
    checks: bool | None = None,
    shuffled: Model | None = None,
    seed: int = 0,
) -> Explanation:
    """Explain a decision on a stimulus.

    Parameters
    ----------
    against : str or None
        The answer to compare with; None compares with every other one.
    seconds, bands : float, int
        Of a tile; see `earnest.explainers.Tiles`.
    draws : int or None
        Answers to each clip where the model grants no scores, and in the sentence; None takes one for each clip and ten in the sentence.
    n_random : int
        Random maps, at least 19.
    transcript : {"free", "held"} or None
        Of a model that writes one before it answers; None holds it for methods by gradients, which are complete along a
        line only where it does not change, and leaves it free for the others.
    words : sequence of (str, float, float), or None
        Words of the clip with their times in seconds, from and to. None takes the words that the model wrote down, where it
        can tell when they are said.
    checks : bool or None
        Whether the map is made again in noise, with random weights and by other methods, where the model grants that. None
        does so for a model on this machine, and not where each question is sent elsewhere.
    shuffled : Model or None
        A model trained on randomised labels, for that check; the caller trains it.
    """
    if n_random < 19:
        raise BadParameter(
            f"n_random must be at least 19, got {n_random!r}; fewer cannot tell a map from chance at 5 %"
        )
    check_access(system, explainer.needs, of=explainer.name)
    if transcript is None:
        transcript = "held" if explainer.needs == "gradients" and system.model.holds_transcript else "free"
    asked = Asked(
        system,
        stimulus,
        decision,
        against=against,
        draws=draws or 1,
        sampling=system.sampling,
        transcript=transcript,
    )
    tiles = Tiles(asked.clip, seconds=seconds, bands=bands)
    found = explainer.explain(asked, tiles, seed=seed)
    baseline: Baseline = getattr(explainer, "baseline", "silence")
    trust = trust_of(found, asked, tiles, n_random=n_random, draws=draws or 10, baseline=baseline, seed=seed)
    checks = system.model.destination is None if checks is None else checks
    checked = checks_of(found, asked, tiles, explainer=explainer, shuffled=shuffled, seed=seed) if checks else None
    heard = _word_times(asked) if words is None else list(words)
    file = _file(
        found, trust, checked, heard, asked, tiles, explainer=explainer, item=item, baseline=baseline, seed=seed
    )
    mask = np.zeros(len(tiles), bool)
    mask[list(trust.muting.tiles)] = True
    without, alone = tiles.muted(np.stack([mask, ~mask]), baseline=baseline, seed=seed)
    sounds = {"The clip": asked.clip, "Evidence muted": without, "All but the evidence muted": alone}
    return Explanation(file=file, sounds=sounds)


def _file(
    found: Map,
    trust: Trust,
    checked: Checks | None,
    heard: Sequence[tuple[str, float, float]],
    asked: Asked,
    tiles: Tiles,
    *,
    explainer: Explainer,
    item: str,
    baseline: str,
    seed: int,
) -> ExplanationFile:
    edges = tiles.edges / tiles.clip.sample_rate
    width = tiles.clip.sample_rate / 2 / tiles.bands
    shown = []
    for place, value in enumerate(found.values):
        time, band = divmod(place, tiles.bands)
        shown.append(
            Tile(
                start_s=float(edges[time]),
                end_s=float(edges[time + 1]),
                low_hz=band * width,
                high_hz=(band + 1) * width,
                value=float(value),
                evidence=place in trust.muting.tiles,
            )
        )
    muting, times = trust.muting, {tile // tiles.bands for tile in trust.muting.tiles}
    seconds = float(sum(edges[time + 1] - edges[time] for time in times))
    gradients = explainer.needs == "gradients"
    return ExplanationFile(
        item=item,
        model=asked.system.model.name,
        method=str(Spec.of(explainer)),
        source=explainer.source,
        decision=asked.decision.name,
        answer=asked.answer,
        against=asked.against,
        unit="mean log-probability of the answer's tokens" if gradients else asked.unit,
        baseline=baseline,
        transcript="free" if asked.held is None else "held",
        tiles=shown,
        words=[
            Word(text=text, start_s=start, end_s=end, value=_value_between(found, tiles, start, end))
            for text, start, end in heard
        ],
        complete_gap=found.gap,
        deletion=_area(trust.deletion),
        insertion=_area(trust.insertion),
        infidelity=trust.infidelity,
        n_random=trust.n_random,
        beats_random=trust.beats_random,
        muting=_muted(muting, seconds),
        checks=None if checked is None else _checked(checked),
        n_queries=asked.n_queries,
        seed=seed,
        sentence=_sentence(
            muting,
            seconds,
            start=float(edges[min(times)]),
            end=float(edges[max(times) + 1]),
            heard=_heard_in([(float(edges[time]), float(edges[time + 1])) for time in sorted(times)], heard),
            asked=asked,
        ),
    )


def _word_times(asked: Asked) -> list[tuple[str, float, float]]:
    """The words that the model wrote down, with when it heard them, where it can tell."""
    written = asked.details.get("transcript")
    if not isinstance(written, str) or not written.strip() or len(asked.stimulus.clips) > 1:
        return []
    words = written.split()
    times = asked.system.model.word_times(asked.clip, words)
    return [(word, start, end) for word, (start, end) in zip(words, times, strict=True)] if times else []


def _value_between(found: Map, tiles: Tiles, start_s: float, end_s: float) -> float:
    """What tiles count, each by the share of it that lies in these seconds."""
    edges = tiles.edges / tiles.clip.sample_rate
    inside = np.clip(np.minimum(edges[1:], end_s) - np.maximum(edges[:-1], start_s), 0, None) / np.diff(edges)
    return float(inside @ found.values.reshape(tiles.n_times, tiles.bands).sum(axis=1))


def _heard_in(spans: Sequence[tuple[float, float]], heard: Sequence[tuple[str, float, float]]) -> list[str]:
    """Words of which at least half is said within the spans."""
    return [
        text
        for text, start, end in heard
        if sum(max(0.0, min(end, until) - max(start, since)) for since, until in spans) >= 0.5 * max(end - start, 1e-9)
    ]


def _checked(checks: Checks) -> Checked:
    return Checked.model_validate(asdict(checks))


def _area(curve: Curve | None) -> Area | None:
    if curve is None:
        return None
    return Area(area=curve.area, random=curve.random, random_low=curve.low, random_high=curve.high, p=curve.p)


def _muted(muting: Muting, seconds: float) -> Muted:
    return Muted(
        seconds=seconds,
        n=muting.n,
        changed=muting.changed,
        low=muting.interval[0],
        high=muting.interval[1],
        random_n=muting.random_n,
        random_changed=muting.random_changed,
        random_low=muting.random_interval[0],
        random_high=muting.random_interval[1],
    )


def _sentence(muting: Muting, seconds: float, *, start: float, end: float, heard: Sequence[str], asked: Asked) -> str:
    becomes = {"refuse": "ends the refusal", "comply": "ends the compliance"}.get(
        asked.decision.name, f"ends the decision {asked.decision.name!r}"
    )
    words = f", at “{' '.join(heard)}”," if heard else ""
    draws = "draws" if muting.n > 1 else "draw (the model answers alike each time)"
    return (
        f"Muting {seconds:.2f} s between {start:.2f} s and {end:.2f} s{words} {becomes} in {muting.changed} of {muting.n} "
        f"{draws}; a random mask of the same size in {muting.random_changed} of {muting.random_n}."
    )
