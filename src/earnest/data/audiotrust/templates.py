"""The official prompt templates, read from `registry/prompt/*.yaml` of the benchmark's repository and left as they are.

Every template is one user turn: first the audio, as the name of the column that holds its path, then the text. Judge
templates have no audio. The text is Jinja, rendered as the benchmark renders it: strict about names, a null column
written as `None`, a last newline dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment

from earnest.errors import BadData, BadParameter

_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe reader, in C where there is one: ten times as quick."""
_AUDIO = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, kw_only=True)
class Template:
    """A prompt of the benchmark.

    Parameters
    ----------
    name : str
    audio : str or None
        Column of the clip that is heard before the text; None where the template has no audio.
    source : str
        The text as it stands in the file, with its placeholders.
    """

    name: str
    audio: str | None
    source: str

    def text(self, **columns: Any) -> str:
        """The text with the columns of a row in it; columns that it does not name are passed over.

        Raises
        ------
        BadParameter
            If a column that it names is not given.
        """
        lacking = sorted(self.variables - columns.keys())
        if lacking:
            raise BadParameter(
                f"prompt {self.name!r} must be given {', '.join(sorted(self.variables))}, got no {', '.join(lacking)}; "
                "the row's file has no such column, or it must be passed together with the row"
            )
        try:
            return self._compiled.render(**columns)
        except TemplateError as error:
            raise BadData(f"prompt {self.name!r} cannot be rendered: {error}; fetch the file anew") from error

    @cached_property
    def variables(self) -> frozenset[str]:
        """The columns that the text names."""
        return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(self.source)))

    def nulls(self, columns: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns that the text names and that are null in a row: the benchmark writes `None` there."""
        return tuple(sorted(name for name in self.variables if name in columns and columns[name] is None))

    @cached_property
    def _compiled(self) -> Any:
        return _ENVIRONMENT.from_string(self.source)


def read_templates(files: Iterable[Path], faults: list[str]) -> dict[str, Template]:
    """The templates of some files by name; what cannot be read is added to `faults`."""
    found: dict[str, Template] = {}
    for file in files:
        for name, content in _entries(file, faults).items():
            try:
                template = _template(str(name), content)
            except (TypeError, KeyError, IndexError, ValueError, TemplateError) as error:
                faults.append(f"{file.name}: {name} is no prompt of one user turn, audio first ({error})")
                continue
            if template.name in found:
                faults.append(f"{file.name}: {name} comes more than once")
            found[template.name] = template
    return found


def _entries(file: Path, faults: list[str]) -> dict[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(f"{file.name} must be YAML in UTF-8: {' '.join(str(error).split())}")
        return {}
    if not isinstance(content, dict):
        faults.append(f"{file.name} must map names to prompts, got {type(content).__name__}")
        return {}
    return content


def _template(name: str, content: Any) -> Template:
    (turn,) = content["args"]["template"]
    *audio, text = turn["contents"]
    if turn["role"] != "user" or text["type"] != "text" or len(audio) > 1 or any(p["type"] != "audio" for p in audio):
        raise ValueError(f"its parts are {[part['type'] for part in turn['contents']]} of role {turn['role']!r}")
    column = _AUDIO.fullmatch(audio[0]["value"].strip()) if audio else None
    if audio and column is None:
        raise ValueError(f"its audio is {audio[0]['value']!r}, not the name of a column")
    return Template(name=name, audio=column[1] if column else None, source=str(text["value"]))
