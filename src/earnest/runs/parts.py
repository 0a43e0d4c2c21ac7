"""A run in parts, by several workers at once: processes of this machine, or whatever else carries parts out.

A part is a shard with a run folder of its own, `parts/<i>-of-<n>`. An item is in one part with all of its arms, so that
arms share what was crafted of it as they do in one run. When every part is whole they are joined, and the joined folder is
what a run without parts leaves: the same lines. A worker that dies loses what it was at; its part is given to another one,
which resumes it.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import multiprocessing.connection
import os
import re
import shutil
import signal
import threading
import time
import warnings
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earnest.engine import Progress, lacking, merge, parse_shard
from earnest.engine.journal import JOURNAL
from earnest.errors import BadParameter, EarnestError, PlanMismatch, RunStopped
from earnest.registry import file_paths, load_file

FOLDER = "parts"
MOST_TRIES = 3
"""Workers that may die on a part before the run stops."""
PARTS_A_WORKER = 2
"""More parts than workers, so that none idles for long while another one ends."""
LOOK_S = 0.5

Work = Mapping[str, Any]
"""The options of `run_suite` for every part, its suite among them, and `plugins`: the files to load."""


@dataclass(frozen=True)
class Part:
    """A shard, and the run folder of it."""

    shard: str
    folder: Path


Carry = Callable[[Work, Sequence[Part]], None]
"""Carries out parts: when it returns, the folder of each holds what the work asks for; else it raises."""


def parts_of(out: Path, *, n: int) -> list[Part]:
    """The parts of a run: those that the folder has already, whatever their number, else `n`.

    Raises
    ------
    PlanMismatch
        If the folder holds parts of several numbers, or a run that was begun without parts.
    """
    named = [re.fullmatch(r"(\d+)-of-(\d+)", path.name) for path in sorted((out / FOLDER).glob("*"))]
    there = {int(match[2]) for match in named if match is not None}
    if len(there) > 1:
        raise PlanMismatch(f"{out / FOLDER} holds parts of several numbers, {sorted(there)}; give another --out")
    if not there and (out / JOURNAL).is_file():
        raise PlanMismatch(
            f"{out} holds a run that was begun without parts; resume it without --processes and --ray, or give another --out"
        )
    n = there.pop() if there else n
    return [Part(f"{i}/{n}", out / FOLDER / f"{i}-of-{n}") for i in range(1, n + 1)]


def has_parts(out: Path) -> bool:
    """Whether a folder holds a run that was begun in parts."""
    return (out / FOLDER).is_dir()


def joined(out: Path, parts: Sequence[Part]) -> None:
    """Join the parts, each of which must be whole, into the run folder.

    Raises
    ------
    RunStopped
        If an item of a part has no line.
    """
    for part in parts:
        if missing := lacking(part.folder):
            raise RunStopped(f"part {part.shard} is not whole: {'; '.join(missing)}; the same command resumes the run")
    merge([part.folder for part in parts], out)


def work_of(suite: str, options: Mapping[str, Any], *, n_parts: int) -> Work:
    """What each worker is given; a ceiling on cost is divided among the parts.

    Raises
    ------
    BadParameter
        If something cannot be handed to another process.
    """
    model = options.get("model")
    if not isinstance(model, str):
        raise BadParameter(
            f"a run in parts needs the specification of a model, which each worker loads, got {type(model).__name__}; "
            "give one, or run it in one process"
        )
    left_out = ("on_progress", "on_outline", "gates", "baseline", "baseline_margin", "dry_run", "shard", "out")
    kept = {name: value for name, value in options.items() if name not in left_out and value is not None}
    if "max_cost" in kept:
        kept["max_cost"] = kept["max_cost"] / n_parts
    return {**kept, "suite": suite, "plugins": tuple(file_paths())}


def carry_out(work: Work, part: Part) -> None:
    """Do one part in this process, from where its folder stands."""
    from earnest.runs.suite import run_suite

    options = dict(work)
    for path in options.pop("plugins", ()):
        load_file(path)
    run_suite(options.pop("suite"), shard=part.shard, out=part.folder, pages=False, **options)


def run_in_parts(suite: str, *, out: Path, carry: Carry, n_workers: int, options: Mapping[str, Any]) -> Any:
    """As `run_suite` with these options, carried out in parts; the run.

    Raises
    ------
    PlanMismatch
        If the folder holds a run that was begun without parts.
    RunStopped
        If a part could not be done; what is finished is kept, and the same call resumes the run.
    """
    from earnest.runs.suite import run_suite

    parts = parts_of(out, n=PARTS_A_WORKER * n_workers)
    carry(work_of(suite, options, n_parts=len(parts)), parts)
    joined(out, parts)
    return run_suite(suite, out=out, **options)


# ---------------------------------------------------------------- processes


def by_processes(n: int, *, on_progress: Callable[[Progress], None] | None = None) -> Carry:
    """Carries out parts by `n` processes of this machine at once.

    Each is begun afresh, so that no library is copied in the middle of its work, and ends with the process that began it. One
    that dies (by a signal, by `os._exit`) is begun again, up to three times a part.
    """
    if n < 1:
        raise BadParameter(f"processes must be at least 1, got {n}; leave it out for one")

    def carry(work: Work, parts: Sequence[Part]) -> None:
        _Processes(n, work, parts, on_progress).run()

    return carry


class _Processes:
    """The workers of one call, and what each is at."""

    def __init__(
        self, n: int, work: Work, parts: Sequence[Part], on_progress: Callable[[Progress], None] | None
    ) -> None:
        self.n, self.work, self.on_progress = n, work, on_progress
        self.waiting = deque((part, 1) for part in parts)
        self.parts = tuple(parts)
        self.at_work: dict[int, _Worker] = {}
        self.begun, self.n_before = time.monotonic(), sum(_n_lines(part.folder) for part in parts)

    def run(self) -> None:
        try:
            with _terminated_as_exit():
                while self.waiting or self.at_work:
                    while self.waiting and len(self.at_work) < self.n:
                        worker = _Worker(self.work, *self.waiting.popleft())
                        self.at_work[worker.sentinel] = worker
                    for sentinel in multiprocessing.connection.wait(list(self.at_work), timeout=LOOK_S):
                        self._ended(self.at_work.pop(sentinel))  # type: ignore[call-overload,arg-type]
                    self._tell()
        finally:
            for worker in self.at_work.values():
                worker.stop()

    def _ended(self, worker: _Worker) -> None:
        code, fault = worker.result()
        if code == 0:
            return
        if fault is not None:
            raise RunStopped(f"part {worker.part.shard} stopped: {fault}")
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code} and without a message"
        if worker.n_tries >= MOST_TRIES:
            raise RunStopped(
                f"the workers of part {worker.part.shard} ended {how}, {worker.n_tries} of them; finished items are kept, and the same "
                "command resumes the run"
            )
        warnings.warn(f"the worker of part {worker.part.shard} ended {how}; another one resumes the part", stacklevel=4)
        self.waiting.append((worker.part, worker.n_tries + 1))

    def _tell(self) -> None:
        if self.on_progress is None:
            return
        done = sum(_n_lines(part.folder) for part in self.parts)
        total = max(done, sum(_n_lines(part.folder, "items.jsonl") for part in self.parts))
        rate = max(0, done - self.n_before) / max(1e-9, time.monotonic() - self.begun)
        self.on_progress(
            Progress(
                done=done,
                total=total,
                scored=done,
                unscored={},
                cost_usd=None,
                rate_per_s=rate,
                eta_s=(total - done) / rate if rate else None,
                in_flight=len(self.at_work),
            )
        )


class _Worker:
    """A process that carries out one part."""

    def __init__(self, work: Work, part: Part, n_tries: int) -> None:
        self.part, self.n_tries = part, n_tries
        fresh = multiprocessing.get_context("spawn")
        self._heard, says = fresh.Pipe(duplex=False)
        alive, self._keeps = fresh.Pipe(duplex=False)
        self._process = fresh.Process(target=_in_process, args=(work, part, says, alive), name=f"earnest {part.shard}")
        self._process.start()
        says.close()
        alive.close()
        self.sentinel = self._process.sentinel

    def result(self) -> tuple[int, str | None]:
        """Exit code of the process that has ended, and its message, if it gave one."""
        self._process.join()
        fault = None
        with contextlib.suppress(EOFError, OSError):
            fault = self._heard.recv() if self._heard.poll() else None
        self._close()
        return self._process.exitcode or 0, fault

    def stop(self) -> None:
        """Tell it to stop, and wait until it has closed what it has open."""
        self._process.terminate()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._close()

    def _close(self) -> None:
        self._heard.close()
        self._keeps.close()


def _in_process(work: Work, part: Part, says: Any, alive: Any) -> None:
    """What a worker does; a fault that the program foresaw is told, anything else ends the process."""
    threading.Thread(target=_end_with, args=[alive], daemon=True).start()
    try:
        carry_out(work, part)
    except EarnestError as error:
        says.send(str(error))
        raise SystemExit(1) from error


def _end_with(alive: Any) -> None:
    """End where the process that began this one is gone."""
    with contextlib.suppress(EOFError, OSError):
        alive.recv()
    os._exit(128 + signal.SIGKILL)


@contextlib.contextmanager
def _terminated_as_exit() -> Iterator[None]:
    """Within this, a SIGTERM raises `SystemExit`, so that workers are told to stop; where nobody else hears it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def stop(*heard: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _n_lines(folder: Path, name: str = JOURNAL) -> int:
    try:
        return (folder / name).read_bytes().count(b"\n")
    except OSError:
        return 0


# ---------------------------------------------------------------- workers that share no disk


def packed(folder: Path) -> bytes:
    """A run folder as one archive, for a worker that does not share the disk."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return held.getvalue()


def unpacked(archive: bytes, folder: Path) -> None:
    """Put a packed run folder in its place, whole or not at all."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        held.extractall(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def is_whole(part: Part) -> bool:
    """Whether nothing of the part is left to be asked."""
    return (part.folder / "plan.json").is_file() and not lacking(part.folder)


def part_of(shard: str) -> int:
    """The number of a part, from 1."""
    return parse_shard(shard)[0]
