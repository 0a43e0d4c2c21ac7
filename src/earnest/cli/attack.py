"""`earnest attack NAME`: one attack towards one goal; `earnest attack replay`: hits elsewhere; `earnest attack list`."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option, price_option
from earnest.errors import BadParameter, UnknownName, did_you_mean

GOALS = {
    "comply": "harmful_refusal",
    "disclose": "private_note",
    "impersonate": "enrolled_voice",
    "pass_as_live": "spoof_detection",
    "accept_label": "label_match",
    "mishear": "noisy_transcription",
    "choose_second": "pair_decision",
    "availability": "bounded_answer",
}
"""What an attacker may want, and the task whose items it is wanted of."""

ACCESSES = ("none", "responses", "scores", "gradients", "activations")
"""What an attack needs, from least to most; `none` asks nothing while it searches."""


class _Attacks(click.Group):
    """A group whose other commands are the names of attacks: `earnest attack pgd` is `earnest attack run pgd`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = super().get_command(ctx, cmd_name)
        if known is not None:
            return known
        named = copy.copy(self.commands["run"])
        named.params = [param for param in named.params if param.name != "name"]
        named.callback = functools.partial(named.callback, cmd_name)  # type: ignore[arg-type]
        return named


@click.group(
    "attack",
    cls=_Attacks,
    help="Attack a model: `earnest attack NAME --model M --goal comply --out DIR`. `earnest attack list` shows the names; "
    "`earnest attack replay hits.jsonl --model OTHER` tries the hits on another model.",
)
def attack_command() -> None:
    pass


@attack_command.command("run", help="Attack with NAME[:k=v,k=v], and write a run folder with the hits in hits.jsonl.")
@click.argument("name")
@click.option("--model", metavar="SPEC", help="earnest/reference, openai/<name>, <url>#<name>, ...")
@click.option(
    "--goal",
    default="comply",
    show_default=True,
    metavar="GOAL",
    help=f"{', '.join(GOALS)}, or the name of a task whose items have goals.",
)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="K=V[,K=V]",
    help="snr_db, epsilon, l2, masking_db; queries, seconds, usd for each item; repeatable.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of recordings; default: the embedded probe set.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; an existing run is resumed.")
@click.option(
    "--defence",
    "defences",
    multiple=True,
    metavar="SPEC",
    help="Defence of one stack, attacked in arms of its own; repeatable, applied in order.",
)
@click.option("--crafted-on", metavar="SPEC", help="Craft the attack on this model, and judge the answers of --model.")
@click.option("--limit", type=click.IntRange(min=1), help="Largest number of items.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--max-connections", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), help="Batch size of local models; it only affects speed.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=120.0,
    show_default=True,
    help="Time limit of a call, in seconds.",
)
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Ceiling on cost, over all items; no call exceeds it.",
)
@click.option(
    "--log-queries", is_flag=True, help="Write one JSON line per question to queries.jsonl in the run folder."
)
@price_option
@model_option
@plugin_option
@click.option("--no-cache", is_flag=True, help="Repeat calls whose answers are in the cache.")
@click.option("--dry-run", is_flag=True, help="Print the plan and its cost, without asking anything.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def attack_run_command(
    name: str,
    *,
    model: str | None,
    goal: str,
    budgets: tuple[str, ...],
    crafted_on: str | None,
    out: Path | None,
    no_cache: bool,
    dry_run: bool,
    as_json: bool,
    defences: tuple[str, ...],
    **options: Any,
) -> int:
    from earnest.cli._progress import progress_bar
    from earnest.cli._watch import works_in
    from earnest.runs.suite import Suite, SuiteTask, run_suite, write_hits

    if model is None and not dry_run:
        raise click.UsageError(
            "an attack needs a model: add --model earnest/reference (or --dry-run to see what is asked)"
        )
    if out is None and not dry_run:
        raise click.UsageError("an attack needs a folder: add --out runs/attack (or --dry-run to see the plan)")
    task = _task_of(goal, attack=name)
    suite = Suite(name="attack", version=1, title=f"{name} towards {goal}", tasks=(SuiteTask(name=task),))
    choice = {
        "model": model,
        "attack": _spec(name, budgets, crafted_on),
        "defence": defences,
        "task": task,
        "cache": not no_cache,
        **options,
    }
    if dry_run:
        outline = run_suite(suite, out=out, dry_run=True, **choice)
        print_json(outline.as_json()) if as_json else click.echo(outline.as_text())
        return 0
    works_in(Path(str(out)))
    with progress_bar(str(model)) as on_progress:
        run = run_suite(suite, out=out, on_progress=on_progress, **choice)
    hits = write_hits(run.folder, run.plan, run.results.lines)
    n_hits = hits.read_text(encoding="utf-8").count("\n")
    if as_json:
        print_json({**run.as_json(), "n_hits": n_hits, "hits": str(hits)})
    else:
        click.echo(run.as_text())
        click.echo(f"\n{n_hits} hits: {hits}\nreport: {run.folder / 'report.html'}")
    if run.why_nothing_was_scored:
        click.echo(f"earnest: {run.why_nothing_was_scored}", err=True)
        return 2
    return 0


