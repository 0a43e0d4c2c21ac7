"""How fast the anonymisers are: seconds of audio per CPU second, on one thread.

    python benchmarks/anonymisation.py                # mcadams, and world and phonetic where their extras are installed
    python benchmarks/anonymisation.py --json         # figures for a machine

Only CPU time counts, that of a synthesiser's own processes included, so a busy machine changes little. The `ratio` is against mcadams. Clips are made here and have no words, so `phonetic` speaks
a text from a column: what its recogniser costs comes on top.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics

import numpy as np
from scipy.signal import lfilter

from earnest.anonymisers import anonymisers
from earnest.audio import AudioClip, Entry
from earnest.errors import MissingExtra

SAMPLE_RATE = 16_000
CLIP_S = 5.0
_NUMBERS = itertools.count(10)
SPECS = ("mcadams", "world", "phonetic:recogniser=column")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    options = parser.parse_args()
    clips = [vowels(seed) for seed in range(options.clips)]
    found = {}
    for spec in SPECS:
        try:
            found[spec] = statistics.median(times_real_time(spec, clips) for _ in range(options.rounds))
        except MissingExtra as error:
            if not options.json:
                print(f"{spec}: {error}")
    rows = [
        {"method": spec, "times_real_time": round(value, 1), "ratio": round(value / found["mcadams"], 3)}
        for spec, value in found.items()
    ]
    if options.json:
        print(json.dumps({"clips": options.clips, "clip_s": CLIP_S, "rows": rows}, indent=2))
        return 0
    for row in rows:
        print(f"{row['method']:<30} {row['times_real_time']:>8.1f} times real time  {row['ratio']:.2f} of mcadams")
    return 0


def vowels(seed: int) -> AudioClip:
    """Voiced speech of a kind: pulses through two resonances, with some noise."""
    rng = np.random.default_rng(seed)
    samples = 0.01 * rng.standard_normal(round(CLIP_S * SAMPLE_RATE))
    samples[:: round(SAMPLE_RATE / rng.uniform(90, 220))] += 1.0
    for formant in (rng.uniform(300, 800), rng.uniform(900, 2200)):
        angle = 2 * np.pi * formant / SAMPLE_RATE
        samples = lfilter([1.0], [1.0, -2 * 0.97 * np.cos(angle), 0.97**2], samples)
    return AudioClip((0.3 * samples / np.abs(samples).max()).astype(np.float32), SAMPLE_RATE)


def times_real_time(spec: str, clips: list[AudioClip]) -> float:
    """Seconds of audio per second of CPU time, each clip in a voice of its own."""
    method = anonymisers.make(spec)
    begun = sum(os.times()[:4])
    for number, clip in enumerate(clips):
        text = f"turn on the light in room {next(_NUMBERS)} please, and leave the door open"  # a text that was never spoken
        entry = Entry(path="a.wav", text=text)
        method.anonymised(entry, clip, drawn=method.draw(np.random.default_rng(number)))
    return len(clips) * CLIP_S / (sum(os.times()[:4]) - begun)


if __name__ == "__main__":
    raise SystemExit(main())
