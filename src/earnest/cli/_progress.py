"""The progress bar of a run, on stderr: items, time left, cost, failures by kind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Any], None]]:
    """A function that takes an `engine.Progress` and shows it; plain lines where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield _plain(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[says]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task(title, total=1, says="")

        told: set[str] = set()

        def show(state: Any) -> None:
            for sentence in _new(state, told):
                bar.console.print(sentence, markup=False, highlight=False)
            bar.update(row, total=max(1, state.total), completed=state.done, says=_says(state))

        yield show


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function that takes how many of how many are done, and shows it on stderr with the time left, after two seconds."""
    begun = shown = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < (2.0 if sys.stderr.isatty() else 10.0) or done >= total:
            return
        shown = now
        minutes, seconds = divmod(round((now - begun) / max(1, done) * (total - done)), 60)
        print(f"{done} of {total} {what}, about {minutes}:{seconds:02d} left", file=sys.stderr, flush=True)

    yield show


def _plain(title: str) -> Callable[[Any], None]:
    shown, told = -1, set[str]()

    def show(state: Any) -> None:
        nonlocal shown
        for sentence in _new(state, told):
            print(sentence, file=sys.stderr, flush=True)
        tenth = 10 * state.done // max(1, state.total)
        if tenth != shown:
            shown = tenth
            print(f"{title}: {state.done}/{state.total} {_says(state)}", file=sys.stderr, flush=True)

    return show


def _new(state: Any, shown: set[str]) -> list[str]:
    """What was learnt of endpoints since the last time, on one line each."""
    new = ["learnt: " + "".join(c if c.isprintable() else "?" for c in one) for one in state.learnt if one not in shown]
    shown.update(state.learnt)
    return new


def _says(state: Any) -> str:
    parts = []
    if state.eta_s is not None and state.done < state.total:
        minutes, seconds = divmod(round(state.eta_s), 60)
        parts.append(f"about {minutes}:{seconds:02d} left")
    if state.cost_usd:
        parts.append(f"{state.cost_usd:.4f} USD")
    parts += [f"{count} {reason}" for reason, count in sorted(state.unscored.items())]
    return "  ".join(parts)
