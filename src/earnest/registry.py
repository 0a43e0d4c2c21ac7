"""Plug-ins by kind and name: found by walking the package's folders and through entry points.

A *kind* (`attacks`, `tasks`, ...) is a folder of this package, and an entry-point group `earnest.<kind>` of any other.
One file holds one plug-in, registered by a decorator at import:

    @attacks.register("pgd")            # attacks = Registry("attacks")
    @dataclass(frozen=True, kw_only=True)
    class ProjectedGradientDescent(Attack): ...

Nothing is imported before a name is asked for, and an entry point not before it is asked for by its own name;
`import earnest` walks nothing. A *specification* is how a plug-in with
parameters is written: `name[:key=value,key=value]`, values being JSON scalars or bare words. Names use underscores;
hyphens are taken as underscores.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import keyword
import os
import pkgutil
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from earnest.errors import BadParameter, EarnestError, MissingExtra, UnknownName, did_you_mean

T = TypeVar("T")

KINDS = (
    "tasks", "attacks", "defences", "detectors", "explainers", "streams", "triggers", "models", "voices", "metrics", "suites", "judges",
    "anonymisers", "benchmarks", "mitigation", "recipes",
)  # fmt: skip  # a table: one row a line
"""Every kind that `names` knows."""

HOMES = {"recipes": "earnest.mitigation.recipes", "triggers": "earnest.audio.triggers", "suites": "earnest.runs.suite"}
"""Where a kind is registered that has no folder of its own under `earnest`."""

_SPEC = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)(:(?P<parameters>.*))?$", re.DOTALL)
_SPLIT = re.compile(r",(?=[A-Za-z_][A-Za-z0-9_-]*=)")
_AS_WRITTEN = frozenset({"artefact"})
"""Parameters that are never a number: twelve digits of a SHA-256 may look like one."""


@dataclass(frozen=True)
class Spec:
    """A plug-in's name with its parameters; `str()` gives the canonical form that a journal carries."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return self.name + ":" + ",".join(f"{key}={_written(value)}" for key, value in sorted(self.parameters.items()))

    @classmethod
    def of(cls, plugin: Any) -> Spec:
        """The specification of a plug-in that is a dataclass, parameters at their default left out."""
        entries = [entry for entry in dataclasses.fields(plugin) if entry.init]
        values = {entry.name: getattr(plugin, entry.name) for entry in entries}
        return cls(plugin.name, {e.name: values[e.name] for e in entries if values[e.name] != e.default})


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, brackets without end
        return text


def parse_spec(text: str) -> Spec:
    """The specification written as `name[:key=value,key=value]`.

    >>> parse_spec("pgd:steps=40,snr_db=30")
    Spec(name='pgd', parameters={'steps': 40, 'snr_db': 30})

    Raises
    ------
    BadParameter
        If the text has another form.
    """
    match = _SPEC.match(text.strip())
    if match is None:
        raise BadParameter(f"a specification must look like name:key=value,key=value, got {text!r}")
    parameters: dict[str, Any] = {}
    for part in _SPLIT.split(match["parameters"] or "") if match["parameters"] else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise BadParameter(f"parameters must look like key=value,key=value, got {part!r} in {text!r}")
        name = key.strip().replace("-", "_")
        parameters[name] = _read(value.strip()) if name not in _AS_WRITTEN else value.strip().strip('"')
    return Spec(match["name"].replace("-", "_"), parameters)


