"""Writes `golden.json`: what captum 0.9.0 gives for the small network. Needs torch and captum; the tests do not."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import captum
import numpy as np
import torch
from captum.attr import FeatureAblation, IntegratedGradients, ShapleyValues
from captum.concept import TCAV, Classifier, Concept
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).parent))
from small import ASKED, CLIP, FIRST, LOUDER, OTHERS, SECOND, THIRD, N  # noqa: E402

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


# ---- a concept: inputs that are louder in their first half, against others, read at the hidden layer
class Deep(torch.nn.Module):
    """Two hidden layers, so that the decision's slope at the first is not the same for every input."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.hidden(x @ first.T)
        return (torch.tanh(inner @ torch.from_numpy(THIRD).T) @ second[:5])[:, None]


class Ridge(Classifier):
    """Ridge regression of 1 and 0 on the activations, by least squares on rows that are added for the ridge."""

    def __init__(self) -> None:
        self.found = torch.zeros(8)

    def train_and_eval(self, dataloader: DataLoader, **_: object) -> dict:
        inputs, labels = (torch.cat(parts).double() for parts in zip(*dataloader, strict=True))
        centred = inputs - inputs.mean(0)
        added = (centred.square().mean() * len(inputs)).sqrt() * torch.eye(inputs.shape[1], dtype=torch.float64)
        targets = torch.cat(
            [labels.flatten() - labels.double().mean(), torch.zeros(inputs.shape[1], dtype=torch.float64)]
        )
        found = torch.linalg.lstsq(torch.cat([centred, added]), targets[:, None]).solution[:, 0]
        self.found = found / found.norm()
        return {}

    def weights(self) -> torch.Tensor:
        return torch.stack([self.found, -self.found])  # the concept has the label that comes second

    def classes(self) -> list[int]:
        return [1, 0]


def data(rows: np.ndarray) -> DataLoader:
    return DataLoader(torch.from_numpy(rows), batch_size=len(rows))


with tempfile.TemporaryDirectory() as folder:
    tcav = TCAV(Deep(), "hidden", classifier=Ridge(), save_path=folder)
    other, concept = Concept(0, "other", data(OTHERS)), Concept(1, "louder", data(LOUDER))
    scored = tcav.interpret(torch.from_numpy(ASKED), [[other, concept]], target=0)
    (of_set,) = scored.values()
    directions = tcav.classifier.found.tolist()

golden = {
    "captum": captum.__version__,
    "integrated_gradients": by_sample.reshape(-1, TILE).sum(axis=1).tolist(),
    "occlusion": occluded[::TILE].tolist(),
    "shapley": shapley[::TILE].tolist(),
    "direction": directions,
    "tcav": of_set["hidden"]["sign_count"].tolist(),
}
(Path(__file__).parent / "golden.json").write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
