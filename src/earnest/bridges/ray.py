"""Parts of a run on a Ray cluster: `earnest run --ray ADDRESS`, `earnest matrix --ray ADDRESS`. Needs `earnest[ray]`.

Each part is a task of one processor. Its node works in a folder of its own and sends the finished run folder back, so
that nodes share no disk with the one that began the run; what they must share is earnest in one version, what the model
needs, and the data under the same path. A part that comes back is put in its place whole. If a node dies, Ray gives the
parts that it was at to another node, which begins them anew: no finished part is lost, and none is there twice, but the
calls of those in flight are made (and paid) again. Small parts lose little.
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from earnest.engine import Progress
from earnest.errors import BadParameter, EarnestError, RunStopped
from earnest.registry import extra
from earnest.runs.parts import MOST_TRIES, Carry, Part, Work, carry_out, is_whole, packed, unpacked

LOOK_S = 1.0
CONNECT_S = 5.0


def by_ray(address: str, *, on_progress: Callable[[Progress], None] | None = None) -> tuple[Carry, int]:
    """What carries out parts on a cluster, and how many processors that has.

    Parameters
    ----------
    address : str
        `HOST:PORT`, `ray://HOST:PORT`, or `auto` for the cluster of this machine.
    on_progress : callable or None
        Called with the parts that are done, as if they were items.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    RunStopped
        If no cluster answers there.
    """
    if not address.strip():
        raise BadParameter("a Ray cluster needs an address: HOST:PORT, ray://HOST:PORT, or auto; got an empty one")
    ray: Any = extra("ray", needed_by="--ray")
    check_reachable(address)
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="warning")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RunStopped(
                f"no Ray cluster answers at {address!r}: {str(error)[:300]}; begin one (`ray start`)"
            ) from error
    n_cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))

    def carry(work: Work, parts: Sequence[Part]) -> None:
        remote = ray.remote(num_cpus=1, max_retries=MOST_TRIES, retry_exceptions=False)(_on_node)
        left = [part for part in parts if work.get("probe") or not is_whole(part)]
        at_work = {remote.remote(dict(work), part.shard, _given(part)): part for part in left}
        n_done = len(parts) - len(left)
        while at_work:
            ready, _ = ray.wait(list(at_work), num_returns=1, timeout=LOOK_S)
            for reference in ready:
                part = at_work.pop(reference)
                part.folder.parent.mkdir(parents=True, exist_ok=True)
                unpacked(_got(ray, reference, part), part.folder)
                n_done += 1
            if on_progress is not None:
                on_progress(_progress(n_done, len(parts), in_flight=len(at_work)))

    return carry, n_cpus


def check_reachable(address: str) -> None:
    """See that somebody listens at HOST:PORT, which Ray itself would try for minutes.

    Raises
    ------
    RunStopped
        If nobody does.
    """
    match = re.fullmatch(r"(?:ray://)?(.+):(\d{1,5})", address.strip())
    if match is None:
        return
    try:
        socket.create_connection((match[1].strip("[]"), int(match[2])), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise RunStopped(
            f"no Ray cluster answers at {address!r}: {error}; begin one (`ray start`), or correct the address"
        ) from error


def _given(part: Part) -> bytes:
    """What the folder of a part holds already, for the node to resume; empty where there is none."""
    return packed(part.folder) if part.folder.is_dir() else b""


def _on_node(work: Work, shard: str, held: bytes) -> bytes | str:
    """On a node: the finished run folder of a part, packed; what kept it from being done, in words."""
    with tempfile.TemporaryDirectory(prefix="earnest-part-") as folder:
        part = Part(shard, Path(folder) / "part")
        if held:
            unpacked(held, part.folder)
        try:
            carry_out(work, part)
        except EarnestError as error:
            return str(error)
        return packed(part.folder)


def _got(ray: Any, reference: Any, part: Part) -> bytes:
    try:
        result = ray.get(reference)
    except ray.exceptions.RayError as error:
        raise RunStopped(
            f"part {part.shard} was not done on the cluster: {str(error)[-400:]}; finished parts are kept, and the same command "
            "resumes the run"
        ) from error
    if isinstance(result, str):
        raise RunStopped(f"part {part.shard} stopped: {result}")
    return bytes(result)


def _progress(n_done: int, n_parts: int, *, in_flight: int) -> Progress:
    return Progress(
        done=n_done,
        total=n_parts,
        scored=n_done,
        unscored={},
        cost_usd=None,
        rate_per_s=0.0,
        eta_s=None,
        in_flight=in_flight,
    )
