"""Scores by three parties that share every number [shamir1979-secret, benor1988-completeness], with MPyC.

The client, the service and a helper run as three processes. Embeddings and head are divided into shares, of which any
one alone is a uniformly random number; the parties multiply shares and only the client is sent what the scores are made
from. Numbers are fixed-point: 24 bits behind the point of 64.

`secured` starts all three on this machine over the loopback interface, where the connections are not encrypted. Between
machines each owner runs ``python -m earnest.privacy.secure._party`` with an address for each party (`arguments`), in a
network that encrypts.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from earnest.errors import EarnestError, MachineFailed
from earnest.registry import has_extra, missing_extra

from .head import Head, Secured

N_BITS, N_FRACTION_BITS = 64, 24
PARTIES = ("client", "service", "helper")
TIMEOUT_S = 300.0

HIDDEN = (
    "The service and the helper each see random shares: neither the embedding nor the scores. Any two parties together can "
    "rebuild everything, so the helper must belong to somebody who colludes with neither side.",
    "The client sees the scores, and no share of the head from which it could be read; from scores of as many independent "
    "embeddings as the width it can solve for the head.",
    "All three see the number of clips, the width and the number of outputs. They must follow the protocol: a party that "
    "deviates can spoil the scores unnoticed.",
)


def arguments(party: int, ports: Sequence[int], *, host: str = "127.0.0.1") -> list[str]:
    """The options of MPyC by which a party finds the others."""
    return [*(option for port in ports for option in ("-P", f"{host}:{port}")), "-I", str(party), "--no-log"]


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def secured(head: Head, embeddings: ArrayLike) -> Secured:
    """Scores of embeddings, shape (n_clips, width), by three processes on this machine.

    Each process reads its own owner's file and no other.

    References
    ----------
    [shamir1979-secret], [benor1988-completeness]
    """
    rows = head.fitting(embeddings)
    if not has_extra("mpyc"):
        raise missing_extra("mpyc", needed_by="the protocol 'three_party'")
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="earnest-shares-") as folder:
        shapes = {"n_clips": len(rows), "n_outputs": len(head.weight), "width": head.weight.shape[1]}
        own = {"client": {"embeddings": rows}, "service": {"weight": head.weight, "bias": head.bias}, "helper": {}}
        for name in PARTIES:
            np.savez(Path(folder, f"{name}.npz"), **own[name])
        facts = _run(Path(folder), shapes)
        scores = np.load(Path(folder, "scores.npy"))
    total = time.perf_counter() - begin
    return Secured(
        method="three_party",
        scores=scores,
        seconds={
            "start and connect": total - facts[0]["seconds"],
            "share, compute and open": facts[0]["seconds"],
        },
        n_bytes={f"sent by the {name}": one["n_bytes"] for name, one in zip(PARTIES, facts, strict=True)},
        error=float(np.abs(scores - head.scores(rows)).max()),
        n_clips=len(rows),
    )


def _run(folder: Path, shapes: dict[str, int]) -> list[dict]:
    ports = _free_ports(len(PARTIES))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = [
        subprocess.Popen(
            [
                sys.executable, "-m", "earnest.privacy.secure._party", str(folder), name, json.dumps(shapes),
                *arguments(k, ports),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        for k, name in enumerate(PARTIES)
    ]  # fmt: skip  # a command a line
    try:
        return [_facts(name, process) for name, process in zip(PARTIES, running, strict=True)]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _facts(name: str, process: subprocess.Popen[str]) -> dict:
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise MachineFailed(
            f"the {name} of the three parties gave no answer within {TIMEOUT_S:g} s; look whether this machine lets processes "
            "connect over 127.0.0.1"
        ) from None
    if process.returncode:
        raise EarnestError(f"the {name} of the three parties must end well, but it failed: {err.strip()[-400:]}")
    return json.loads(out.splitlines()[-1])
