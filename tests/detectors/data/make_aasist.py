#!/usr/bin/env python3
"""Write aasist.json: logits by the authors' own code, for windows that the test makes again.

    python make_aasist.py AUTHORS WEIGHTS

AUTHORS is a checkout of clovaai/aasist at a04c9863f63d44471dde8a6abcb3b082b07cd1d1, WEIGHTS the folder with AASIST.pth,
AASIST-L.pth and AASIST_ASVspoof5.pth (asvspoof-challenge/asvspoof5 at fe23d3053a0889b305d98c9e4cadf418c213d972, whose network
is the same). Nothing of that code is kept here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

CONFIGURATIONS = {"AASIST": "AASIST", "AASIST-L": "AASIST-L", "AASIST_ASVspoof5": "AASIST"}


def window(seed: int) -> np.ndarray:
    """A buzz with wandering pitch in noise, 64,600 samples at 16 kHz."""
    rng = np.random.default_rng(seed)
    pitch = 110 + 30 * np.sin(np.arange(64_600) / 9000 + seed)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / 16_000)) * (1 + np.sin(np.arange(64_600) / 1500))
    return (0.05 * buzz + 0.01 * rng.standard_normal(64_600)).astype(np.float32)


def main() -> None:
    authors, weights = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(authors))
    from models.AASIST import Model

    given = torch.from_numpy(np.stack([window(seed) for seed in range(4)]))
    logits = {}
    for name, configuration in CONFIGURATIONS.items():
        shape = json.loads((authors / "config" / f"{configuration}.conf").read_text())["model_config"]
        network = Model(shape).eval()
        network.load_state_dict(torch.load(weights / f"{name}.pth", map_location="cpu", weights_only=True))
        with torch.no_grad():
            logits[name] = network(given)[1].numpy().round(6).tolist()
    found = {"code": "clovaai/aasist@a04c986", "torch": torch.__version__, "logits": logits}
    (Path(__file__).parent / "aasist.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
