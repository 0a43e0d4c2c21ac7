"""The JSON Schemas of what earnest reads and writes, made from its models.

The files in `schema/` are what is published; `write` makes them, and a test says when they are out of date. Models of
floors above are named by their address and loaded only when their schema is made.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

MODELS = {
    "explanation": "earnest.report.explanation:ExplanationFile",
    "finding": "earnest.results.finding:Finding",
    "journal": "earnest.records:JournalLine",
    "judgement": "earnest.records:JudgementLine",
    "matrix": "earnest.results.matrix:Matrix",
    "membership": "earnest.report.membership:MembershipFile",
    "manifest": "earnest.audio.manifest:Entry",
    "report": "earnest.report.gather:ReportFile",
    "suite": "earnest.runs.suite_file:Suite",
    "work": "earnest.catalogue.work:Work",
}
"""The pydantic model of each schema, as `module:name`."""

WRITTEN = frozenset({"explanation", "finding", "journal", "judgement", "matrix", "membership", "report"})
"""Kinds that earnest writes, whose schemas hold what is worked out when they are written too."""

FOLDER = Path(__file__).parent / "schema"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of `MODELS`."""
    module, _, name = MODELS[kind].partition(":")
    model = getattr(importlib.import_module(module), name)
    made = model.model_json_schema(mode="serialization" if kind in WRITTEN else "validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"earnest/{kind}.json", **made}


def text(kind: str) -> str:
    """The schema as its file holds it."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every schema into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{kind}.json" for kind in MODELS]
    for kind, path in zip(MODELS, paths, strict=True):
        path.write_text(text(kind), encoding="utf-8")
    return paths
