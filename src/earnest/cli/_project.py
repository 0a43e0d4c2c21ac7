"""`earnest.toml`: what `earnest run` does in this folder, by the names of its options.

    [run]                       every run here
    model = "python:my_model:answer"
    fail-under = { safety = 0.8 }

    [config.nightly]            earnest run --config nightly: what stands here comes before [run]
    suite = "core"

A key is an option of `earnest run` without its dashes, whatever options that has; `suite` is its argument. An option of the
command line comes before the file. Paths are taken from the folder of the file. An option that takes KEY=VALUE may be
written as a table. All faults of the file are told at once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from earnest.errors import BadData, BadParameter, did_you_mean

FILE = "earnest.toml"
NOT_OF_A_PROJECT = frozenset({"config", "project", "no_project", "dry_run", "as_json", "help"})
"""Parameters that say what one call is to show or to read."""

NARROWING = ("tasks", "pillars")
"""Parameters that ask for a part of a suite."""

PLAINLY = {
    "judges": "judge",
    "gates": "fail-under",
    "budget": "max-cost",
    "tasks": "task",
    "pillars": "pillar",
    "baseline": "fail-under-baseline",
}
"""Words for options that somebody may write in their place."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a project file says for one run.

    Parameters
    ----------
    file : Path
    config : str or None
        The named configuration that was chosen.
    values : mapping of str to Any
        By the name of the command's parameter.
    keys : mapping of str to str
        As they stand in the file, by the name of the parameter.
    configs : tuple of str
        Every named configuration of the file.
    """

    file: Path
    config: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    configs: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path, command: click.Command, *, config: str | None = None) -> Project:
        """The file's values for `command`, those of the named configuration before those of `[run]`.

        Raises
        ------
        BadData
            If the file cannot be read, or with every key that is no option and every value that its option refuses.
        BadParameter
            If it has no configuration of that name.
        """
        content = _content(file)
        named = content.get("config", {})
        if config is not None and config not in named:
            known = ", ".join(named) or "none"
            raise BadParameter(
                f"no configuration of {file} is called {config!r}{did_you_mean(config, named) or ';'} it has {known}"
            )
        faults = [
            f"[{name}] is not a table of a project file{did_you_mean(name, ('run', 'config')) or ';'} it has [run] and [config.NAME]"
            for name in content
            if name not in ("run", "config")
        ]
        tables = {"run": content.get("run", {}), **{f"config.{name}": table for name, table in named.items()}}
        read = {name: dict(_values(name, table, command, file, faults)) for name, table in tables.items()}
        if faults:
            raise BadData(f"{file} cannot be used; correct these faults:", faults)
        chosen = {**read["run"], **(read[f"config.{config}"] if config is not None else {})}
        return cls(
            file=file,
            config=config,
            values={name: value for name, (_, value) in chosen.items()},
            keys={name: key for name, (key, _) in chosen.items()},
            configs=tuple(named),
        )

    def leaves_out_gates(self, context: click.Context) -> bool:
        """Whether its gates are left out: the command line asks for a part of the run alone, and gates are on the whole."""
        return (
            "gates" in self.keys
            and not _is_given(context, "gates")
            and any(_is_given(context, one) for one in NARROWING)
        )

    def words(self, context: click.Context) -> str:
        """Which values the file gave, and which of its values the command line replaced."""
        given = {name for name in self.keys if _is_given(context, name)}
        given |= {"gates"} if self.leaves_out_gates(context) else set()
        taken = [f"{key} = {_shown(self.values[name])}" for name, key in self.keys.items() if name not in given]
        place = f"{self.file}" + (f" [config.{self.config}]" if self.config else "")
        replaced = [self.keys[name] for name in self.keys if _is_given(context, name)]
        told = [f"{place}: {', '.join(taken) or 'nothing'}"]
        told += [f"given instead: {', '.join(replaced)}"] if replaced else []
        told += (
            ["its gates are left out, since they apply to the whole suite"] if self.leaves_out_gates(context) else []
        )
        return "; ".join(told)


class ProjectCommand(click.Command):
    """A command whose options take their values from `earnest.toml` where the command line does not give them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            project = _project_of(self, given)
            if project is not None:
                ctx.default_map = {**(ctx.default_map or {}), **project.values}
                ctx.meta["earnest.project"] = project
        return super().parse_args(ctx, args)


