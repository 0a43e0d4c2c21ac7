#!/usr/bin/env python3
"""CPU time of the detection and transcription metrics against a named rival, with both results side by side.

    python benchmarks/metrics.py [--n 1000000] [--n-tandem 20000] [--json]

The rival of the detection metrics is a re-implementation, in this file, of how the ASVspoof 5 evaluation package
computes them (stable sort, one Python step a threshold for min DCF and a-DCF, one scan of all countermeasure thresholds
a verifier threshold for t-EER); it is not the package itself. The full t-EER scan is quadratic, so it runs at
`--n-tandem` scores; ours also runs at `--n`. The rival of the word error rate is jiwer, and that of the edits over
written forms jiwer's plain count (which takes another form for an error) and, where it is installed, jiwer behind the
English normaliser of Whisper (`pip install whisper_normalizer`). CPU milliseconds, best of three for ours, one run for
the rival.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import numpy as np

from earnest.metrics import _lattice, detection, transcription

OPERATING_POINT = {"p_miss_asv": 0.0188, "p_fa_asv": 0.0188, "p_fa_spoof_asv": 0.4607}
PRIORS = (0.9405, 0.0095, 0.05)
COSTS = (1, 10, 10)


def timed(work: Callable[[], float], *, runs: int) -> tuple[float, float]:
    """Result and CPU milliseconds of the fastest of several runs."""
    best, result = float("inf"), float("nan")
    for _ in range(runs):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return result, 1000 * best


def loop_curve(bona_fide: np.ndarray, spoof: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Miss and false alarm after each trial of a stable sort, ties in the order of the classes."""
    labels = np.concatenate([np.ones(bona_fide.size), np.zeros(spoof.size)])
    labels = labels[np.argsort(np.concatenate([bona_fide, spoof]), kind="mergesort")]
    missed = np.cumsum(labels)
    passed = spoof.size - (np.arange(1, labels.size + 1) - missed)
    return np.concatenate([[0], missed / bona_fide.size]), np.concatenate([[1], passed / spoof.size])


def loop_eer(bona_fide: np.ndarray, spoof: np.ndarray) -> float:
    miss, false_alarm = loop_curve(bona_fide, spoof)
    nearest = np.argmin(np.abs(miss - false_alarm))
    return float((miss[nearest] + false_alarm[nearest]) / 2)


def loop_min_dcf(bona_fide: np.ndarray, spoof: np.ndarray) -> float:
    miss, false_alarm = loop_curve(bona_fide, spoof)
    best = float("inf")
    for k in range(len(miss)):
        cost = 1 * miss[k] * 0.95 + 10 * false_alarm[k] * 0.05
        if cost < best:
            best = cost
    return float(best / min(0.95, 0.5))


def loop_min_t_dcf(bona_fide: np.ndarray, spoof: np.ndarray) -> float:
    miss, false_alarm = loop_curve(bona_fide, spoof)
    np.unique(np.concatenate([bona_fide, spoof]))  # the check that scores are no decisions
    base = PRIORS[0] * OPERATING_POINT["p_miss_asv"] + PRIORS[1] * 10 * OPERATING_POINT["p_fa_asv"]
    by_miss, by_fa = PRIORS[0] - base, PRIORS[2] * 10 * OPERATING_POINT["p_fa_spoof_asv"]
    return float(np.min((base + by_miss * miss + by_fa * false_alarm) / (base + min(by_miss, by_fa))))


def loop_a_dcf(target: np.ndarray, nontarget: np.ndarray, spoof: np.ndarray) -> float:
    labels = np.concatenate([np.full(target.size, 1), np.full(nontarget.size, 0), np.full(spoof.size, 2)])
    labels = labels[np.argsort(np.concatenate([target, nontarget, spoof]), kind="mergesort")]
    left, misses, fas, fas_spoof = [nontarget.size, 0, spoof.size], [0.0], [1.0], [1.0]
    for label in labels:
        left[label] += 1 if label == 1 else -1
        misses.append(left[1] / target.size)
        fas.append(left[0] / nontarget.size)
        fas_spoof.append(left[2] / spoof.size)
    reject, accept, accept_spoof = COSTS[0] * PRIORS[0], COSTS[1] * PRIORS[1], COSTS[2] * PRIORS[2]
    costs = reject * np.array(misses) + accept * np.array(fas) + accept_spoof * np.array(fas_spoof)
    return float(costs.min() / min(reject, accept + accept_spoof))


