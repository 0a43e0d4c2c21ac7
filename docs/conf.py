"""Sphinx configuration: Markdown by MyST, one page for each registered name made from its docstring."""

from __future__ import annotations

import inspect
from pathlib import Path

import earnest
from earnest import registry

project = "earnest"
author = "The earnest authors"
release = earnest.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "earnest"
exclude_patterns = ["_build", "registered/reference_card.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
suppress_warnings = ["myst.header", "ref.python"]
nitpicky = False


def _registered_pages() -> None:
    """Write `registered/<kind>.md`: every registered name with its docstring as it stands in the code."""
    folder = Path(__file__).parent / "registered"
    folder.mkdir(exist_ok=True)
    for kind in (
        "tasks",
        "attacks",
        "defences",
        "detectors",
        "streams",
        "triggers",
        "models",
        "voices",
        "anonymisers",
        "metrics",
    ):
        parts = [
            f"# {kind.capitalize()}\n",
            f"This page is made from the code. `earnest list {kind} --name NAME` prints an entry in seconds, at no cost.\n",
        ]
        for name in registry.names(kind):
            plugin = registry.registry(kind).get(name) if name != "inspect" else None
            source = getattr(plugin, "source", None)
            parts.append(f"## `{name}`\n")
            parts.append(f"Follows `{source}`.\n" if source else "")
            parts.append(f"```text\n{inspect.getdoc(plugin) or 'Inspect AI models; see the bridge.'}\n```\n")
        (folder / f"{kind}.md").write_text("\n".join(parts), encoding="utf-8")


def _card() -> None:
    """Write `registered/reference_card.md`: the card of the reference model, which comes with its weights."""
    card = Path(__file__).parents[1] / "src" / "earnest" / "models" / "reference" / "CARD.md"
    text = card.read_text(encoding="utf-8").strip() if card.is_file() else ""
    if not text.startswith("# "):
        text = "# The reference model\n\nIts card comes with its final weights."
    (Path(__file__).parent / "registered" / "reference_card.md").write_text(text + "\n", encoding="utf-8")


_registered_pages()
_card()