@attack_command.command(
    "replay",
    help="Try the hits of a run (its hits.jsonl) on another model or behind defences, and count those on target.",
)
@click.argument("hits", type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="SPEC")
@model_option
@click.option(
    "--defence", "defences", multiple=True, metavar="SPEC", help="Defence of one stack; repeatable, applied in order."
)
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def attack_replay_command(hits: Path, *, as_json: bool, **options: Any) -> None:
    from earnest.runs.suite import replay_hits

    found = replay_hits(hits, **options)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())


@attack_command.command("list", help="List the attacks with family, required access, control and source.")
@click.option("--access", type=click.Choice(ACCESSES), help="Only attacks that need no more access than this.")
@click.option("--family", help="Only attacks of this family.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def attack_list_command(*, access: str | None, family: str | None, as_json: bool) -> None:
    rows = [row for row in _rows() if access is None or ACCESSES.index(row["access"]) <= ACCESSES.index(access)]
    rows = [row for row in rows if family is None or row["family"] == family]
    if as_json:
        print_json({"attacks": rows})
        return
    for row in rows:
        control = f"; control: {row['control'].replace('_', ' ')}" if row["control"] else ""
        click.echo(
            f"{row['name']:<22} {row['access']:<12} {row['family']:<12} {row['says']} [{row['source']}{control}]"
        )


def _rows() -> list[dict[str, Any]]:
    from earnest import registry

    rows = []
    for name in registry.names("attacks"):
        attack = registry.registry("attacks").get(name)
        rows.append(
            {
                "name": name,
                "family": attack.family,
                "access": "none" if attack.family == "corruption" else attack.needs,
                "control": attack.control_name,
                "source": attack.source,
                "says": (attack.__doc__ or "").strip().split("\n")[0],
            }
        )
    return rows


def _task_of(goal: str, *, attack: str = "") -> str:
    """The task whose items a goal is wanted of, which the attack, if it names tasks, must name."""
    from earnest import registry

    goal = goal.replace("-", "_")
    only = registry.registry("attacks").get(registry.parse_spec(attack).name).only if attack else ()
    if only and GOALS.get(goal, goal) not in only:
        raise BadParameter(
            f"attack {attack!r} is put on {', '.join(only)} alone, got the goal {goal!r}; give --goal {only[0]}"
        )
    if goal in GOALS:
        return GOALS[goal]
    if goal not in registry.names("tasks"):
        raise UnknownName(
            f"no goal is called {goal!r}{did_you_mean(goal, GOALS) or ';'} there are {', '.join(GOALS)}, and tasks whose items have goals"
        )
    if goal not in only and not registry.registry("tasks").make(goal).has_goals:
        raise BadParameter(
            f"items of the task {goal!r} have no goal that an attack could reach; choose one of {', '.join(GOALS)}"
        )
    return goal


def _spec(name: str, budgets: tuple[str, ...], crafted_on: str | None) -> str:
    """The attack with its budget among its parameters, where it takes them."""
    from dataclasses import fields

    from earnest.registry import Spec, parse_spec, registry

    spec = parse_spec(name)
    given = {key: value for text in budgets for key, value in parse_spec(f"budget:{text}").parameters.items()}
    known = {field.name for field in fields(registry("attacks").get(spec.name))}
    if wrong := sorted(set(given) - known):
        limits = sorted(known & {"snr_db", "epsilon", "l2", "masking_db", "edits", "queries", "seconds", "usd"})
        raise BadParameter(f"attack {spec.name!r} has no budget in {', '.join(wrong)}; it takes {', '.join(limits)}")
    built = {} if crafted_on is None else {"crafted_on": crafted_on}
    return str(Spec(spec.name, {**spec.parameters, **given, **built}))
