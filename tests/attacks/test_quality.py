"""Measures of how an attacked clip sounds, with what they need in place of it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from earnest.attacks import quality
from earnest.audio import AudioClip
from earnest.errors import BadParameter, MissingExtra, ModelFailed
from earnest.models import Answer, Failure
from earnest.models.access import Model

CLEAN, CHANGED = (AudioClip(np.full(800, level, np.float32), 8000) for level in (0.1, 0.2))


class Ear(Model):
    """Hears other words in louder clips."""

    name, fingerprint = "toy/ear", "0"

    def __init__(self, quiet="open the old door", loud="open a door"):
        self.heard = [quiet, loud]

    def ask(self, stimuli, *, sampling=None):
        said = [self.heard[int(each.clip.samples[0] > 0.15)] for each in stimuli]
        return [Failure(reason="timeout", detail="") if text is None else Answer(text=text) for text in said]


def test_word_errors_are_another_ears():
    # of four words one is another and one is missing; the text has five words, of which the clean clip lacks one
    assert quality(clean=CLEAN, perturbed=CHANGED, recogniser=Ear()) == {
        "word_error_rate": 0.5,
        "word_error_rate_clean": 0.0,
    }
    found = quality(clean=CLEAN, perturbed=CHANGED, recogniser=Ear(), text="open the old green door")
    assert found == pytest.approx({"word_error_rate": 0.6, "word_error_rate_clean": 0.2})
    with pytest.raises(ModelFailed, match="gave no answer"):
        quality(clean=CLEAN, perturbed=CHANGED, recogniser=Ear(loud=None))
    with pytest.raises(ModelFailed, match="hears no word in the clean clip"):
        quality(clean=CLEAN, perturbed=CHANGED, recogniser=Ear(quiet=""))


def test_packages_are_given_the_clips_in_their_order_and_rate(monkeypatch):
    calls = []
    monkeypatch.setitem(
        sys.modules,
        "pystoi",
        SimpleNamespace(stoi=lambda x, y, rate, extended: calls.append((float(x[0]), float(y[0]), rate)) or 0.75),
    )
    monkeypatch.setitem(
        sys.modules,
        "pesq",
        SimpleNamespace(pesq=lambda rate, x, y, mode: calls.append((rate, x.size, y.size, mode)) or 3.5),
    )
    assert quality(clean=CLEAN, perturbed=CHANGED, measures=("stoi", "pesq")) == {"stoi": 0.75, "pesq": 3.5}
    assert calls == [(pytest.approx(0.1), pytest.approx(0.2), 8000), (16_000, 1600, 1600, "wb")]


def test_what_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    with pytest.raises(
        MissingExtra, match=r"the measure 'stoi' needs pystoi; install it with: pip install \"earnest\[quality\]\""
    ):
        quality(clean=CLEAN, perturbed=CHANGED, measures=("stoi",))
    with pytest.raises(BadParameter, match="measures must be among stoi, pesq, dnsmos, got snr"):
        quality(clean=CLEAN, perturbed=CHANGED, measures=("snr",))
    longer = AudioClip(np.zeros(900, np.float32), 8000)
    with pytest.raises(BadParameter, match="clips of one length, got 800 and 900 samples"):
        quality(clean=CLEAN, perturbed=longer, measures=("pesq",))
    assert quality(clean=CLEAN, perturbed=longer) == {}
