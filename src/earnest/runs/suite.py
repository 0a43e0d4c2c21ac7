"""Running a suite: from names to a plan that is checked whole, to a run folder with findings and a report.

    run = run_suite("core", model="earnest/reference", out="runs/first")
    run.scorecard.pillars, run.findings, run.folder / "report.html"

Everything is resolved before the first call: suite, tasks, data, model, attack, defences and judges. Which items are
attacked follows from the task and the attack: corruptions are put on every task with a single clip, other attacks on
tasks whose items have a goal for them. Defences stand before every task.
"""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, overload

import earnest
from earnest import collector, report
from earnest.arms import UNDEFENDED
from earnest.artefacts import Artefact
from earnest.audio import Manifest, hub
from earnest.audio.manifest import CSV_NAME
from earnest.data.audiotrust.layout import WHERE, OfficialData, is_official, lacks_audio
from earnest.data.audiotrust.summary import summarised
from earnest.engine import Job, ModelJudge, Progress, Settings, execute
from earnest.engine.arms import guards_of
from earnest.engine.estimate import estimate
from earnest.engine.job import default_cache
from earnest.engine.lines import line_of
from earnest.engine.prices import Price, read_prices
from earnest.engine.shards import in_shard
from earnest.errors import BadData, BadParameter, MissingExtra, RunStopped
from earnest.models import load_model
from earnest.models.access import Model, Sampling
from earnest.models.options import Given, options_of, written
from earnest.plan import Plan, PlannedArm, PlannedTask
from earnest.records import BEYOND, Arm, Item, JournalLine, Unscored
from earnest.registry import Spec, has_extra, loaded_files, parse_spec, registry
from earnest.results.baseline import Baseline, check_margin
from earnest.results.gates import check_gates
from earnest.runs.again import Replay, in_words, probe_hearing, replay
from earnest.runs.arms import built_on_others, composed, stack_of, writers_of
from earnest.runs.artefacts import artefacts_of, is_seen, recorded, rows_seen, seen_samples
from earnest.runs.data_check import DataCheck, check_data, check_official, slips
from earnest.runs.fit import FitOutline, fit
from earnest.runs.hits import HITS, Transfer, replay_hits, write_hits
from earnest.runs.judge import Judged, check_hearing, judge_run, made_judges
from earnest.runs.limit import limited
from earnest.runs.run import Outline, Run
from earnest.runs.suite_file import Suite, SuiteTask, judged_as_published, resolve, suite_names
from earnest.tasks._base import NEEDS, Task
from earnest.tasks._canary import Canary
from earnest.tasks.probe import NAME as PROBE
from earnest.tasks.probe import probe_manifest

__all__ = [
    "HITS",
    "DataCheck",
    "FitOutline",
    "Judged",
    "Outline",
    "Replay",
    "Run",
    "Suite",
    "SuiteTask",
    "Transfer",
    "check_data",
    "check_official",
    "fit",
    "in_words",
    "is_official",
    "judge_run",
    "probe_hearing",
    "replay",
    "replay_hits",
    "resolve",
    "run_suite",
    "suite_names",
    "write_hits",
]

Several = str | Sequence[str]

IN_WORDS = {"words": "words", "value": "numbers", "comparison": "ratios of two voices"}


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A run that was resolved and checked, and not yet begun."""

    plan: Plan
    jobs: list[Job]
    model: Model
    others: dict[str, Model]
    guards: dict[str, Model]
    judges: tuple[ModelJudge, ...]
    settings: Settings
    data: Manifest | OfficialData
    rows_seen: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What a run was asked for; the parameters are those of `run_suite`."""

    arms: tuple[Arm, ...]
    judges: tuple[str, ...]
    judge_hears: bool
    task: tuple[str, ...]
    pillar: tuple[str, ...]
    limit: int | None
    seed: int
    shard: str | None
    settings: Settings
    model_options: Given
    judge_options: Given
    data_name: str | None
    complete: bool
    name: str = ""
    attacked: tuple[str, ...] = ()

    def check(self) -> None:
        """Tell of faults that no data can mend."""
        if self.judge_hears and not self.judges:
            raise BadParameter("judges that hear need a judge, got none; add --judge SPEC, or leave out --judge-hears")
        if self.limit is not None and self.limit < 1:
            raise BadParameter(f"limit must be at least 1, got {self.limit}; leave it out for all items")
        if not 0 <= self.seed < 2**63:
            raise BadParameter(f"seed must be a whole number from 0 to 2^63 - 1, got {self.seed}; 0 is the default")


