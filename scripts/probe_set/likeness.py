"""How alike two clips are by speaker, as the GE2E speaker encoder of Resemblyzer 0.1.4 hears it (weights in its package, Apache-2.0).

Only the weights are taken from the package, so that nothing it depends on is needed: ``pip install --no-deps resemblyzer==0.1.4``. The features are those that it computes with librosa.
``python -m probe_set.likeness FOLDER`` tells how near the copies of a probe set are to their owners.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from earnest.audio import Entry, Manifest

SAMPLE_RATE = 16000
N_FFT, HOP, N_MELS = 400, 160, 40
N_FRAMES = 160
"""Frames that are heard at once: 1.6 s."""


@cache
def _encoder():  # noqa: ANN202
    import torch

    spec = importlib.util.find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "the likeness of speakers needs the weights of resemblyzer; install them with: pip install --no-deps resemblyzer==0.1.4"
        )
    state = torch.load(Path(spec.origin).parent / "pretrained.pt", map_location="cpu", weights_only=False)[
        "model_state"
    ]
    lstm, linear = torch.nn.LSTM(N_MELS, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    lstm.load_state_dict(
        {name.removeprefix("lstm."): value for name, value in state.items() if name.startswith("lstm.")}
    )
    linear.load_state_dict(
        {name.removeprefix("linear."): value for name, value in state.items() if name.startswith("linear.")}
    )
    return lstm.eval(), linear.eval()


@cache
def _mel_filters() -> np.ndarray:
    """Slaney's mel scale with filters of equal area, shape (n_mels, n_bins)."""

    def to_hz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))

    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) / (np.log(6.4) / 27)
    edges = to_hz(np.linspace(0, top, N_MELS + 2))
    hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    ramps = edges[:, None] - hz
    rising, falling = -ramps[:-2] / np.diff(edges)[:-1, None], ramps[2:] / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def embedding(samples: np.ndarray) -> np.ndarray:
    """The speaker of a clip without silence around it: float64 array, shape (256,), of length 1."""
    import torch

    lstm, linear = _encoder()
    gain = max(1.0, 10 ** (-30 / 20) / np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    padded = np.pad(samples * gain, N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:-1]
    mel = (np.abs(np.fft.rfft(frames * window, axis=1)) ** 2) @ _mel_filters().T
    mel = np.pad(mel, ((0, max(0, N_FRAMES - len(mel))), (0, 0)))
    starts = range(0, len(mel) - N_FRAMES + 1, 40)
    parts = torch.tensor(np.stack([mel[start : start + N_FRAMES] for start in starts]), dtype=torch.float32)
    with torch.no_grad():
        raw = torch.relu(linear(lstm(parts)[1][0][-1]))
        each = (raw / raw.norm(dim=1, keepdim=True)).numpy().astype(np.float64)
    mean = each.mean(axis=0)
    return mean / np.linalg.norm(mean)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine between the speakers of two clips; 1 is the same."""
    return float(embedding(one) @ embedding(other))


def table(folder: Path) -> Iterator[str]:
    """How alike right, cloned and replayed phrases of a probe set are to another phrase of their owner, and those of other owners."""
    entries = [entry for entry in Manifest.read(folder) if entry.role == "passphrase"]
    known = {entry.id: embedding(_speech(entry)) for entry in entries}
    found: dict[str, list[float]] = {}
    for wrong in (entry for entry in entries if entry.label == "wrong"):
        for entry in entries:
            cosine = float(known[wrong.id] @ known[entry.id])
            if entry.speaker == wrong.speaker and entry.label != "wrong":
                found.setdefault(entry.attributes.get("method", str(entry.label)).split()[0], []).append(cosine)
            elif entry.label == "right":
                found.setdefault(
                    "another of one gender" if entry.gender == wrong.gender else "another of the other gender", []
                ).append(cosine)
    for name, values in found.items():
        yield f"{name}: {np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f}), {len(values)} pairs"


def _speech(entry: Entry) -> np.ndarray:
    lead, tail = (round(float(entry.attributes[name]) * SAMPLE_RATE) for name in ("lead_s", "tail_s"))
    samples = entry.clip().samples
    return samples[lead : len(samples) - tail]


if __name__ == "__main__":
    print("\n".join(table(Path(sys.argv[1]))))
