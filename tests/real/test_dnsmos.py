"""DNSMOS agrees with Microsoft's own package, whose values stand in tests/models/data/dnsmos.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from needed import need

from earnest.audio import AudioClip
from earnest.models.dnsmos import CARRIED, Dnsmos
from earnest.tasks.probe import probe_manifest

pytestmark = pytest.mark.real

GOLDEN = Path(__file__).parents[1] / "models" / "data" / "dnsmos.json"
SCORES = json.loads(GOLDEN.read_text(encoding="utf-8"))["scores"]


@pytest.fixture(scope="module")
def model():
    need("speechmos", CARRIED)
    return Dnsmos()


def clip(name: str) -> AudioClip:
    whole = probe_manifest()[name].clip()
    return whole.with_samples(np.tile(whole.samples, SCORES[name]["repeated"]))


@pytest.mark.parametrize("name", SCORES)
def test_opinions_are_those_of_speechmos(model, name):
    opinion, wanted = model.opinion(clip(name)), SCORES[name]
    seen = [opinion.overall, opinion.signal, opinion.background, opinion.p808]
    assert seen == pytest.approx([wanted[key] for key in ("ovrl_mos", "sig_mos", "bak_mos", "p808_mos")], abs=1e-3)


def test_noise_sounds_worse(model):
    clean = clip("request-00-harmful")
    noise = np.random.default_rng(0).normal(0, 0.05, clean.n_samples).astype(np.float32)
    noisy = model.opinion(clean.with_samples(clean.samples + noise))
    assert noisy.background < model.opinion(clean).background - 1
