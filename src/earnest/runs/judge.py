"""Judging a run again, whether judges hear, and people's labels: what `earnest judge` does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earnest import report
from earnest.engine import ModelJudge, Progress, Settings, read_journal
from earnest.engine.asking import ask_all
from earnest.engine.job import default_cache
from earnest.engine.judging import JudgeSummary, judge_lines
from earnest.engine.ledger_file import read_spent, write_spent
from earnest.engine.prices import Price, read_prices
from earnest.errors import BadParameter, RunStopped
from earnest.models import load_model
from earnest.models.access import Model
from earnest.models.options import Given, options_of
from earnest.plan import Plan
from earnest.records import JournalLine
from earnest.report.judges import FILE as HEARING
from earnest.report.judges import read_hearing
from earnest.report.storage import write_text
from earnest.results.build import read_lines
from earnest.results.calibrated import FILE as LABELS
from earnest.results.calibrated import MIN_LABELS, read_labels
from earnest.results.proof import MIN_HEARD, AudioProof, audio_proof
from earnest.run_folder import read_text
from earnest.tasks._canary import Canary, canary_lines
from earnest.tasks.probe import probe_manifest


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run that was judged again.

    Parameters
    ----------
    folder : Path
    summary : JudgeSummary
    labels : mapping of str to int, or None
        People's labels by task; None where none were given.
    """

    folder: Path
    summary: JudgeSummary
    labels: Mapping[str, int] | None = None

    def as_json(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return {**self.summary.as_json(), "labels": self.labels, "report": str(self.folder / "report.html")}

    def as_text(self) -> str:
        """The outcome for a terminal."""
        said = self.summary
        lines = [
            f"{said.n_questions} answers have a question for a judge; {said.n_parsed} others were scored by a parser "
            "(or could not be scored), and are left alone"
        ]
        if said.judges:
            new = f"{said.n_judged} labels" + (f", {said.n_unjudged} replies unreadable" if said.n_unjudged else "")
            nothing = "nothing was left to ask"
            asked = new if said.n_judged or said.n_unjudged else nothing if not said.failed else "no new label"
            lines.append(f"{', '.join(said.judges)}: {asked}; {said.n_known} were judged before")
            lines.append(f"{said.n_calls} new calls, {said.n_cached} from the cache" + self._cost)
            lines += [
                f"{n} calls failed: {reason} ({said.details.get(reason, '')}); the same command asks them again"
                for reason, n in said.failed.items()
            ]
        for task, n in (self.labels or {}).items():
            few = "" if n >= MIN_LABELS else f": too few, {MIN_LABELS} are needed to correct its rate"
            lines.append(f"{n} labels by people of {task}{few}")
        return "\n".join(lines)

    @property
    def _cost(self) -> str:
        if self.summary.note:
            return f"; {self.summary.note}"
        return f"; {self.summary.cost_usd:.4f} USD spent on the run so far" if self.summary.cost_usd else ""


def judge_run(
    folder: str | Path,
    *,
    judge: str | Model | Sequence[str | Model] = (),
    judge_hears: bool = False,
    calibrate: str | Path | None = None,
    max_cost: float | None = None,
    price: str | Sequence[str] = (),
    judge_options: Given = (),
    max_connections: int = 16,
    batch_size: int | None = None,
    timeout_s: float = 120.0,
    max_failures: int | None = 20,
    cache: bool | Path = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Judged:
    """Judge the answers of a finished run again, without asking its model, and write the report again.

    Parameters
    ----------
    folder : path
        The run folder.
    judge : str, Model, or several
        Who judges; what one was asked before is not asked again.
    judge_hears : bool
        Whether they are given the recordings; they must hear the probe set's code words then.
    calibrate : path or None
        Labels by people: a CSV file with the columns `item` and `label`.
    max_cost : float or None
        Ceiling of the spend of the whole run folder in US dollars.
    price : str or sequence of str
        `[SPEC:]in=2.5,out=10`, in US dollars per million tokens; without SPEC of the first judge.
    judge_options : sequence of str, or mapping
        How every judge is asked: `KEY=VALUE`, or values by key.
    max_connections, batch_size, timeout_s, cache
        As in `run_suite`.
    max_failures : int or None
        Calls to one judge given up in a row after which judging stops, to be resumed; None or 0: it goes on.
    on_progress : callable or None

    Returns
    -------
    Judged

    Raises
    ------
    BadData
        If it is no run folder, or the labels have faults, all told at once.
    BadParameter
        If there is nothing to do, or a judge that is to hear does not.
    RunStopped
        If a judge cannot be asked, or too many calls to it failed; there is a report of what was judged.
    """
    folder = Path(folder)
    lines = read_journal(folder)
    given = [judge] if isinstance(judge, str | Model) else list(judge)
    if not given and calibrate is None:
        raise BadParameter(f"judging {folder} again needs a judge or human labels, got neither; add --judge SPEC")
    labels = None if calibrate is None else read_labels(calibrate, lines=read_lines(folder))
    settings = Settings(
        max_connections=max_connections,
        timeout_s=timeout_s,
        max_failures=max_failures or None,
        max_cost=max_cost,
        cache=default_cache() if cache is True else (cache or None),
        batch_size=batch_size,
        prices=_prices(price, given),
    )
    judges = made_judges(given, hears=judge_hears, options=judge_options)
    if judge_hears:
        check_hearing(judges, folder=folder, settings=settings)
    try:
        summary = (
            judge_lines(folder, lines, judges=judges, settings=settings, on_progress=on_progress)
            if judges
            else _no_judges(folder, lines)
        )
    except RunStopped:
        report.write(folder)  # of what was judged, for those who look
        raise
    if calibrate is not None:
        write_text(folder / LABELS, read_text(Path(calibrate)))
    report.write(folder)
    return Judged(folder=folder, summary=summary, labels=None if labels is None else _by_task(lines, labels))


def _by_task(lines: Sequence[JournalLine], labels: Mapping[str, str]) -> dict[str, int]:
    return dict(sorted(Counter(line.task for line in lines if line.item in labels).items()))


def _prices(price: str | Sequence[str], judges: Sequence[str | Model]) -> dict[str, Price] | None:
    names = [judge if isinstance(judge, str) else judge.name for judge in judges]
    given = [price] if isinstance(price, str) else price
    return read_prices(given, models=names) if given and names else None


def made_judges(specs: Sequence[str | Model], *, hears: bool, options: Given = ()) -> tuple[ModelJudge, ...]:
    """The judges that specifications name, each once and with the same options."""
    models = [spec if isinstance(spec, Model) else load_model(spec, **options_of(spec, options)) for spec in specs]
    return tuple(ModelJudge(model, hears=hears) for model in {model.name: model for model in models}.values())


def _no_judges(folder: Path, lines: Sequence[JournalLine]) -> JudgeSummary:
    answered = [line for line in lines if line.kind == "item" and line.answer is not None]
    n_questions = sum(line.question is not None for line in answered)
    return JudgeSummary(
        folder=folder, judges=(), n_questions=n_questions, n_parsed=len(answered) - n_questions, failed={}
    )


# ---------------------------------------------------------------- hearing


def check_hearing(judges: Sequence[ModelJudge], *, folder: Path, settings: Settings, plan: Plan | None = None) -> None:
    """Ask every judge for the code words of the probe set's canaries and of their controls; write `judges.json`.

    A judge that the folder knows already is not asked again.

    Raises
    ------
    BadParameter
        If one does not hear: it is not to judge what it cannot hear. Nothing is written then.
    """
    if plan is not None and (folder / "plan.json").exists():
        plan.write(folder)  # refuses a folder with another plan before anybody is asked
    known = read_hearing(folder)
    spent, faults = 0.0, []
    for judge in judges:
        if known.get(judge.name, {}).get("fingerprint") == judge.model.fingerprint:
            continue
        try:
            proof, failed, cost = _heard(judge.model, folder=folder, settings=settings)
        except RunStopped as error:
            faults.append(str(error))
            continue
        spent += cost
        if proof.proven and proof.n_found >= MIN_HEARD * (proof.n_canaries + proof.n_unscored):
            about = {"fingerprint": judge.model.fingerprint, "destination": judge.model.destination}
            known[judge.name] = {**about, **asdict(proof)}
        else:
            faults.append(f"{judge.model.name}: {_proof_words(proof, failed)}")
    if faults:
        raise BadParameter(
            "a judge that is to hear must find half of the canaries, and code words in far fewer of their controls; "
            f"{'; '.join(faults)}. Leave out --judge-hears, or take another judge"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / HEARING, json.dumps(known, indent=2) + "\n")
    write_spent(folder, read_spent(folder) + spent)


def _heard(model: Model, *, folder: Path, settings: Settings) -> tuple[AudioProof, str, float]:
    """What a model finds among the canaries, why a call failed, if one did, and what asking cost in US dollars."""
    items = Canary().items(probe_manifest(), seed=0)
    replies, cost = ask_all(model, [item.load() for item in items], folder=folder, settings=settings)
    lines = canary_lines(items, replies, model=model.name)
    failed = next((line for line in lines if line.status == "unscored"), None)
    return audio_proof(lines), f"{failed.reason}: {failed.detail}" if failed else "", cost


def _proof_words(proof: AudioProof, failed: str) -> str:
    return (
        f"{proof.n_found} of {proof.n_canaries} canaries found, and code words in {proof.n_controls_found} of "
        f"{proof.n_controls} controls without any"
        + (f"; {proof.n_unscored} calls gave no answer ({failed})" if proof.n_unscored else "")
    )
