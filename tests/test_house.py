"""The house: imports run downwards only, everything imports without extras, the face is light."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import earnest

ROOT = Path(earnest.__file__).parent
FLOORS = (
    ("collector", "errors", "text"),
    ("pillars", "registry", "replies", "run_folder", "spreadsheets"),
    ("arms", "artefacts", "audio", "catalogue"),
    ("data", "records", "plan", "metrics", "models", "voices"),
    ("anonymisers", "attacks", "defences", "detectors", "explainers", "mitigation", "privacy", "results", "streams"),
    ("benchmarks",),
    ("engine", "guard", "report"),
    ("tasks",),
    ("runs",),
    ("bridges", "testing"),
    ("cli",),
)
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}
NO_TORCH = ("audio", "metrics", "engine", "guard")


def files() -> list[Path]:
    found = sorted(ROOT.rglob("*.py"))
    assert len(found) > 30
    return found


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at any depth, `TYPE_CHECKING` blocks included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards_only(path: Path) -> None:
    here = part(path)
    if here in {"__init__", "__main__"}:
        return  # the face of the house sees every floor, and loads it late
    assert here in FLOOR, f"{here} stands on no floor; place it in FLOORS and in docs/architecture.md"
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "earnest" or len(parts) == 1 or parts[1] in {here, "__version__"}:
            continue
        assert FLOOR.get(parts[1], -1) < FLOOR[here], f"{path.name} on floor {FLOOR[here]} imports {name}"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_imports_what_is_banned(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imported(path)}
    assert not tops & {"torchaudio", "torchvision"}
    if part(path) in NO_TORCH:
        assert "torch" not in tops
    if path != ROOT / "bridges" / "inspect.py":
        assert "inspect_ai" not in tops


@pytest.mark.parametrize("part", ["results", "report"])
def test_results_and_report_know_no_benchmark_by_name(part: str) -> None:
    names = {path.parent.name for path in (ROOT / "benchmarks").glob("*/__init__.py")}
    assert "audiotrust" in names
    texts = {
        path: path.read_text(encoding="utf-8").casefold()
        for path in (ROOT / part).rglob("*")
        if path.suffix in {".py", ".j2", ".js", ".css"}
    }
    assert len(texts) > 10 and [path for path, text in texts.items() if any(name in text for name in names)] == []


def test_importing_earnest_is_light() -> None:
    code = (
        "import earnest, sys; print(sorted({'numpy', 'torch', 'onnxruntime', 'scipy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_imports_without_extras() -> None:
    """In a fresh interpreter in which every optional dependency is hidden."""
    needs_extra = {"earnest.bridges.inspect", "earnest.__main__"}  # the one is an extra, the other a program
    modules = [m.name for m in pkgutil.walk_packages([str(ROOT)], prefix="earnest.") if m.name not in needs_extra]
    code = (
        "import importlib, sys\n"
        "hidden = ('torch', 'transformers', 'av', 'inspect_ai', 'pocketsphinx', 'sklearn', 'pyarrow', 'onnx', 'espeakng_loader',\n"
        "          'faster_whisper', 'ctranslate2', 'moonshine_voice', 'tokenizers', 'speechmos', 'pyworld')\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in hidden: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "from earnest import registry\n"
        "for kind in registry.KINDS: registry.names(kind)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_face_offers_what_it_lists() -> None:
    for name in earnest.__all__:
        assert getattr(earnest, name) is not None


def test_an_entry_point_without_its_extra_says_which_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from earnest.errors import MissingExtra
    from earnest.registry import Registry

    kinds = Registry("inventions")
    kinds._walk()
    kinds._entries = {"odd": EntryPoint(name="odd", value="no_such_package:thing", group="earnest.inventions")}
    with pytest.raises(MissingExtra, match="invention 'odd' needs no_such_package; install it with"):
        kinds.get("odd")
    monkeypatch.delitem(Registry._all, "inventions")
