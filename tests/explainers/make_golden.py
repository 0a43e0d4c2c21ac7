"""Writes `golden.json`: what captum 0.9.0 gives for the small network. Needs torch and captum; the tests do not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import captum
import numpy as np
import torch
from captum.attr import FeatureAblation, IntegratedGradients, ShapleyValues

sys.path.insert(0, str(Path(__file__).parent))
from small import CLIP, FIRST, SECOND, N  # noqa: E402

TILE = 100
first, second = torch.from_numpy(FIRST), torch.from_numpy(SECOND)


def log_p(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.logsigmoid(torch.tanh(x @ first.T) @ second)


def log_odds(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x @ first.T) @ second


x = torch.from_numpy(np.asarray(CLIP.samples, dtype=np.float64))[None]
tiles = torch.arange(N)[None] // TILE
by_sample = IntegratedGradients(log_p).attribute(x, baselines=0.0, n_steps=50)[0].numpy()
occluded = FeatureAblation(log_odds).attribute(x, baselines=0.0, feature_mask=tiles)[0].numpy()
shapley = ShapleyValues(log_odds).attribute(x, baselines=0.0, feature_mask=tiles)[0].numpy()
golden = {
    "captum": captum.__version__,
    "integrated_gradients": by_sample.reshape(-1, TILE).sum(axis=1).tolist(),
    "occlusion": occluded[::TILE].tolist(),
    "shapley": shapley[::TILE].tolist(),
}
(Path(__file__).parent / "golden.json").write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
