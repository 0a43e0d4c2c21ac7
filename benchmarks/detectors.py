#!/usr/bin/env python3
"""Spoof detectors and speaker verification: error rates with intervals by speaker, and how fast they are.

    python benchmarks/detectors.py speed          seconds of audio per second of processor time, ONNX beside torch
    python benchmarks/detectors.py aasist         published checkpoints on spoof_derived, by kind, with and without silence
    python benchmarks/detectors.py baselines      fitted here: seen kinds and unseen speakers, and kinds held out
    python benchmarks/detectors.py verification   the voice verifier on speakers that it has not learnt from

EARNEST_DATA names the folder that holds `spoof_derived`, `librispeech`, `speechocean762` and `aasist_weights`. Times are of
the processor (`time.process_time`, one thread), so that other work on the machine moves them little; the median of rounds is
told. `--json` prints one object. Error rates are pooled over folds; 95 % intervals draw whole speakers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.silence import without_leading_silence
from earnest.detectors import detectors
from earnest.detectors._calibrated import error_rate as equal_error_rate_of
from earnest.detectors._calibrated import error_rate_interval, over_telephone
from earnest.metrics.detection import cllr_bits, min_dcf

DATA = Path(os.environ.get("EARNEST_DATA", "data"))
CHANGES: dict[str, Callable[[AudioClip], AudioClip]] = {
    "as it is": lambda clip: clip,
    "without leading silence": without_leading_silence,
    "telephone": over_telephone,
}
CHECKED = {
    "as it is": ("AASIST-L", "AASIST", "AASIST_ASVspoof5"),
    "without leading silence": ("AASIST-L", "AASIST"),
    "telephone": ("AASIST-L",),
}
"""Which checkpoints are asked in which condition."""


def tell(given: argparse.Namespace, *parts: Any) -> None:
    """One finding as soon as it is there, unless one object is to be printed in the end."""
    if not given.json:
        print(*(part if isinstance(part, str) else json.dumps(part) for part in parts), flush=True)


@dataclass(frozen=True)
class Score:
    value: float
    ours: bool
    kind: str
    speaker: str


def error_rate(scores: Sequence[Score]) -> dict[str, Any]:
    """The equal error rate with its interval and counts."""
    table = np.array([[one.value, one.ours] for one in scores])
    interval = error_rate_interval(table, clusters=[one.speaker for one in scores], rng=np.random.default_rng(0))
    n_ours = sum(one.ours for one in scores)
    return {
        "equal_error_rate": round(equal_error_rate_of(table), 4),
        "interval": interval,
        "n_bona_fide": n_ours,
        "n_spoof": len(scores) - n_ours,
    }


def by_kind(scores: Sequence[Score]) -> dict[str, Any]:
    kinds = sorted({one.kind for one in scores if not one.ours})
    rates = {kind: error_rate([one for one in scores if one.ours or one.kind == kind]) for kind in kinds}
    return {"all": error_rate(scores), **rates}


def scored(
    rows: Iterable[Entry], score: Callable[[AudioClip], float], change: Callable[[AudioClip], AudioClip]
) -> list[Score]:
    return [
        Score(score(change(e.clip())), e.label == "bona_fide", e.attributes.get("attack", ""), e.speaker or e.id)
        for e in rows
    ]


def cpu_s(action: Callable[[], object], *, rounds: int) -> float:
    action()
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        action()
        times.append(time.process_time() - begun)
    return statistics.median(times)


def weights(name: str) -> Path:
    return DATA / "aasist_weights" / f"{name}.pth"


def exported(name: str, checkpoint: str, folder: str) -> str:
    return str(detectors.make(f"{name}:weights={weights(checkpoint)}").export(Path(folder) / f"{checkpoint}.onnx"))


def speed(given: argparse.Namespace) -> dict[str, Any]:
    rows = [e for e in Manifest.read(DATA / "spoof_derived").entries if e.label in ("bona_fide", "spoof")]
    some = [*[e for e in rows if e.label == "bona_fide"][:8], *[e for e in rows if e.label == "spoof"][:24]]
    window = AudioClip(np.resize(rows[0].clip().samples, 64_600), 16_000)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = {"aasist_l (torch)": detectors.make(f"aasist_l:weights={weights('AASIST-L')}")}
        made["aasist_l (onnx)"] = detectors.make(f"aasist_l:weights={exported('aasist_l', 'AASIST-L', folder)}")
        made["aasist (torch)"] = detectors.make(f"aasist:weights={weights('AASIST')}")
        made["aasist (onnx)"] = detectors.make(f"aasist:weights={exported('aasist', 'AASIST', folder)}")
        for spec in ("lfcc_gmm", "cqcc_gmm", "lcnn:n_epochs=1", "rawnet2:n_epochs=1"):
            fitted = detectors.make(f"{spec}{',' if ':' in spec else ':'}checks=false").fit(
                some, None, np.random.default_rng(0)
            )
            assert fitted is not None
            made[spec.partition(":")[0]] = detectors.make(f"{spec.partition(':')[0]}:artefact={fitted.save(folder)}")
        for name, detector in made.items():
            seconds = cpu_s(lambda detector=detector: detector.score(window), rounds=given.rounds)
            found[name] = {
                "ms_per_window": round(1e3 * seconds, 1),
                "audio_s_per_cpu_s": round(window.duration_s / seconds, 1),
            }
            tell(given, name, found[name])
        gap = max(abs(made["aasist_l (torch)"].score(e.clip()) - made["aasist_l (onnx)"].score(e.clip())) for e in some)
        found["aasist_l, largest gap of ONNX and torch"] = gap
        tell(given, "aasist_l, largest gap of ONNX and torch", gap)
    return found


def aasist(given: argparse.Namespace) -> dict[str, Any]:
    rows = Manifest.read(DATA / "spoof_derived").entries
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for change, names in CHECKED.items():
            for checkpoint in names:
                name = "aasist_l" if checkpoint == "AASIST-L" else "aasist"
                detector = detectors.make(f"{name}:weights={exported(name, checkpoint, folder)}")
                found[f"{checkpoint}, {change}"] = by_kind(scored(rows, detector.score, CHANGES[change]))
                tell(given, checkpoint, change, found[f"{checkpoint}, {change}"])
    return found


def with_bona_fide(rows: Sequence[Entry], test_speakers: set[str], test_texts: set[str]) -> list[Entry]:
    """The rows, and bona fide speech of two other sets; nobody of the test, and no text of it."""
    more = [*Manifest.read(DATA / "librispeech").entries, *Manifest.read(DATA / "speechocean762").entries]
    kept = [e for e in more if e.speaker not in test_speakers and (e.text or "") not in test_texts]
    return [*rows, *(e.model_copy(update={"label": "bona_fide", "id": f"more/{e.id}"}) for e in kept)]


def baselines(given: argparse.Namespace) -> dict[str, Any]:
    rows = Manifest.read(DATA / "spoof_derived").entries
    voices = sorted({e.speaker or "" for e in rows if (e.speaker or "").startswith("ls")})
    texts = sorted({e.text or "" for e in rows if e.text})
    found: dict[str, Any] = {}
    for spec in given.detectors:
        detector, seconds, seen, unseen = detectors.make(spec), [], [], {}
        rng = np.random.default_rng(0)
        order, order_of_texts = rng.permutation(voices), rng.permutation(texts)
        for fold in range(given.folds):
            people, words = set(order[fold :: given.folds]), set(order_of_texts[fold :: given.folds])
            test = [e for e in rows if e.speaker in people or e.text in words]
            fitted_on = [e for e in rows if e not in test]
            begun = time.process_time()
            artefact = detector.fit(with_bona_fide(fitted_on, people, words), None, np.random.default_rng(fold))
            seconds.append(time.process_time() - begun)
            seen += _scored_with(artefact, spec, test)
        tell(
            given,
            spec,
            "seen kinds, unseen speakers",
            by_kind(seen),
            "fit, processor s",
            [round(s, 1) for s in seconds],
        )
        for kind in given.held_out:  # one half to fit on, without the kind
            people, words = set(order[::2]), set(order_of_texts[::2])
            test = [e for e in rows if e.speaker in people or e.text in words]
            fitted_on = [e for e in rows if e not in test and e.attributes.get("attack") != kind]
            artefact = detector.fit(with_bona_fide(fitted_on, people, words), None, np.random.default_rng(0))
            against = [e for e in test if e.label == "bona_fide" or e.attributes["attack"] == kind]
            unseen[kind] = error_rate(_scored_with(artefact, spec, against))
        found[spec] = {
            "seen kinds, unseen speakers": by_kind(seen),
            "fit_cpu_s": [round(s, 1) for s in seconds],
            "kinds held out, unseen speakers": unseen,
        }
        tell(given, spec, "kinds held out", unseen)
    return found


def _scored_with(artefact: Any, spec: str, rows: Sequence[Entry]) -> list[Score]:
    with tempfile.TemporaryDirectory() as folder:
        fitted = detectors.make(f"{spec.partition(':')[0]}:artefact={artefact.save(folder)}")
        return scored(rows, fitted.score, lambda clip: clip)


def verification(given: argparse.Namespace) -> dict[str, Any]:
    """All pairs of the speakers of `test-other`; learnt from train-clean-100 and speechocean762, with nobody in common."""
    rows = Manifest.read(DATA / "librispeech").entries
    test = [e for e in rows if e.attributes["subset"] == "test-other"]
    learnt = [
        *(e for e in rows if e.attributes["subset"] != "test-other"),
        *Manifest.read(DATA / "speechocean762").entries,
    ]
    begun = time.process_time()
    artefact = detectors.make("speaker").fit(learnt, None, np.random.default_rng(0))
    fit_s = time.process_time() - begun
    with tempfile.TemporaryDirectory() as folder:
        verifier = detectors.make(f"speaker:artefact={artefact.save(folder)}")
        verifier.check()
    clips = [e.clip() for e in test]

    def ratios(enrolled: Sequence[AudioClip], attempts: Sequence[AudioClip]) -> Callable[[int, int], float]:
        return lambda a, b: verifier.verify([enrolled[a]], attempts[b])

    ways: dict[str, Callable[[int, int], float]] = {
        "speaker": ratios(clips, clips),
        "speaker, attempts over a telephone": ratios(clips, [over_telephone(clip) for clip in clips]),
    }
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav
    except ImportError:
        pass
    else:
        encoder = VoiceEncoder("cpu", verbose=False)
        for name, change in (
            ("Resemblyzer", lambda clip: clip),
            ("Resemblyzer, attempts over a telephone", over_telephone),
        ):
            left = [encoder.embed_utterance(preprocess_wav(clip.samples, source_sr=16_000)) for clip in clips]
            right = [encoder.embed_utterance(preprocess_wav(change(clip).samples, source_sr=16_000)) for clip in clips]
            ways[name] = lambda a, b, left=left, right=right: float(left[a] @ right[b])
    found: dict[str, Any] = {"fit, processor s": round(fit_s, 1), "checks of the fit": dict(artefact.about["checks"])}
    for name, ratio in ways.items():
        scores = [
            Score(ratio(a, b), test[a].speaker == test[b].speaker, "other", test[a].speaker or "")
            for a in range(len(test))
            for b in range(a + 1, len(test))
        ]
        same, apart = ([s.value for s in scores if s.ours is side] for side in (True, False))
        found[name] = error_rate(scores) | {
            f"min_dcf at {p:g}": round(min_dcf(bona_fide=same, spoof=apart, p_spoof=1 - p, c_fa=1), 4)
            for p in (0.01, 0.05)
        }
        if name.startswith("speaker"):
            found[name]["cllr_bits"] = round(cllr_bits(bona_fide=same, spoof=apart), 4)
        tell(given, name, found[name])
    tell(given, "fit", {key: found[key] for key in ("fit, processor s", "checks of the fit")})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("speed", "aasist", "baselines", "verification"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--detectors", nargs="+", default=["lfcc_gmm:checks=false", "cqcc_gmm:checks=false"])
    parser.add_argument("--held-out", nargs="*", default=[])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {"speed": speed, "aasist": aasist, "baselines": baselines, "verification": verification}[given.part](given)
    if given.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