def loop_tandem(scores: dict[str, np.ndarray]) -> float:
    classes = [scores[name] for name in ("asv_target", "asv_nontarget", "asv_spoof")]
    labels = np.repeat([0, 1, 2], [c.size for c in classes])[np.argsort(np.concatenate(classes), kind="mergesort")]
    up_to = [np.concatenate([[0], np.cumsum(labels == k) / c.size]) for k, c in enumerate(classes)]
    asv_miss, asv_fa, asv_fa_spoof = up_to[0], 1 - up_to[1], 1 - up_to[2]
    miss, false_alarm = loop_curve(scores["cm_bona_fide"], scores["cm_spoof"])
    nearest, value = float("inf"), float("nan")
    for k in range(len(asv_miss)):
        tandem_miss = miss + (1 - miss) * asv_miss[k]
        tandem_fa = 0.5 * (1 - miss) * asv_fa[k] + 0.5 * false_alarm * asv_fa_spoof[k]
        place = np.argmin(np.abs(tandem_miss - tandem_fa))
        if asv_miss[k] < 0.5 * asv_fa[k] + 0.5 * asv_fa_spoof[k] and asv_fa_spoof[k] and miss[place] < 1:
            apart = abs(asv_fa[k] / asv_fa_spoof[k] - false_alarm[place] / (1 - miss[place]))
            if apart < nearest:
                nearest, value = apart, asv_fa_spoof[k] * false_alarm[place]
    return float(value)


