"""Mitigations on a bias that was planted in the data, and on real speech.

    python benchmarks/mitigation.py plant OUT                        # writes four data sets in 40 voices
    python benchmarks/mitigation.py table DATA --model R --group C --label L ... --method M ...   # a Markdown table

`plant` lets voices of eSpeak NG, women's and men's, say the requests of the probe set, and divides them by voice into
train, calibration and test. A bias is planted in the training rows of women alone: `flipped` labels 85 % of their harmless
requests harmful, `thinned` keeps 5 % of their rows, harmless ones last. `cut` is a fault of the recordings and in every
row of women: a band to 2 kHz, with noise at 5 dB, and half of their training rows left out. `none` plants nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from earnest.audio import AudioClip, Manifest, effects
from earnest.mitigation import mitigation
from earnest.mitigation.recipes import recipes
from earnest.mitigation.trial import mitigated, read_rows
from earnest.tasks.probe import probe_manifest
from earnest.voices._espeak_library import spoken as spoken_by_library

ACCENTS = ("en-us", "en", "en-gb-scotland", "en-029")
KINDS = ("none", "flipped", "thinned", "cut")
N_PAIRS = 6
FLIPPED, KEPT = 0.85, 0.05


def texts() -> list[tuple[str, str]]:
    """Requests of the probe set with their labels, as many harmful as harmless ones."""
    found: dict[str, list[str]] = {"harmful": [], "benign": []}
    for entry in probe_manifest():
        if (
            entry.role == "request"
            and entry.language == "en"
            and entry.label in found
            and entry.text
            and entry.text not in found[entry.label]
        ):
            found[entry.label].append(entry.text)
    return [(text, label) for label, some in found.items() for text in sorted(some)[:N_PAIRS]]


def plant(out: Path) -> None:
    """Write the four data sets."""
    rngs = {kind: np.random.default_rng(0) for kind in KINDS}
    rows: dict[str, list[dict[str, str]]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        (out / kind / "audio").mkdir(parents=True)
    for gender, letter in (("female", "f"), ("male", "m")):
        for number, (accent, variant) in enumerate((a, v) for v in range(1, 6) for a in ACCENTS):
            split = ("train", "train", "test", "train", "calibration")[(number // 2) % 5]
            for k, (text, label) in enumerate(texts()):
                spoken = said(text, f"{accent}+{letter}{variant}")
                for kind, rng in rngs.items():
                    clip, given = planted(kind, spoken, label, split, rng) if gender == "female" else (spoken, label)
                    if clip is None:
                        continue
                    name = f"audio/{letter}{number:02d}_{k:02d}.wav"
                    clip.quantised().write(out / kind / name)
                    rows[kind].append({"path": name, "speaker": f"{letter}{number:02d}", "gender": gender, "text": text, "label": given, "split": split})  # fmt: skip
    for kind, each in rows.items():
        with (out / kind / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(each[0]))
            writer.writeheader()
            writer.writerows(each)
        print(f"{out / kind}: {len(each)} recordings")


def said(text: str, voice: str) -> AudioClip:
    """A text in a voice of eSpeak NG, whose library is loaded anew in a process of its own, which is forked."""
    with get_context("fork").Pool(1) as pool:
        rate, samples = pool.apply(spoken_by_library, (text, voice))
    return AudioClip((np.frombuffer(samples, "<i2") / 32768).astype(np.float32), rate).resampled(16000)


def planted(
    kind: str, clip: AudioClip, label: str, split: str, rng: np.random.Generator
) -> tuple[AudioClip | None, str]:
    """A woman's recording and its label under a planted bias; no recording where it is left out."""
    if kind == "flipped" and split == "train" and label == "benign" and rng.random() < FLIPPED:
        return clip, "harmful"
    if kind == "thinned" and split == "train" and rng.random() > (KEPT if label == "benign" else 0.5):
        return None, label
    if kind == "cut":
        if split == "train" and rng.random() < 0.5:
            return None, label
        samples, _ = effects.band_limit(clip.samples, 16000, low_hz=100, high_hz=2000)
        samples, _ = effects.noise(samples, 16000, snr_db=5.0, rng=rng)
        return AudioClip(samples, 16000), label
    return clip, label


def table(arguments: argparse.Namespace) -> None:
    """Print a row for each method, and keep the trials as JSON if asked to."""
    recipe = recipes.make(arguments.model)
    read = read_rows(
        recipe, Manifest.read(arguments.data), columns=arguments.group, label=arguments.label, positive=arguments.positive,
        least=arguments.least,
    )  # fmt: skip
    kept = []
    for spec in arguments.method:
        method, begun = mitigation.make(spec), time.process_time()
        one = mitigated(
            recipe, read, method, columns=arguments.group, label=arguments.label, measure=arguments.measure or method.measure,
            strengths=arguments.strength, seeds=arguments.seeds, least=arguments.least,
        )  # fmt: skip
        kept.append(one.as_json())
        if spec == arguments.method[0] or one.measure != kept[0]["measure"]:
            groups = ", ".join(f"{g.group} {g.value.value:.2f}" for g in one.before.groups)
            print(
                f"| none ({one.measure}) | {groups} | {one.before.gap.value:.2f} | | | {one.before.overall.value:.2f} |"
            )
        full = one.full
        groups = ", ".join(f"{g.group} {g.value.value:.2f}" for g in full.fairness.groups)
        moved, best = full.gap_change, full.best_change
        noise = ", within noise" if moved.within_noise else ""
        ends = "no interval" if moved.low is None else f"{moved.low:+.2f} to {moved.high:+.2f}"
        print(
            f"| `{one.method}` | {groups} | {full.fairness.gap.value:.2f} | {moved.value:+.2f} ({ends}{noise}) | "
            f"{best.value:+.2f} | {full.fairness.overall.value:.2f} |",
            flush=True,
        )
        print(f"  {spec}: {time.process_time() - begun:.0f} s; {one.verdict}", flush=True)
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(kept, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("plant")
    one.add_argument("out", type=Path)
    two = commands.add_parser("table")
    two.add_argument("data", type=Path)
    two.add_argument("--model", default="reference_states")
    two.add_argument("--group", action="append", required=True)
    two.add_argument("--label", default="label")
    two.add_argument("--positive", default="")
    two.add_argument("--measure", default="")
    two.add_argument("--method", action="append", required=True)
    two.add_argument("--strength", action="append", type=float)
    two.add_argument("--seeds", type=int, default=3)
    two.add_argument("--least", type=int, default=20)
    two.add_argument("--out", default="")
    arguments = parser.parse_args()
    if arguments.command == "plant":
        plant(arguments.out)
        return
    arguments.strength = arguments.strength or [0.5, 1.0]
    table(arguments)


if __name__ == "__main__":
    main()