class Registry:
    """The plug-ins of one kind.

    Parameters
    ----------
    kind : str
        Plural noun; also the folder under `earnest` that is walked and the tail of the entry-point group.
    nested : bool
        Whether folders inside that folder hold plug-ins too; False where they hold what a plug-in imports when used.
    """

    _all: dict[str, Registry] = {}

    def __init__(self, kind: str, *, nested: bool = True) -> None:
        self.kind, self.nested = kind, nested
        self._found: dict[str, Any] = {}
        self._entries: dict[str, importlib.metadata.EntryPoint] = {}
        self._walked = False
        self._lock = threading.RLock()
        Registry._all[kind] = self

    def register(self, name: str) -> Callable[[T], T]:
        """A decorator that files the class or function below it under `name`.

        Raises
        ------
        BadParameter
            If another object already has the name.
        """

        def decorate(plugin: T) -> T:
            present = self._found.get(name)
            if present is not None and _address(present) != _address(plugin):
                raise BadParameter(
                    f"two {self.kind} are called {name!r}: {_address(present)} and {_address(plugin)}; rename one"
                )
            self._found[name] = plugin
            if isinstance(plugin, type):
                plugin.name = name  # type: ignore[attr-defined]
            return plugin

        return decorate

    def names(self) -> list[str]:
        """Every registered name, sorted; imports the package's own plug-ins, and none of the entry points."""
        self._walk()
        return sorted({*self._found, *self._entries})

    def get(self, name: str) -> Any:
        """The class or function called `name` (hyphens count as underscores).

        Raises
        ------
        UnknownName
            If there is none; the message names the nearest.
        """
        name = name.replace("-", "_")
        if name not in self._found:
            self._walk()
            self._load(name)
        if name not in self._found:
            hint = did_you_mean(name, self.names()) or ";"
            raise UnknownName(
                f"no {self.kind.removesuffix('s')} is called {name!r}{hint} `earnest list {self.kind}` shows all"
            )
        return self._found[name]

    def known(self, name: str) -> Any | None:
        """The plug-in called `name` if it is earnest's own or was loaded before; no entry point is loaded for it.

        What is named by a run folder is looked up like this: a name in somebody's file is no reason to run code.
        """
        self._walk()
        return self._found.get(name.replace("-", "_"))

    def load(self, name: str) -> bool:
        """Load the entry point called `name`; whether there is one."""
        self._walk()
        name = name.replace("-", "_")
        if name in self._entries and name not in self._found:
            self._load(name)
        return name in self._entries

    def waits(self, name: str) -> bool:
        """Whether `name` is an installed entry point that was not loaded."""
        return self.known(name) is None and name.replace("-", "_") in self._entries

    def make(self, spec: str | Spec) -> Any:
        """The plug-in that `spec` names, built with its parameters.

        Raises
        ------
        BadParameter
            If a parameter is unknown, or its value refused; the message lists those there are.
        """
        spec = parse_spec(spec) if isinstance(spec, str) else spec
        plugin = self.get(spec.name)
        if dataclasses.is_dataclass(plugin):
            known = {entry.name for entry in dataclasses.fields(plugin) if entry.init}
            unknown = sorted(set(spec.parameters) - known)
            if unknown:
                raise BadParameter(
                    f"{self.kind.removesuffix('s')} {spec.name!r} has no parameter {', '.join(map(repr, unknown))}; "
                    f"it takes {', '.join(sorted(known)) or 'none'}"
                )
        try:
            return plugin(**spec.parameters)
        except EarnestError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise BadParameter(
                f"{spec.name!r} cannot be built with {str(dict(spec.parameters))[:200]}: {str(error)[:200]}"
            ) from error

    def _walk(self) -> None:
        with self._lock:
            if self._walked:
                return
            package = f"earnest.{self.kind}"
            if importlib.util.find_spec(package) is not None:
                _import_all(importlib.import_module(package), nested=self.nested)
            self._entries = {entry.name: entry for entry in importlib.metadata.entry_points(group=package)}
            self._walked = True

    def _load(self, name: str) -> None:
        """Load the entry point called `name`, if there is one: a plug-in, or a module whose decorator files it."""
        entry = self._entries.get(name)
        try:
            loaded = entry.load() if entry is not None else None
        except ModuleNotFoundError as error:
            raise missing_extra(error.name or name, needed_by=f"{self.kind.removesuffix('s')} {name!r}") from error
        if loaded is not None and not isinstance(loaded, ModuleType) and name not in self._found:
            self.register(name)(loaded)


def _address(plugin: Any) -> str:
    return f"{getattr(plugin, '__module__', '?')}.{getattr(plugin, '__qualname__', plugin)}"


def _import_all(package: ModuleType, *, nested: bool) -> None:
    listed = pkgutil.walk_packages if nested else pkgutil.iter_modules
    for module in listed(package.__path__, prefix=package.__name__ + "."):
        if (nested or not module.ispkg) and not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)


def names(kind: str) -> list[str]:
    """Every name registered under `kind` (`tasks`, `attacks`, `defences`, `models`, `metrics`, ...), sorted.

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    return registry(kind).names()


def registry(kind: str) -> Registry:
    """The registry of `kind`, its package imported.

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    kind = kind.replace("-", "_")
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise UnknownName(f"no kind {kind!r} is registered{hint or ';'} the kinds are {', '.join(KINDS)}")
    home = HOMES.get(kind, f"earnest.{kind}")
    if kind not in Registry._all and importlib.util.find_spec(home) is not None:
        importlib.import_module(home)
    return Registry._all.get(kind) or Registry(kind)


