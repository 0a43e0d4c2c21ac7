"""One of the three parties, in a process of its own: ``python -m earnest.privacy.secure._party FOLDER NAME SHAPES [options of MPyC]``.

MPyC reads the command line when it is imported, which is why it is imported here and nowhere else.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from pathlib import Path

import numpy as np

from earnest.privacy.secure.three_party import N_BITS, N_FRACTION_BITS, PARTIES


async def _scores(mpc, folder: Path, name: str, shapes: dict[str, int]) -> dict:  # noqa: ANN001
    await mpc.start()
    begin = time.perf_counter()
    number = mpc.SecFxp(N_BITS, N_FRACTION_BITS)

    def shared(owner: str, key: str, shape: tuple[int, ...]):  # noqa: ANN202
        """An array that its owner divides; the others give its shape alone."""
        mine = np.load(folder / f"{owner}.npz")[key] if name == owner else np.zeros(shape)
        return mpc.input(number.array(np.ascontiguousarray(mine), integral=False), senders=PARTIES.index(owner))

    n_clips, n_outputs, width = shapes["n_clips"], shapes["n_outputs"], shapes["width"]
    embeddings = shared("client", "embeddings", (n_clips, width))
    weight = shared("service", "weight", (n_outputs, width))
    bias = shared("service", "bias", (n_outputs,))
    scores = await mpc.output(embeddings @ weight.T + bias, receivers=[PARTIES.index("client")])
    if name == "client":
        np.save(folder / "scores.npy", np.array(scores, np.float64))
    seconds = time.perf_counter() - begin
    n_bytes = sum(one.protocol.nbytes_sent for one in mpc.parties if one.pid != mpc.pid)
    await mpc.shutdown()
    return {"seconds": seconds, "n_bytes": n_bytes}


def main() -> None:
    folder, name, shapes = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    sys.argv = [sys.argv[0], *sys.argv[4:]]
    from mpyc.runtime import mpc

    loop = mpc._loop
    loop.create_server = functools.partial(loop.create_server, host="127.0.0.1")  # MPyC would listen on every interface
    sys.stdout.write(json.dumps(mpc.run(_scores(mpc, folder, name, shapes))) + "\n")


if __name__ == "__main__":
    main()
