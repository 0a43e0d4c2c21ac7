"""What this machine allows a run (open files, disk, memory), read before its first call rather than found out in its middle.

How much a run takes follows from what is known before anything is loaded: how many items there are and how long their clips are, not
at which rate. So there are two figures. Where less is left than the low one, the run cannot be carried out and says so; where less
than the high one, it may be, and there is a warning.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from earnest.engine.job import Job
from earnest.errors import BadParameter, MachineFailed

OWN_FILES = 96
"""Open files beside connections: journal, cache, clips that are read and written, libraries, the terminal."""
LINE_BYTES = (1_000, 4_000)
"""Of a journal line and what reports say of its item, low and high."""
STORED_BYTES_PER_S = (8_000, 48_000)
"""Of a clip on the disk: 8 kHz as FLAC at half its size, and 24 kHz of 16 bits as they are."""
HELD_BYTES_PER_S = (64_000, 312_000)
"""Of a clip in memory while its item is asked, at 8 and at 24 kHz: as floats, in 16 bits and in base64; high, as floats twice."""


@dataclass(frozen=True)
class Need:
    """How many bytes something takes: at least, and at most as far as can be told."""

    low: float
    high: float

    @property
    def words(self) -> str:
        """Both figures."""
        return f"{in_bytes(self.low)} to {in_bytes(self.high)}"


def check_open_files(n_connections: int) -> None:
    """See that so many connections can be open, each of which is a file to the system; the limit is raised if it may be.

    Raises
    ------
    BadParameter
        If the system allows fewer.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    needed = n_connections + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard == resource.RLIM_INFINITY or hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    raise BadParameter(
        f"{n_connections} connections need {needed} open files, and this process may have {hard}; "
        f"lower max_connections to {max(1, hard - OWN_FILES)} or raise the limit (`ulimit -n {needed}`)"
    )


def check_disk(jobs: Sequence[Job], folder: Path) -> None:
    """See that clips, journal and reports of jobs that are still to be asked fit on the disk of the run folder.

    Raises
    ------
    MachineFailed
        If not even the low figure does.
    """
    disk = shutil.disk_usage(folder)
    if not disk.total:  # some network disks do not tell
        return
    need, free = disk_need(jobs), disk.free
    about = f"clips, journal and reports of {len(jobs):,} items will take {need.words} in {folder}, and its disk has {in_bytes(free)} free"
    if free < need.low:
        raise MachineFailed(
            f"{about}; free some space, give --out on another disk, or ask less (--limit, --task, --shard)"
        )
    if free < need.high:
        warnings.warn(f"{about}: it may become full, which would stop the run; it can be resumed", stacklevel=2)


def check_memory(jobs: Sequence[Job], n_at_once: int) -> None:
    """See that the clips of so many items at once fit into what memory is left, where the system tells that.

    Raises
    ------
    BadParameter
        If not even the low figure does.
    """
    free = free_memory()
    if free is None or not jobs:
        return
    need = memory_need(jobs, n_at_once)
    about = f"the clips of {min(n_at_once, len(jobs)):,} items at once will take {need.words} of memory, and {in_bytes(free)} are left"
    if free < need.low:
        fitting = max(1, int(n_at_once * free / need.low / 2))
        raise BadParameter(
            f"{about}; lower max_connections (--max-connections {fitting}) or, of a local model, batch_size, or close some programs"
        )
    if free < need.high:
        warnings.warn(f"{about}: fewer at once (--max-connections, --batch-size) take less", stacklevel=2)


def disk_need(jobs: Sequence[Job]) -> Need:
    """What the jobs leave behind: a line each, a clip for each recording, and one more for each attacked item."""
    recordings = {job.item.sample: job.item.duration_s or 0.0 for job in jobs}
    items = {
        job.item.id: job.item.duration_s or 0.0 for job in jobs
    }  # a task may have mixed something into a recording
    attacked_s = sum(job.item.duration_s or 0.0 for job in jobs if job.setup_arm.attack is not None)
    low = sum(recordings.values()) * STORED_BYTES_PER_S[0] + attacked_s * STORED_BYTES_PER_S[0]
    high = sum(items.values()) * STORED_BYTES_PER_S[1] + attacked_s * STORED_BYTES_PER_S[1]
    return Need(len(jobs) * LINE_BYTES[0] + low, len(jobs) * LINE_BYTES[1] + high)


def memory_need(jobs: Sequence[Job], n_at_once: int) -> Need:
    """What the clips of so many jobs take at once: of any so many, low, and of the longest ones, high."""
    lengths = sorted((job.item.duration_s or 0.0 for job in jobs), reverse=True)
    n = min(n_at_once, len(lengths))
    mean_s = sum(lengths) / len(lengths)
    return Need(n * mean_s * HELD_BYTES_PER_S[0], sum(lengths[:n]) * HELD_BYTES_PER_S[1])


def free_memory() -> int | None:
    """Bytes that this process may still take: of the machine's, of its control group's and of its own limit the least.

    None where the system does not tell (only Linux does).
    """
    if sys.platform != "linux":
        return None
    told: list[int] = []
    with suppress(OSError, ValueError, KeyError):
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        told.append(1024 * int(fields["MemAvailable"].split()[0]))
    with suppress(OSError, ValueError, KeyError):
        group = Path("/sys/fs/cgroup")
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        used = int((group / "memory.current").read_text()) - int(stat["inactive_file"])  # files that would be let go
        told.append(int((group / "memory.max").read_text()) - used)
    with suppress(OSError, ValueError, ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            told.append(soft - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize())
    return max(0, min(told)) if told else None


def in_bytes(n: float) -> str:
    """A number of bytes in the unit that suits it: `1.5 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 999.5:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:,.4g} TB"
