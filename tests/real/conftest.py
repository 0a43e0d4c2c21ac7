"""The assistant that the tests here ask, served once for all of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of these tests; they exist where the command line names this folder or a file in it."""
    parser.addoption("--real-suite", default="quick", help="The suite that the assistant is asked.")
    parser.addoption("--real-limit", type=int, default=None, help="At most so many items of each task.")


@pytest.fixture(scope="session")
def text_model() -> Iterator[str]:
    """SmolLM2 behind an address of this machine."""
    from needed import need
    from serving import SMOLLM2, smollm2

    need("xllamacpp", SMOLLM2)
    with smollm2() as url:
        yield url