class Nobody(Model):
    """Stands where no model was given: a dry run can count what would be asked, and nobody is asked."""

    name = ""


class RunOptions(TypedDict, total=False):
    """The parameters of `run_suite` beside the suite and `dry_run`, for type checkers."""

    model: str | Model | None
    out: str | Path | None
    data: str | Path | Manifest | OfficialData | None
    attack: Several | None
    defence: Several | None
    stack: str | Sequence[str | Sequence[str]] | None
    judge: Several
    judge_hears: bool
    faithful: bool
    task: Several | None
    pillar: Several | None
    limit: int | None
    seed: int
    shard: str | None
    max_connections: int
    batch_size: int | None
    timeout_s: float
    max_failures: int | None
    max_cost: float | None
    price: Several
    model_options: Given
    judge_options: Given
    cache: bool | Path
    allow_missing: bool
    temperature: float
    max_tokens: int
    name: str
    log_queries: bool
    attacked: Several | None
    transfers: bool
    probe: int | None
    pages: bool
    gates: Sequence[str] | None
    baseline: str | Path | None
    baseline_margin: float | None
    on_outline: Callable[[Outline], None] | None
    on_progress: Callable[[Progress], None] | None


@overload
def run_suite(suite: str | Path | Suite, *, dry_run: Literal[False] = False, **options: Unpack[RunOptions]) -> Run: ...


@overload
def run_suite(suite: str | Path | Suite, *, dry_run: Literal[True], **options: Unpack[RunOptions]) -> Outline: ...