def tandem_scores(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    third, half = n // 3, n // 2
    return {
        "asv_target": rng.normal(2, 1, third),
        "asv_nontarget": rng.normal(-2, 1, third),
        "asv_spoof": rng.normal(1, 1, n - 2 * third),
        "cm_bona_fide": rng.normal(1.2, 1, half),
        "cm_spoof": rng.normal(-1.2, 1, n - half),
    }


def sentences(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """Texts of 5 to 30 words from 2,000, and copies of them with some 12 % of the words changed, dropped or doubled."""
    words = np.array([f"word{k}" for k in range(2000)])
    reference, hypothesis = [], []
    for _ in range(n):
        said = rng.choice(words, size=rng.integers(5, 31))
        fate = rng.choice(4, size=said.size, p=[0.88, 0.06, 0.03, 0.03])
        heard = [{0: (w,), 1: (rng.choice(words),), 2: (), 3: (w, w)}[f] for w, f in zip(said, fate)]
        reference.append(" ".join(said))
        hypothesis.append(" ".join(word for part in heard for word in part))
    return reference, hypothesis


def detection_rows(rng: np.random.Generator, *, n: int, n_tandem: int) -> list[tuple]:
    half, tenth = n // 2, n // 10
    bona_fide, spoof = rng.normal(1.2, 1, half), rng.normal(-1.2, 1, n - half)
    three = {"target": bona_fide, "nontarget": spoof[:tenth], "spoof": spoof[tenth:]}
    sides, tandem, large = {"bona_fide": bona_fide, "spoof": spoof}, tandem_scores(rng, n_tandem), tandem_scores(rng, n)
    rival = "loops as in the ASVspoof 5 package"
    return [
        ("equal_error_rate", n, rival, lambda: detection.equal_error_rate(**sides), lambda: loop_eer(bona_fide, spoof)),
        ("min_dcf", n, rival, lambda: detection.min_dcf(**sides), lambda: loop_min_dcf(bona_fide, spoof)),
        (
            "min_t_dcf",
            n,
            rival,
            lambda: detection.min_t_dcf(**sides, **OPERATING_POINT),
            lambda: loop_min_t_dcf(bona_fide, spoof),
        ),
        ("a_dcf", n, rival, lambda: detection.a_dcf(**three), lambda: loop_a_dcf(*three.values())),
        (
            "tandem_equal_error_rate",
            n_tandem,
            rival,
            lambda: detection.tandem_equal_error_rate(**tandem),
            lambda: loop_tandem(tandem),
        ),
        ("tandem_equal_error_rate", n, "none at this size", lambda: detection.tandem_equal_error_rate(**large), None),
    ]


def transcription_rows(rng: np.random.Generator) -> list[tuple]:
    import jiwer

    reference, hypothesis = sentences(rng, 5000)
    ours = transcription.word_error_rate
    return [
        (
            "word_error_rate",
            5000,
            f"jiwer {version('jiwer')}",
            lambda: ours(reference=reference, hypothesis=hypothesis),
            lambda: jiwer.wer(reference, hypothesis),
        )
    ]


FORMS = (
    ("nineteen eighty four", "1984"), ("three hundred and forty five dollars", "$345"), ("ten per cent", "10%"),
    ("half past ten", "10:30"), ("four two seven one", "4271"), ("two and a half", "2.5"), ("the third of may", "3 May"),
    ("five kilometres", "5 km"), ("one hundred and five", "105"), ("the nineteen eighties", "the 1980s"),
)  # fmt: skip  # a table: one row a line
"""Numbers as they are said and as recognisers write them."""


def spoken(rng: np.random.Generator, *, n: int, n_words: int, n_numbers: int) -> tuple[list[str], list[str]]:
    """Texts of letters alone with so many numbers in words, and transcripts with figures and some 6 % of errors."""
    words = ["".join(rng.choice(list("abcdefghilmnoprstu"), size=rng.integers(3, 9))) for _ in range(2000)]
    reference, hypothesis = [], []
    for _ in range(n):
        said = [(str(word), str(word)) for word in rng.choice(words, size=n_words)]
        for place in rng.choice(n_words, size=n_numbers, replace=False):
            said[place] = FORMS[rng.integers(len(FORMS))]
        reference.append(" ".join(word for word, _ in said))
        written = [str(rng.choice(words)) if rng.random() < 0.06 else word for _, word in said]
        hypothesis.append(f"{' '.join(written)}.")
    return reference, hypothesis


def spoken_rows(rng: np.random.Generator) -> list[tuple]:
    normal = whisper_normaliser()
    rows = []
    for name, n, n_words, n_numbers in (
        ("edits over forms: words", 1000, 15, 0),
        ("edits over forms: numbers", 1000, 15, 2),
        ("edits over forms: dictation", 20, 750, 40),
    ):
        texts = spoken(rng, n=n, n_words=n_words, n_numbers=n_numbers)
        rows.append(
            (name, n, f"jiwer {version('jiwer')}, plain", partial(over_forms, *texts), partial(by_jiwer, *texts))
        )
        if normal is not None:
            rival = f"whisper_normalizer {version('whisper_normalizer')} and jiwer"
            rows.append((name, n, rival, partial(over_forms, *texts), partial(by_jiwer, *texts, normal=normal)))
    return rows


def over_forms(reference: list[str], hypothesis: list[str]) -> float:
    _lattice._kept.cache_clear()  # or the second run would find every text read
    counts = [transcription.spoken_edit_counts(reference=a, hypothesis=b) for a, b in zip(reference, hypothesis)]
    return sum(one.edits for one in counts) / sum(one.n_reference for one in counts)


def by_jiwer(reference: list[str], hypothesis: list[str], *, normal: Callable[[str], str] = str) -> float:
    """Text by text, as a task scores them."""
    import jiwer

    found = [jiwer.process_words(normal(a), normal(b)) for a, b in zip(reference, hypothesis)]
    edits = sum(one.substitutions + one.deletions + one.insertions for one in found)
    return edits / sum(one.substitutions + one.deletions + one.hits for one in found)


def whisper_normaliser() -> Callable[[str], str] | None:
    """Whisper's English normaliser, where a user has installed it."""
    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError:
        return None
    return EnglishTextNormalizer()


def measured(row: tuple) -> dict:
    name, n, rival, ours, theirs = row
    value, ours_ms = timed(ours, runs=3)
    found = {"metric": name, "n": n, "value": value, "cpu_ms": ours_ms, "rival": rival}
    if theirs is not None:
        rival_value, rival_ms = timed(theirs, runs=1)
        found |= {"rival_value": rival_value, "rival_cpu_ms": rival_ms, "ratio": rival_ms / ours_ms}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000, help="scores")
    parser.add_argument("--n-tandem", type=int, default=20_000, help="scores where the rival's t-EER runs")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    chosen = parser.parse_args()
    rng = np.random.default_rng(20)
    rows = detection_rows(rng, n=chosen.n, n_tandem=chosen.n_tandem) + transcription_rows(rng) + spoken_rows(rng)
    found = [measured(row) for row in rows]
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'metric':28} {'n':>9} {'CPU ms':>9} {'rival ms':>10} {'ratio':>7} {'value':>10} {'rival':>10}  rival")
    for f in found:
        rival = f"{f['rival_cpu_ms']:10.1f} {f['ratio']:7.1f}" if "ratio" in f else f"{'-':>10} {'-':>7}"
        theirs = f"{f['rival_value']:10.6f}" if "ratio" in f else f"{'-':>10}"
        print(f"{f['metric']:28} {f['n']:9} {f['cpu_ms']:9.1f} {rival} {f['value']:10.6f} {theirs}  {f['rival']}")


if __name__ == "__main__":
    main()