def load_plugin(name: str) -> None:
    """Load what another package registers under `name`, of whatever kind.

    Raises
    ------
    UnknownName
        If nothing installed here does.
    """
    if not any([registry(kind).load(name) for kind in KINDS]):
        raise UnknownName(
            f"no installed package registers a plug-in called {name!r}; install it, or leave the name out"
        )


_FILES: dict[str, tuple[str, str]] = {}
"""Files that were loaded as plug-ins, by the name of their module: path and SHA-256."""


def load_file(path: str) -> ModuleType:
    """The module in a file, run once, under the name of the file's stem, and known by it to `import` from then on.

    What is run is what was read and hashed. Nothing calls this but what a user asks for by `--plugin FILE.py`.

    Raises
    ------
    BadParameter
        If the file cannot be read or run, its stem is no name of a module, or another module has that name.
    """
    real = os.path.realpath(path)
    stem = os.path.splitext(os.path.basename(real))[0]
    try:
        with open(real, "rb") as file:
            source = file.read()
    except (OSError, ValueError) as error:
        raise BadParameter(
            f"a plug-in must be a Python file, got {path!r}: {getattr(error, 'strerror', None) or error}"
        ) from error
    digest = hashlib.sha256(source).hexdigest()
    if _FILES.get(stem) == (real, digest):
        return sys.modules[stem]
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise BadParameter(
            f"a plug-in's file must be named as a module is, with letters, digits and underscores, got {path!r}; rename it"
        )
    if stem in _FILES or stem in sys.modules or stem in sys.stdlib_module_names or stem in KINDS or stem == "earnest":
        there = _FILES.get(stem, (getattr(sys.modules.get(stem), "__file__", None) or "one of Python's own", ""))[0]
        raise BadParameter(
            f"a plug-in's file must have a name of its own, and {stem!r} is {there} already; rename {path!r}"
        )
    module = _run(stem, real, source)
    _FILES[stem] = (real, digest)
    return module


def _run(stem: str, path: str, source: bytes) -> ModuleType:
    spec = importlib.util.spec_from_file_location(stem, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except EarnestError:
        del sys.modules[stem]
        raise
    except BaseException as error:
        del sys.modules[stem]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise BadParameter(f"{path} cannot be loaded: {type(error).__name__}: {str(error)[:300]}; mend it") from error
    return module


def loaded_files() -> dict[str, str]:
    """SHA-256 of each file that was loaded as a plug-in, by the name of its module."""
    return {stem: digest for stem, (_, digest) in sorted(_FILES.items())}


def file_paths() -> list[str]:
    """Path of each file that was loaded as a plug-in: what another process loads to have the same."""
    return [path for path, _ in _FILES.values()]


EXTRAS = {
    "torch": "torch",
    "transformers": "transformers",
    "av": "codecs",
    "inspect_ai": "inspect",
    "pocketsphinx": "asr-small",
    "presidio_analyzer": "pii",
    "tldextract": "pii",
    "flwr": "federated",
    "faster_whisper": "asr",
    "moonshine_voice": "moonshine",
    "tokenizers": "embeddings",
    "speechmos": "dnsmos",
    "pystoi": "quality",
    "pesq": "quality",
    "sklearn": "classifier",
    "fairlearn": "fairness",
    "pyarrow": "parquet",
    "pandas": "pandas",
    "huggingface_hub": "hub",
    "onnx": "train",
    "altair": "figures",
    "vl_convert": "figures",
    "espeakng_loader": "train",
    "audioseal": "watermark",
    "ray": "ray",
    "opacus": "dp",
    "tenseal": "secure",
    "mpyc": "secure",
    "prometheus_client": "guard",
    "pyworld": "world",
}
"""Which extra of earnest brings a module."""


def extra(module: str, *, needed_by: str) -> ModuleType:
    """The optional dependency `module`, imported.

    Parameters
    ----------
    module : str
        Its import name.
    needed_by : str
        Who asks, for the message: `"attack 'pgd'"`.

    Raises
    ------
    MissingExtra
        If it is not installed; the message carries the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra(module, needed_by=needed_by) from error


def missing_extra(module: str, *, needed_by: str) -> MissingExtra:
    """The error that says which extra brings `module`."""
    top = module.partition(".")[0]
    return MissingExtra(f'{needed_by} needs {top}; install it with: pip install "earnest[{EXTRAS.get(top, top)}]"')


def has_extra(module: str) -> bool:
    """Whether the optional dependency `module` can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None