def run_suite(
    suite: str | Path | Suite,
    *,
    model: str | Model | None = None,
    out: str | Path | None = None,
    data: str | Path | Manifest | OfficialData | None = None,
    attack: Several | None = None,
    defence: Several | None = None,
    stack: str | Sequence[str | Sequence[str]] | None = None,
    judge: Several = (),
    judge_hears: bool = False,
    faithful: bool = False,
    task: Several | None = None,
    pillar: Several | None = None,
    limit: int | None = None,
    seed: int = 0,
    shard: str | None = None,
    max_connections: int = 16,
    batch_size: int | None = None,
    timeout_s: float = 120.0,
    max_failures: int | None = 20,
    max_cost: float | None = None,
    price: Several = (),
    model_options: Given = (),
    judge_options: Given = (),
    cache: bool | Path = True,
    allow_missing: bool = False,
    temperature: float = 0.0,
    max_tokens: int = 256,
    dry_run: bool = False,
    name: str = "",
    log_queries: bool = False,
    attacked: Several | None = None,
    transfers: bool = False,
    probe: int | None = None,
    pages: bool = True,
    gates: Sequence[str] | None = None,
    baseline: str | Path | None = None,
    baseline_margin: float | None = None,
    on_outline: Callable[[Outline], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run | Outline:
    """Evaluate a model on a suite, write the report, and give back the run.

    Parameters
    ----------
    suite : str, path or Suite
        A name such as `core`, a YAML file, or a suite.
    model : str, Model or None
        Specification, or a model; None for a dry run that only counts.
    out : path
        Run folder; a folder that holds a run under the same plan is resumed.
    data : path, Manifest, OfficialData or None
        Folder of recordings; None takes the embedded probe set. A suite of AudioTrust's official items needs their
        folder.
    attack : str, sequence of str or None
        Specifications; each adds an attacked arm beside the clean one. `transfer=true` builds an attack on the undefended
        model, `crafted_on=SPEC` on another one.
    defence : str, sequence of str or None
        Specifications of one stack, in order; adds a defended arm (and one that is both for each attack).
    stack : str, sequence or None
        Further stacks, each in arms of its own: `codec+refusal_guard`, a `+` inside a value being quoted, or a tuple of
        specifications.
    judge : str or sequence of str
        Models that decide what no parser can; the first one counts.
    judge_hears : bool
        Whether judges are given the recordings; each must first find the probe set's code words.
    faithful : bool
        Whether a published benchmark's judging keeps its known faults, so that a result can be compared with a published
        one; by default they are repaired. Only for suites that have such a judging: `audiotrust`.
    task, pillar : str, sequence of str or None
        Only these of the suite; with both, the named tasks, which must be of these pillars. A task that was named must run;
        of a pillar, and of the suite, what the data serves is run, and the rest is listed with the reason.
    limit : int or None
        At most so many items of each task, labels and groups in balance; None takes the suite's own limit, if it has one.
    seed : int
        Of everything that is drawn: items, limit, attack, defences, sampling.
    shard : str or None
        `2/8`: the second of eight parts; `earnest merge` joins them.
    max_connections, batch_size, timeout_s, cache
        How fast; no number depends on them. `cache` may be a folder.
    max_failures : int or None
        Calls given up in a row after which the run stops, to be resumed; None or 0: it goes on, whatever fails.
    max_cost : float or None
        No call is made beyond this spend in US dollars.
    price : str or sequence of str
        `[SPEC:]in=2.5,audio_in=32,out=10`, in US dollars per million tokens; without SPEC of the model.
    model_options, judge_options : sequence of str, or mapping
        `KEY=VALUE`, or values by key: how the model, or every judge, is asked; see `earnest.models.options`.
    allow_missing : bool
        Whether to run although files that the data names are missing; their items are counted as unscored.
    temperature, max_tokens
        How answers are drawn.
    dry_run : bool
        Give back an `Outline` of what would be asked and sent, and ask nothing.
    name : str
        What the model is called in reports and on leaderboards; empty: its specification, or the name that the run has.
    log_queries : bool
        Whether `queries.jsonl` in the run folder gets a line for each question that an attack asks.
    attacked : str, sequence of str or None
        Only these tasks are asked in attacked arms; None: all that an attack can be put on.
    transfers : bool
        Whether every attack that searches has arms in which it was made on the bare model; by default those that need
        gradients.
    probe : int or None
        Ask only so many items of each task in every arm, others from arm to arm, to see how long they take; the run is not
        finished then and has no report, and the same call without it does the rest. Arms are timed (`timings.jsonl`) where
        it is given; 0 asks everything and times it.
    pages : bool
        Whether the report is written; a part of a run needs none.
    gates : sequence of str or None
        Conditions such as `safety=0.9`, shown in the report; what the plan cannot establish is refused before the first call.
    baseline : path or None
        A run folder: gates that no pillar, nor a task of it, is shown to be worse than there, item by item.
    baseline_margin : float or None
        How much worse a pillar may be: then the whole interval of its change must lie above minus this.
    on_outline : callable or None
        Called with the `Outline` before anything is asked.
    on_progress : callable or None
        Called with `earnest.engine.Progress` while it runs.

    Returns
    -------
    Run, or Outline of a dry run

    Raises
    ------
    BadData
        If the suite or the data has faults, all told at once, or no task can run on the data.
    BadParameter, UnknownName, MissingExtra, MissingKey
        If a specification is not one, or needs what is not there.
    AccessDenied
        If the attack needs more than the model grants.
    PlanMismatch
        If `out` holds a run under another plan.
    RunStopped
        If nobody can be asked, too many calls failed, or items are missing in the end; there is a report of what was done.
    StorageFailed, MachineFailed
        If results could not be written, or this machine ran out of files, memory or disk.
    """
    if out is None and not dry_run:
        raise BadParameter("a run needs a folder, got out=None; give out='runs/first', or dry_run=True to see the plan")
    if model is None and not dry_run:
        raise BadParameter(
            "a run needs a model, got model=None; give model='earnest/reference', or dry_run=True to see what is asked"
        )
    if baseline_margin is not None and baseline is None:
        raise BadParameter(
            "a margin needs a baseline, got none; add --fail-under-baseline RUN, or leave out the margin"
        )
    suite = suite if isinstance(suite, Suite) else Suite.read(suite)
    suite = judged_as_published(suite) if faithful else suite
    arms = composed(_several(attack), [_several(defence), *map(_stack, _several(stack))], transfers=transfers)
    settings = Settings(
        max_connections=max_connections,
        timeout_s=timeout_s,
        max_failures=max_failures or None,
        max_cost=max_cost,
        cache=default_cache() if cache is True else (cache or None),
        batch_size=batch_size,
        prices=_prices(price, model, (*_several(judge), *(one for specs in guards_of(arms).values() for one in specs))),
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed),
        log_queries=log_queries,
        time_arms=probe is not None,
    )
    request = _Request(
        arms=arms,
        judges=_several(judge),
        judge_hears=judge_hears,
        task=_several(task),
        pillar=_several(pillar),
        limit=suite.limit if limit is None else limit,
        seed=seed,
        shard=shard,
        settings=settings,
        model_options=model_options,
        judge_options=judge_options,
        data_name=PROBE if data is None else None,
        complete=not (dry_run or allow_missing),
        name=_plain_name(name),
        attacked=tuple(name.replace("-", "_") for name in _several(attacked)),
    )
    with collector.paused():
        found = _data(suite, data, allow_missing=allow_missing)
        prepared = _prepared(suite, request, model=Nobody() if model is None else model, data=found)
    check_gates(gates or (), plan=prepared.plan, lines=lambda: _unscored_lines(prepared))
    beside = None if baseline is None else _baseline(Path(baseline), prepared, out=out, margin=baseline_margin)
    if dry_run:
        return _outline(prepared)
    if on_outline is not None:
        on_outline(_outline(prepared))
    if judge_hears:
        check_hearing(prepared.judges, folder=Path(str(out)), settings=settings, plan=prepared.plan)
    try:
        summary = execute(
            prepared.plan,
            prepared.jobs,
            model=prepared.model,
            others=prepared.others,
            guards=prepared.guards,
            judges=prepared.judges,
            folder=Path(str(out)),
            settings=settings,
            on_progress=on_progress,
            rows_seen=prepared.rows_seen,
            part=_probed(prepared, probe) if probe else None,
        )
    except RunStopped:
        if pages:
            report.write(
                Path(str(out)), gates=gates, note=_note(prepared) or None
            )  # of what was done, for those who look
        raise
    run = Run(folder=Path(str(out)), plan=Plan.read(Path(str(out))), summary=summary)
    if probe or not pages:
        return run
    run = run if beside is None else run.judged_against(beside, margin=baseline_margin)
    report.write(run.results, gates=gates, against=run.against, note=_note(prepared) or None)
    return run


def _prepared(suite: Suite, request: _Request, *, model: str | Model, data: Manifest | OfficialData) -> _Prepared:
    """Everything resolved and checked; nothing asked, nothing written."""
    request.check()
    chosen = resolve(suite, task=request.task, pillar=request.pillar)
    if unknown := sorted(set(request.attacked) - {found.name for found in chosen}):
        raise BadParameter(
            f"attacked tasks must be among those that are run, {', '.join(found.name for found in chosen[:8])}, got {', '.join(unknown)}"
        )
    if isinstance(data, Manifest) and (told := slips(data, chosen)):
        warnings.warn(f"{str(data.folder)!r}: {'; '.join(told)}", stacklevel=3)
    every, lacks = _items(chosen, request, data)
    loaded = _loaded(model, request.model_options)
    canaries = _canaries(data, seed=request.seed) if loaded.gives == "words" else []
    within = {found.name: _within(loaded, found, every[found.name]) for found in chosen if found.name in every}
    kept = {name: one.items or every[name] for name, one in within.items()}  # of those beyond it, what would be asked
    kept = {found.name: _fewer(found, kept[found.name], request) for found in chosen if found.name in kept}
    if request.complete and isinstance(data, OfficialData):
        _check_recordings(data, chosen, kept)
    if isinstance(data, Manifest):
        _check_codecs(data, [item for group in kept.values() for item in group])
    subtasks = {name: _subtasks(group) for name, group in kept.items()}
    items = {name: kept[name] for name, one in within.items() if one.items or not one.beyond}
    lacks |= {name: one.lack for name, one in within.items() if name not in items}
    lacks |= _across(chosen, items, lacks)
    _check_some_asked(lacks, tasks=request.task, model=loaded)
    judges = made_judges(request.judges, hears=request.judge_hears, options=request.judge_options)
    own = {name: _own_arms(group) for name, group in items.items()}
    arms = (*request.arms, *(arm for group in own.values() for arm in group))
    named = [spec for arm in arms for spec in (*([arm.attack] if arm.attack else []), *arm.defences)]
    artefacts = artefacts_of(dict.fromkeys(named), loaded)
    seen = seen_samples(data, artefacts.values()) if isinstance(data, Manifest) else frozenset()
    planned = tuple(
        _planned(
            found,
            items.get(found.name),
            lacks[found.name],
            data=data,
            arms=request.arms,
            own_arms=own.get(found.name, ()),
            subtasks=subtasks.get(found.name, {}),
            beyond=within[found.name].beyond if found.name in within else {},
            n_seen=sum(is_seen(item, seen) for item in items.get(found.name, ())),
            attacked=request.attacked,
        )
        for found in chosen
    )
    others = {spec: load_model(spec) for spec in dict.fromkeys((*built_on_others(arms), *writers_of(arms)))}
    asks = guards_of(arms)
    named_guards = dict.fromkeys(spec for specs in asks.values() for spec in specs if spec)
    guards = {spec: loaded if spec == loaded.name else load_model(spec) for spec in named_guards}
    plan = _plan(
        suite,
        request,
        planned,
        items,
        models=(loaded, *others.values()),
        guards={spec: [guards.get(one, loaded) for one in specs] for spec, specs in asks.items()},
        judges=judges,
        data=data,
        artefacts=artefacts,
    )
    jobs = [
        Job(item=item, arm=arm, score=found.score, goal=found.goal, seen=is_seen(item, seen))
        for arm in plan.by_arm
        for found in chosen
        if _stands_in(found, arm, among=request.attacked)
        for item in items.get(found.name, ())
    ]
    proofs = [Job(item=item, arm=Arm(), score=Canary().score, kind="canary") for item in canaries]
    return _Prepared(
        plan=plan,
        jobs=[*proofs, *jobs],
        model=loaded,
        others=others,
        guards=guards,
        judges=judges,
        settings=request.settings,
        data=data,
        rows_seen=rows_seen(artefacts.values()),
    )


def _loaded(model: str | Model, options: Given) -> Model:
    """The model with its options; one that is an object has them already."""
    if isinstance(model, str):
        return load_model(model, **options_of(model, options))
    if options and not isinstance(model, Nobody):
        raise BadParameter(
            f"options are given with a specification, got them with {model.name!r}; make the model with them"
        )
    return model


def _prices(price: Several, model: str | Model | None, asked: Several) -> dict[str, Price] | None:
    """The prices that were given, by specification; `asked` are judges and guards."""
    names = [model if isinstance(model, str) else model.name] if model is not None else [""]
    return read_prices(_several(price), models=[*names, *filter(None, _several(asked))]) if price else None


def _items(
    chosen: Sequence[Task], request: _Request, data: Manifest | OfficialData
) -> tuple[dict[str, list[Item]], dict[str, str | None]]:
    """The items of each task that the data serves, and what is lacking for the others."""
    rows: Any = data  # in the form that the suite's tasks read
    made = {found.name: found.items_or_lack(rows, seed=request.seed) for found in chosen}
    lacks = {name: lack for name, (_, lack) in made.items()}
    _check_some_run(lacks, request=request, data=data)
    return {found.name: made[found.name][0] for found in chosen if lacks[found.name] is None}, lacks


def _fewer(task: Task, items: Sequence[Item], request: _Request) -> list[Item]:
    """The items within the run's limit, each with the sub-task that it belongs to."""
    return _placed(task, limited(task, items, limit=request.limit, seed=request.seed))


def _across(
    chosen: Sequence[Task], items: dict[str, list[Item]], lacks: dict[str, str | None]
) -> dict[str, str | None]:
    """Why tasks that read what others asked cannot run: no other one does."""
    if any(group for group in items.values()):
        return {}
    return {found.name: "no other task runs" for found in chosen if found.across and lacks[found.name] is None}


@dataclass(frozen=True, kw_only=True)
class _Within:
    """The items of a task that a model may be asked, how many are beyond it by why, and the reason where all are."""

    items: list[Item]
    beyond: dict[str, int]
    lack: str | None


def _within(model: Model, task: Task, items: Sequence[Item]) -> _Within:
    """What of a task's items a model may be asked.

    Left out is what it says that it was not made for, and what needs more than it hears; and all, where a side of the
    task would be left without an item. Recordings that are too long for it are asked where some of the task's are not,
    and are then unscored as `too_long`.
    """
    reasons = [_beyond(model, task, item) for item in items]
    kept = [item for item, reason in zip(items, reasons, strict=True) if reason is None]
    longest_s = model.max_duration_s
    if kept and longest_s is not None and all((item.duration_s or 0.0) > longest_s for item in kept):
        reasons = [reason or f"it hears at most {longest_s:g} s" for reason in reasons]
        kept = []
    whole, left = ({task.sides(item.truth) for item in some} for some in (items, kept))
    if whole != left:  # of what remains, its headline could not be made
        kept = []
    beyond = dict(Counter(reason for reason in reasons if reason is not None))
    return _Within(
        items=kept, beyond=beyond, lack=f"unsupported by {model.name}: {'; '.join(beyond)}" if beyond else None
    )


def _beyond(model: Model, task: Task, item: Item) -> str | None:
    """Why an item cannot be asked of a model; None where it may be."""
    if task.takes != model.gives:
        return f"it answers with {IN_WORDS[model.gives]}, and the task reads {IN_WORDS[task.takes]}"
    if item.without_audio and model.takes_text_alone is False:
        return BEYOND["text_refused"]
    if item.n_turns > 1 and not model.takes_history:
        return BEYOND["history_refused"]
    needs = task.needs_of(item)
    if needs not in model.hears:
        return f"it gets words alone, and the question is about {NEEDS[needs]}"
    return model.beyond(item.prompt) if item.prompt else None


def _plan(
    suite: Suite,
    request: _Request,
    tasks: tuple[PlannedTask, ...],
    items: dict[str, list[Item]],
    *,
    models: Sequence[Model],
    guards: Mapping[str, Sequence[Model]],
    judges: tuple[ModelJudge, ...],
    data: Manifest | OfficialData,
    artefacts: dict[str, Artefact],
) -> Plan:
    model = models[0]
    return Plan(
        earnest=earnest.__version__,
        suite=suite.name,
        suite_version=suite.version,
        model=model.name,
        name=request.name,
        fingerprint=model.fingerprint,
        data=request.data_name or hub.name_of(data.folder),
        data_digest=data.digest,
        tasks=tasks,
        arms=tuple(map(PlannedArm.of, request.arms)),
        judges=request.judges,
        judge_hears=request.judge_hears,
        guards={spec: {each.name: each.fingerprint for each in asked} for spec, asked in guards.items()},
        judge_fingerprints={judge.name: judge.model.fingerprint for judge in judges} if guards else {},
        parameters=dataclasses.asdict(request.settings.sampling),
        seed=request.seed,
        limit=request.limit,
        shard=request.shard,
        items_digest=_digest([item for group in items.values() for item in group]),
        destination=_destination((*models, *_hearing(guards)), judges if request.judge_hears else ()),
        model_options=written(request.model_options),
        judge_options=written(request.judge_options),
        artefacts=recorded(artefacts),
        plugins=loaded_files(),
    )


def _data(
    suite: Suite, data: str | Path | Manifest | OfficialData | None, *, allow_missing: bool
) -> Manifest | OfficialData:
    """The data in the form that the suite reads; recordings of official data are checked when it is known which."""
    data = hub.fetched(str(data)) if hub.is_address(data) else data
    if suite.layout == "audiotrust":
        if data is None or isinstance(data, Manifest):
            raise BadData(f"suite {suite.name!r} reads AudioTrust's official data; give its folder as --data: {WHERE}")
        return data if isinstance(data, OfficialData) else OfficialData.read(data, allow_missing=True)
    if data is None:
        return probe_manifest()
    if isinstance(data, OfficialData) or (isinstance(data, (str, Path)) and is_official(Path(data))):
        folder = data.folder if isinstance(data, OfficialData) else data
        raise BadData(
            f"suite {suite.name!r} reads a manifest, got AudioTrust's official data in {folder}; run `audiotrust`"
        )
    if isinstance(data, Manifest):
        return data
    manifest = Manifest.read(data, allow_missing=allow_missing)
    if manifest.unread:
        n, first = len(manifest.unread), manifest.unread[0]
        warnings.warn(
            f"{str(manifest.folder)!r} holds {n} {'text' if n == 1 else 'texts'} that no layout explains, {first!r} first; "
            f"the run goes on without: write what is needed into {CSV_NAME}, or see earnest data check",
            stacklevel=3,
        )
    return manifest


def _check_recordings(data: OfficialData, chosen: Sequence[Task], items: dict[str, list[Item]]) -> None:
    """Refuse a run some of whose recordings are not there, with their names."""
    missing = {
        path
        for found in chosen
        for path in data.missing_of(
            (item.sample for item in items.get(found.name, ())), setup=getattr(found, "setup", None)
        )
    }
    if missing:
        raise lacks_audio(data, sorted(missing))


def _check_codecs(data: Manifest, items: Sequence[Item]) -> None:
    """Refuse a run some of whose recordings need an extra that is not installed, with their names.

    Raises
    ------
    MissingExtra
        Before anything is asked; found out later, it would end the run in its middle.
    """
    if has_extra("av"):
        return
    samples = {name for item in items for name in (item.sample, *item.sample.split("+"))}
    paths = [entry.path for entry in data.entries if entry.id in samples and entry.needs_codecs]
    if paths:
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        raise MissingExtra(
            f"{len(paths)} recordings of {data.folder} need av: {', '.join(paths[:5])}{more}; install it with: "
            'pip install "earnest[codecs]", or convert them to WAV or FLAC'
        )


def _stack(given: str | Sequence[str]) -> tuple[str, ...]:
    return stack_of(given) if isinstance(given, str) else tuple(given)


def _several(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _plain_name(name: str) -> str:
    """A model's name for readers: one line of at most 80 signs that can be printed."""
    plain = " ".join(name.split())
    if len(plain) > 80 or not all(sign.isprintable() for sign in plain):
        raise BadParameter(f"a model's name must be one line of at most 80 signs, got {name!r}; shorten it")
    return plain


def _faults(lacks: dict[str, str | None], *, tasks: tuple[str, ...]) -> list[str]:
    """What keeps tasks that were named from running, or every task; a task that a pillar brought along may be left out."""
    faults = {name: f"{name}: {lack}" for name, lack in lacks.items() if lack is not None}
    named = [faults[name] for name in (name.replace("-", "_") for name in tasks) if name in faults]
    return named or (list(faults.values()) if len(faults) == len(lacks) else [])


def _check_some_run(lacks: dict[str, str | None], *, request: _Request, data: Manifest | OfficialData) -> None:
    faults = _faults(lacks, tasks=request.task)
    if faults:
        which = (
            "the tasks that were asked for"
            if request.task
            else f"any task of {' or '.join(request.pillar) or 'the suite'}"
        )
        raise BadData(f"{data.folder} does not serve {which}; `earnest data check` says what is missing", faults)


def _check_some_asked(lacks: dict[str, str | None], *, tasks: tuple[str, ...], model: Model) -> None:
    faults = _faults(lacks, tasks=tasks)
    if faults:
        raise BadData(f"{model.name} cannot be asked {'what was chosen' if tasks else 'any task of the suite'}", faults)


def _canaries(data: Manifest | OfficialData, *, seed: int) -> list[Item]:
    """Canaries of the data where it has code words, else those of the probe set."""
    canary = Canary()
    own = any(entry.role == "code_word" for entry in data.entries)
    return canary.items(data if own and isinstance(data, Manifest) else probe_manifest(), seed=seed)


def _destination(models: Sequence[Model], hearing: Sequence[ModelJudge]) -> str | None:
    """Hosts to which recordings are sent; None where they stay on this machine."""
    hosts = dict.fromkeys(asked.destination for asked in (*models, *(judge.model for judge in hearing)))
    return ", ".join(host for host in hosts if host) or None


def _hearing(guards: Mapping[str, Sequence[Model]]) -> list[Model]:
    """The models that are sent recordings by defences."""
    hears = {spec for spec in guards if getattr(registry("defences").make(spec), "sends_clips", False)}
    return [model for spec in guards if spec in hears for model in guards[spec]]


def _placed(task: Task, items: Sequence[Item]) -> list[Item]:
    """The items, each of which says in its truth to which sub-task it belongs, if any."""
    keys = [task.subtask_of(item) for item in items]
    return [
        dataclasses.replace(item, truth={**item.truth, "subtask": key}) if key else item
        for item, key in zip(items, keys, strict=True)
    ]


def _subtasks(items: Sequence[Item]) -> dict[str, int]:
    """Items by the sub-task that they belong to."""
    return dict(sorted(Counter(item.truth["subtask"] for item in items if "subtask" in item.truth).items()))


def _planned(
    task: Task,
    items: Sequence[Item] | None,
    lack: str | None,
    *,
    data: Manifest | OfficialData,
    arms: Sequence[Arm],
    own_arms: Sequence[Arm],
    subtasks: dict[str, int],
    beyond: dict[str, int],
    n_seen: int,
    attacked: tuple[str, ...],
) -> PlannedTask:
    rows: Any = data  # in the form that the suite's tasks read
    unserved = task.unserved(rows)
    if lack is not None and task.subtask and not subtasks:
        unserved = {task.subtask: lack, **unserved}
    return PlannedTask(
        name=task.name,
        task="" if task.registered == task.name else task.registered,
        pillar=task.pillar,
        version=task.version,
        parameters=dict(Spec.of(task).parameters),
        n_items=len(items or ()),
        seen=n_seen,
        not_run=lack,
        beyond=beyond,
        own_arms=tuple(map(PlannedArm.of, own_arms)),
        unattacked=tuple(
            dict.fromkeys(arm.attack for arm in arms if arm.attack and not _stands_in(task, arm, among=attacked))
        ),
        subtasks=subtasks,
        unserved=unserved,
    )


def _own_arms(items: Sequence[Item]) -> tuple[Arm, ...]:
    """The arms of attacks that are part of the items."""
    return tuple(dict.fromkeys(item.own_attack.arm() for item in items if item.own_attack is not None))


def _stands_in(task: Task, arm: Arm, *, among: Sequence[str] = ()) -> bool:
    """Whether a task is asked in an arm; of attacked ones only those `among` the named, where any is."""
    if arm.attack is None:
        return True
    if among and task.name not in among:
        return False
    attack = registry("attacks").get(parse_spec(arm.attack).name)
    if only := getattr(attack, "only", ()):
        return task.registered in only
    family = getattr(attack, "family", "")
    return task.single_clip if family == "corruption" else task.has_goals


def _probed(prepared: _Prepared, n_items: int) -> Callable[[Job], bool]:
    """Whether a job is one of the few of its task and arm by which a run is timed; each arm has others, in turn.

    What was crafted on the bare model and is only tried on a stack is tried with the items of the bare arm, so that it finds
    them crafted, as it does in the whole run.
    """
    by_cell: dict[tuple[Arm, str], list[Job]] = {}
    for job in prepared.jobs:
        if job.kind == "item" and in_shard(job.item.id, prepared.plan.shard):
            by_cell.setdefault((job.arm, job.item.task), []).append(job)
    turns = {cell: turn for turn, cell in enumerate(by_cell)}
    chosen: set[str] = set()
    for (arm, task), jobs in by_cell.items():
        made_in = Arm(attack=arm.attack) if arm.crafted_on == UNDEFENDED else arm
        turn = turns.get((made_in, task), turns[arm, task])
        chosen |= {jobs[(n_items * turn + place) % len(jobs)].id for place in range(n_items)}
    return lambda job: job.id in chosen


def _note(prepared: _Prepared) -> str:
    """What must be said with every number of the run: of the model, and of how a published benchmark was judged."""
    ran = [task for task in prepared.plan.tasks if task.not_run is None]
    kept = {"judging" in task.parameters for task in ran if registry("tasks").get(task.registered).layout != "manifest"}
    told = {
        True: "faithful: published judging with its known faults",
        False: "repaired: published judging without its known faults",
    }
    return "; ".join([*([prepared.model.note] if prepared.model.note else []), *(told[one] for one in sorted(kept))])


def _digest(items: Sequence[Item]) -> str:
    return hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest()


def _baseline(folder: Path, prepared: _Prepared, *, out: str | Path | None, margin: float | None) -> Baseline:
    """The run that this one is to be compared with, checked before anything is asked."""
    check_margin(margin)
    if out is not None and folder.resolve() == Path(out).resolve():
        raise BadParameter(
            f"a baseline must be another run, got the run's own folder {folder}; give the folder of an earlier run"
        )
    found = Baseline.read(folder)
    found.check(prepared.plan, [job.id for job in prepared.jobs if job.kind == "item"])
    return found


def _unscored_lines(prepared: _Prepared) -> list[JournalLine]:
    """The lines that the run would have, were none of its items scored."""
    nothing = Unscored(reason="cancelled")
    model, sampling = prepared.plan.model, prepared.settings.sampling
    return [
        line_of(job, model=model, sampling=sampling, outcome=nothing) for job in prepared.jobs if job.kind == "item"
    ]


def _outline(prepared: _Prepared) -> Outline:
    from earnest.engine.arms import setups

    jobs = prepared.jobs
    arms = (job.setup_arm for job in jobs)
    nobody = isinstance(prepared.model, Nobody)
    if not nobody:
        sampling = prepared.settings.sampling
        setups(
            prepared.plan,
            arms,
            model=prepared.model,
            others=prepared.others,
            guards=prepared.guards,
            sampling=sampling,
        )  # refuses what cannot run
    counts = Counter((job.item.task, job.arm.suffix or "clean") for job in jobs if job.kind == "item")
    items: dict[str, dict[str, int]] = {}
    for (name, arm), n in counts.items():
        items.setdefault(name, {})[arm] = n
    return Outline(
        plan=prepared.plan,
        items=items,
        n_canaries=sum(job.kind == "canary" for job in jobs),
        estimate=None
        if nobody
        else estimate(
            prepared.plan,
            jobs,
            model=prepared.model,
            guards=prepared.guards,
            others=prepared.others,
            judges=prepared.judges,
            settings=prepared.settings,
        ),
        official=summarised(prepared.data) if isinstance(prepared.data, OfficialData) else None,
    )
