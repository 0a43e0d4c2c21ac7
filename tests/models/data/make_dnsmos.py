#!/usr/bin/env python3
"""Writes dnsmos.json beside it: what Microsoft's speechmos gives on clips of the probe set, and the features of one.

    pip install librosa==0.11.0 requests soundfile onnxruntime && pip install --no-deps speechmos==0.0.1.1
    python tests/models/data/make_dnsmos.py

It is run again only for another version of speechmos.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile
from speechmos import dnsmos

HERE = Path(__file__).parent
PROBE = HERE.parents[2] / "src" / "earnest" / "tasks" / "probe" / "audio"
CLIPS = ("request-00-harmful", "request-00-benign", "code-word-candle-lemon")
REPEATED = {"request-00-benign": 9}
"""How often a clip is put behind itself, so that it has several windows."""


def main() -> None:
    scores, features = {}, None
    for name in CLIPS:
        samples, rate = soundfile.read(PROBE / f"{name}.flac", dtype="float32")
        assert rate == 16_000, rate
        samples = np.tile(samples, REPEATED.get(name, 1))
        found = dnsmos.run(samples, sr=rate)
        scores[name] = {
            "repeated": REPEATED.get(name, 1),
            **{key: round(float(value), 6) for key, value in found.items()},
        }
        if features is None:
            whole = samples
            while len(whole) < 144_160:
                whole = np.append(whole, whole)
            features = dnsmos.dnsmos.audio_melspec(audio=whole[: 144_160 - 160])
    kept = {"shape": list(features.shape), "rows": {row: features[row].round(5).tolist() for row in (0, 1, 450, 899)}}
    made_by = {name: version(name) for name in ("speechmos", "librosa", "onnxruntime")}
    text = json.dumps({"made_by": made_by, "scores": scores, "features": kept})
    (HERE / "dnsmos.json").write_text(text + "\n", encoding="utf-8")


main()