def project_options(command: Any) -> Any:
    """The options by which a command finds its project file."""
    options = (
        click.option("--config", metavar="NAME", help="Use this named configuration of earnest.toml."),
        click.option(
            "--project",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="File with options for every run; default: earnest.toml in this folder, if it exists.",
        ),
        click.option("--no-project", is_flag=True, help="Do not read earnest.toml."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _project_of(command: click.Command, given: Mapping[str, Any]) -> Project | None:
    asked, config = given.get("project"), given.get("config")
    if given.get("no_project"):
        if asked is not None or config is not None:
            raise click.UsageError("--no-project does not read earnest.toml; leave out --project and --config")
        return None
    file = Path(asked or FILE)
    if not file.is_file():
        if asked is not None or config is not None:
            raise click.UsageError(f"there is no project file {file}; `earnest init` writes one")
        return None
    return Project.read(file, command, config=config)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}; `earnest init` writes one") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadData(f"{file} must be TOML in UTF-8", [" ".join(str(error).split())]) from error
    named = content.get("config", {})
    faults = [
        f"{name} must be a table, as in [{name}], got {table!r}"
        for name, table in content.items()
        if not isinstance(table, dict)
    ]
    if isinstance(named, dict):
        faults += [
            f"config.{name} must be a table, as in [config.{name}], got {table!r}"
            for name, table in named.items()
            if not isinstance(table, dict)
        ]
    if faults:
        raise BadData(f"{file} cannot be used; correct these faults:", faults)
    return content


def _values(
    name: str, table: Mapping[str, Any], command: click.Command, file: Path, faults: list[str]
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Parameter, key and value of each line of a table that can be used; the others are added to the faults."""
    known = {_key(parameter): parameter for parameter in command.params if parameter.name not in NOT_OF_A_PROJECT}
    for key, value in table.items():
        plain = key.replace("_", "-")
        parameter = known.get(plain)
        if parameter is None:
            meant = f"; did you mean {PLAINLY[plain]!r}?" if plain in PLAINLY else did_you_mean(plain, known)
            faults.append(f"[{name}] {key}: no option of `earnest {command.name}` has this name{meant}")
            continue
        try:
            value = _converted(parameter, value, folder=file.parent)
            parameter.process_value(click.Context(command), value)
        except click.BadParameter as error:
            faults.append(f"[{name}] {key}: {error.message}")
            continue
        except ValueError as error:
            faults.append(f"[{name}] {key}: {error}")
            continue
        yield str(parameter.name), (key, value)


def _key(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len).lstrip("-").replace("_", "-")


def _converted(parameter: click.Parameter, value: Any, *, folder: Path) -> Any:
    """A value of the file as the command line would have it.

    Raises
    ------
    ValueError
        If it has another type than the option takes.
    """
    pairs = "=" in (parameter.make_metavar(click.Context(click.Command("run"))) or "")
    if pairs and isinstance(value, dict):
        written = [f"{key}={_text(one)}" for key, one in _flat(value)]
        return written if parameter.multiple else ",".join(written)
    if parameter.multiple:
        several = value if isinstance(value, list) else [value]
        return [_one(parameter, one, folder=folder) for one in several]
    return _one(parameter, value, folder=folder)


def _one(parameter: click.Parameter, value: Any, *, folder: Path) -> Any:
    flag = isinstance(parameter, click.Option) and parameter.is_flag
    whole, number = (
        isinstance(parameter.type, click.types.IntParamType),
        isinstance(parameter.type, click.types.FloatParamType),
    )
    kinds: tuple[type, ...] = (bool,) if flag else (int,) if whole else (int, float) if number else (str,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and not flag):
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}[kinds[-1]]
        raise ValueError(f"must be {wanted}, got {_shown(value)}")
    if not isinstance(value, str):
        return value
    if isinstance(parameter.type, click.Path) or (parameter.name == "suite" and (folder / value).is_file()):
        return str(folder / value)
    return value


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values, those of tables within tables joined by dots: an id of a finding needs no quotes then."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
